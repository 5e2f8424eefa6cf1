//! The command line is read as written in its help.
