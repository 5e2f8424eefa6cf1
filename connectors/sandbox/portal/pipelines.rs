//! Pipelines of deals and their stages.

use super::instant::Millis;

/// A stage of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) id: String,
    pub(crate) label: String,
    /// The chance of winning, in percent.
    pub(crate) percent: u8,
    pub(crate) closed: bool,
    pub(crate) updated: Millis,
}

impl Stage {
    /// Whether a deal in it is won.
    pub(crate) fn is_won(&self) -> bool {
        self.closed && self.percent == 100
    }
}

/// A pipeline of deals.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) stages: Vec<Stage>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
}

impl Pipeline {
    pub(crate) fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }
}
