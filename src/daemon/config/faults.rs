//! All faults of all files, shown together.

use std::fmt;

use dealclock_model::Fault;

/// Everything that is wrong, in the order of files and lines; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Puts faults into the order of files and lines.
    pub(crate) fn sorted(mut faults: Vec<Fault>) -> Faults {
        faults.sort_by(|a, b| (&a.source.name, a.span.start).cmp(&(&b.source.name, b.span.start)));
        Faults(faults)
    }

    /// Nothing when nothing is wrong, else everything in order.
    pub(crate) fn unless_empty(faults: Vec<Fault>) -> Result<(), Faults> {
        if faults.is_empty() { Ok(()) } else { Err(Faults::sorted(faults)) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Faults {
        Faults(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}\n")?;
        }
        match self.0.len() {
            1 => f.write_str("1 fault"),
            count => write!(f, "{count} faults"),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Faults {}
