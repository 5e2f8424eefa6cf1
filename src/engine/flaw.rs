//! Something wrong inside one text, before it is known where in a file that text stands.

use std::ops::Range;

/// One flaw of a condition or a template, by bytes of its own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The bytes it is about.
    pub span: Range<usize>,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Whether the catalogue lacks a field that is named there, so that a mapping could bring it.
    pub lacks_field: bool,
}

impl Flaw {
    /// A flaw without help; add it with [`Flaw::help`].
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Flaw {
        Flaw { span, message: message.into(), help: None, lacks_field: false }
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Flaw {
        self.help = Some(help.into());
        self
    }

    /// Says that the catalogue lacks a field.
    #[must_use]
    pub fn lacking_field(mut self) -> Flaw {
        self.lacks_field = true;
        self
    }
}
