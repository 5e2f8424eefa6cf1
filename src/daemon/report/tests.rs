//! Reports as they are shown.
