//! A connector of one's own: a program in any language, spoken to in lines of JSON over its input and output.
