//! The journal: every decision with its reasons and every write, from which `explain` answers.

use serde::{Deserialize, Serialize};

use crate::{EffectId, Instant, RuleKey, StepName};

/// One line of a case's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided, by our clock.
    pub at: Instant,
    /// The rule it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleKey>,
    /// The episode, 0 where none.
    #[serde(default)]
    pub episode: u32,
    /// The step, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepName>,
    /// The effect, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectId>,
    /// What happened.
    pub what: What,
    /// Why, as a sentence for a person. Never a mail address, a token or a record's free text.
    pub why: String,
}

/// What a journal entry says happened; the word that scenarios expect and `explain` groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A clock began: a new episode.
    Started,
    /// The same episode went on after `when` was false for a while.
    Resumed,
    /// `until` became true in time.
    Met,
    /// `until` became true after the violation.
    MetLate,
    /// The deadline passed.
    Violated,
    /// A violation was taken back because a fact from before the deadline arrived later.
    Withdrawn,
    /// The clock ended without a result.
    Void,
    /// The clock fell silent.
    Silenced,
    /// The silence ended.
    Unsilenced,
    /// A step fired.
    Fired,
    /// A step will not be sent.
    Superseded,
    /// A step waits for the person's daily limit and was listed in the overflow task.
    Overflowed,
    /// A clock is held by the storm guard.
    Held,
    /// A held clock was let go.
    Released,
    /// A clock was planned anew.
    Replanned,
    /// Something moved away and back again.
    Wiggled,
    /// Open tasks and steps to come went to another owner.
    HandedOver,
    /// A step went to somebody else than it named.
    Rerouted,
    /// The rule does not apply, and why.
    NotApplicable,
    /// A condition met an empty field.
    FieldEmpty,
    /// The record cannot be judged.
    Parked,
    /// A fact arrived out of order and was ignored.
    Stale,
    /// An effect was applied.
    Applied,
    /// An effect was refused by the world.
    Refused,
    /// A person had changed or deleted what we made; it was left alone.
    LeftAlone,
    /// An earlier store's writes were read back from the CRM.
    Recovered,
    /// The steps that a merged record had sent were taken note of.
    Absorbed,
    /// A request was opened, or reopened.
    Requested,
    /// An approver, or an owner for a reason, was asked.
    Asked,
    /// One of several approvers said something, and others have still to.
    Voted,
    /// A request waited too long and went further up.
    Escalated,
    /// A request was granted.
    Granted,
    /// A request was refused.
    Declined,
    /// Nobody decided a request in time.
    TimedOut,
    /// The requester took a request back.
    RequestWithdrawn,
    /// A request was closed because it is not needed any more.
    NotNeeded,
    /// A grant was taken back by the requester.
    TakenBack,
    /// Somebody was told what came of a request.
    Told,
    /// A decision came when there was nothing left to decide, or from somebody who is not asked.
    TooLate,
    /// A granted checkbox was ticked without a grant.
    Tampered,
    /// A field of the record was set, as a decision asks for it.
    FieldSet,
    /// A checkbox that was ticked without a grant was set back.
    SetBack,
    /// A reason was given.
    ReasonGiven,
    /// Something will stand in a digest.
    Listed,
    /// A digest was sent.
    DigestSent,
    /// A report was delivered.
    ReportMade,
    /// Something would have been written, but the rule runs in shadow.
    Shadowed,
}

impl What {
    /// Every word, in the order of the list above.
    pub const ALL: [What; 47] = [
        What::Started,
        What::Resumed,
        What::Met,
        What::MetLate,
        What::Violated,
        What::Withdrawn,
        What::Void,
        What::Silenced,
        What::Unsilenced,
        What::Fired,
        What::Superseded,
        What::Overflowed,
        What::Held,
        What::Released,
        What::Replanned,
        What::Wiggled,
        What::HandedOver,
        What::Rerouted,
        What::NotApplicable,
        What::FieldEmpty,
        What::Parked,
        What::Stale,
        What::Applied,
        What::Refused,
        What::LeftAlone,
        What::Recovered,
        What::Absorbed,
        What::Requested,
        What::Asked,
        What::Voted,
        What::Escalated,
        What::Granted,
        What::Declined,
        What::TimedOut,
        What::RequestWithdrawn,
        What::NotNeeded,
        What::TakenBack,
        What::Told,
        What::TooLate,
        What::Tampered,
        What::FieldSet,
        What::SetBack,
        What::ReasonGiven,
        What::Listed,
        What::DigestSent,
        What::ReportMade,
        What::Shadowed,
    ];

    /// The word as scenarios and `explain` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Started => "started",
            What::Resumed => "resumed",
            What::Met => "met",
            What::MetLate => "met_late",
            What::Violated => "violated",
            What::Withdrawn => "withdrawn",
            What::Void => "void",
            What::Silenced => "silenced",
            What::Unsilenced => "unsilenced",
            What::Fired => "fired",
            What::Superseded => "superseded",
            What::Overflowed => "overflowed",
            What::Held => "held",
            What::Released => "released",
            What::Replanned => "replanned",
            What::Wiggled => "wiggled",
            What::HandedOver => "handed_over",
            What::Rerouted => "rerouted",
            What::NotApplicable => "not_applicable",
            What::FieldEmpty => "field_empty",
            What::Parked => "parked",
            What::Stale => "stale",
            What::Applied => "applied",
            What::Refused => "refused",
            What::LeftAlone => "left_alone",
            What::Recovered => "recovered",
            What::Absorbed => "absorbed",
            What::Requested => "requested",
            What::Asked => "asked",
            What::Voted => "voted",
            What::Escalated => "escalated",
            What::Granted => "granted",
            What::Declined => "declined",
            What::TimedOut => "timed_out",
            What::RequestWithdrawn => "request_withdrawn",
            What::NotNeeded => "not_needed",
            What::TakenBack => "taken_back",
            What::Told => "told",
            What::TooLate => "too_late",
            What::Tampered => "tampered",
            What::FieldSet => "field_set",
            What::SetBack => "set_back",
            What::ReasonGiven => "reason_given",
            What::Listed => "listed",
            What::DigestSent => "digest_sent",
            What::ReportMade => "report_made",
            What::Shadowed => "shadowed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_stored_as_it_is_written() {
        for what in What::ALL {
            assert_eq!(serde_json::to_value(what).unwrap(), what.as_str());
        }
    }
}
