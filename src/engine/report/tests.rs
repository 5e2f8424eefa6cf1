//! Figures against values computed by hand, and reports against a count of another kind.
