//! The company's pipelines and stages, under the ids that a CRM gives them.

use crate::edit::{NewPipeline, NewStage};

/// A stage by its meaning; each pipeline has one of its own under another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Worth working on.
    Qualified,
    /// Wants a proposal.
    Open,
    /// The proposal is out.
    ProposalSent,
    /// Terms are being talked over.
    Negotiation,
    /// Closed, won.
    Won,
    /// Closed, lost.
    Lost,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 6] =
        [Stage::Qualified, Stage::Open, Stage::ProposalSent, Stage::Negotiation, Stage::Won, Stage::Lost];

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Stage::Qualified => "Qualified",
            Stage::Open => "Open",
            Stage::ProposalSent => "Proposal sent",
            Stage::Negotiation => "Negotiation",
            Stage::Won => "Won",
            Stage::Lost => "Lost",
        }
    }

    /// The ids of the stage, one for each pipeline.
    pub fn ids(self) -> Vec<&'static str> {
        PIPELINES.iter().map(|pipeline| pipeline.id_of(self)).collect()
    }

    fn percent(self) -> u8 {
        match self {
            Stage::Qualified => 20,
            Stage::Open => 40,
            Stage::ProposalSent => 60,
            Stage::Negotiation => 80,
            Stage::Won => 100,
            Stage::Lost => 0,
        }
    }

    fn is_closed(self) -> bool {
        matches!(self, Stage::Won | Stage::Lost)
    }
}

/// The ids of a pipeline and its stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageIds {
    /// The pipeline's id.
    pub pipeline: &'static str,
    label: &'static str,
    stages: [&'static str; 6],
}

impl StageIds {
    /// The id of a stage in this pipeline.
    pub fn id_of(&self, stage: Stage) -> &'static str {
        let [qualified, open, proposal_sent, negotiation, won, lost] = self.stages;
        match stage {
            Stage::Qualified => qualified,
            Stage::Open => open,
            Stage::ProposalSent => proposal_sent,
            Stage::Negotiation => negotiation,
            Stage::Won => won,
            Stage::Lost => lost,
        }
    }
}

/// Both pipelines: the first kept the ids that the CRM came with while its labels were changed, as happens in real accounts.
pub(super) const PIPELINES: [StageIds; 2] = [
    StageIds {
        pipeline: "default",
        label: "New business",
        stages: [
            "qualifiedtobuy",
            "appointmentscheduled",
            "contractsent",
            "decisionmakerboughtin",
            "closedwon",
            "closedlost",
        ],
    },
    StageIds {
        pipeline: "74120033",
        label: "Renewals",
        stages: ["228811001", "228811002", "228811003", "228811004", "228811005", "228811006"],
    },
];

/// The pipelines as an administrator makes them.
pub(super) fn pipelines() -> Vec<NewPipeline> {
    let stage = |ids: &StageIds, stage: Stage| NewStage {
        id: ids.id_of(stage).to_owned(),
        label: stage.label().to_owned(),
        percent: stage.percent(),
        closed: stage.is_closed(),
    };
    let pipeline = |ids: &StageIds| NewPipeline {
        id: ids.pipeline.to_owned(),
        label: ids.label.to_owned(),
        stages: Stage::ALL.map(|each| stage(ids, each)).to_vec(),
    };
    PIPELINES.iter().map(pipeline).collect()
}
