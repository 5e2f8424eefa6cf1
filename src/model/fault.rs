//! Something wrong in a file that a person wrote: where it is, what is wrong, and the way out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One file's name and text, shared by all faults found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name to show, as the person gave it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Wraps a file's name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source { name: name.into(), text: text.into() })
    }

    /// The one-based line and column (in characters) of a byte offset.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// One fault. Reading collects all faults of all files before anything is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes it is about; an empty range points between two characters.
    pub span: Range<usize>,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Fault {
    /// A fault without help; add it with [`Fault::help`].
    pub fn new(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault { source: Arc::clone(source), span, message: message.into(), help: None }
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    /// `file:line:column: message`, the line itself with a marker, and the help; of an empty file only its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.text.is_empty() {
            write!(f, "{}: {}", self.source.name, self.message)?;
            return self.help.iter().try_for_each(|help| write!(f, "\n  help: {help}"));
        }
        let (line, column) = self.source.line_column(self.span.start);
        writeln!(f, "{}:{line}:{column}: {}", self.source.name, self.message)?;
        let text = self.source.text.lines().nth(line - 1).unwrap_or_default();
        let width = self
            .source
            .text
            .get(self.span.clone())
            .map_or(1, |marked| marked.lines().next().unwrap_or_default().chars().count().max(1));
        writeln!(f, "  {line} | {text}")?;
        write!(
            f,
            "  {:gutter$} | {:indent$}{}",
            "",
            "",
            "^".repeat(width),
            gutter = line.to_string().len(),
            indent = column - 1
        )?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_file_line_column_and_the_line() {
        let source = Source::new("rules.toml", "a = 1\nbü = stgae\n");
        let start = source.text.find("stgae").unwrap();
        let fault = Fault::new(&source, start..start + 5, "unknown field `stgae`").help("did you mean `stage`?");
        assert_eq!(
            fault.to_string(),
            "rules.toml:2:6: unknown field `stgae`\n  2 | bü = stgae\n    |      ^^^^^\n  help: did you mean `stage`?"
        );
    }
}
