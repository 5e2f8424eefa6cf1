//! Everything that can happen to a case.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::case::Sending;
use crate::digest::{Made, Notice};
use crate::record::FieldHistory;
use crate::request::{NativeSeen, Ruling, TaskSeen, Way};
use crate::{Change, EffectId, Instant, Outcome, PersonId, RecordId, RecordRef, RuleKey, StepName};

/// Where a change came from; decides whether a rule that it satisfies is a first evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The first read of a connection: what is true then was true before we came.
    FirstRead,
    /// A poll, or a fetch after a hint.
    Poll,
    /// Read again just before a timer was decided or a reminder written.
    Reread,
    /// The periodic full reconcile.
    Reconcile,
}

/// Something that happened to a case. Events are durable in the inbox before they are decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The CRM shows the record in a state.
    Changed {
        /// The state and its stamp.
        change: Box<Change>,
        /// Past values of watched fields since the state we knew, where the CRM has them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        history: Vec<FieldHistory>,
        /// Where it came from.
        origin: Origin,
        /// The moment up to which the answer is known to be complete for this record.
        as_of: Instant,
    },
    /// The case's timer has come.
    Due {
        /// The moment up to which the record's data is known.
        as_of: Instant,
        /// The longest wait for fresh data is over: reminders go on older data, violations still wait.
        waited: bool,
    },
    /// An effect of the case has an outcome.
    Settled {
        /// Which effect.
        effect: EffectId,
        /// What became of it.
        outcome: Outcome,
    },
    /// The rules, calendars or the profile changed; the case is judged anew.
    RulesChanged,
    /// A person that the case names changed: zone, manager, activity, absence.
    PersonChanged,
    /// Keys of effects that an earlier store had written, read back from the CRM before the first write.
    Recovered {
        /// The keys found on the record's tasks, with the tasks' ids.
        keys: Vec<(EffectId, String)>,
    },
    /// A record tells its intake that a rule began to apply to it.
    Entered {
        /// The record.
        record: RecordRef,
        /// When the clock entered, by our clock.
        at: Instant,
    },
    /// A record asks the recipient's case whether one more reminder fits into the day.
    Ask {
        /// The record that asks.
        record: RecordRef,
        /// The rule.
        rule: RuleKey,
        /// The step.
        step: StepName,
        /// The effect that will be written when admitted; also the identity of the request.
        effect: EffectId,
        /// One line for the overflow task.
        line: String,
    },
    /// The recipient's case answers: write it.
    Admitted {
        /// The effect asked for.
        effect: EffectId,
    },
    /// The recipient's case answers: it stands in the person's overflow task of the day.
    Overflowed {
        /// The effect asked for.
        effect: EffectId,
        /// The overflow task's effect.
        into: EffectId,
    },
    /// The recipient's case tells: the overflow task that lists these reminders stands in the CRM.
    Listed {
        /// The effects that were asked for.
        effects: Vec<EffectId>,
        /// Whose task it is.
        to: PersonId,
    },
    /// Another record was merged into this one; what it had sent is not sent again.
    Absorbed {
        /// The record that is no more.
        loser: RecordId,
        /// The steps it had sent, by rule.
        sent: BTreeMap<RuleKey, BTreeSet<Sending>>,
    },
    /// An intake holds the record's clock before its first effect.
    Hold {
        /// The rule.
        rule: RuleKey,
        /// The clock lets itself go then if the intake is not heard of.
        until: Instant,
    },
    /// An intake lets a held clock go.
    Release {
        /// The rule.
        rule: RuleKey,
        /// How.
        how: Release,
    },
    /// Somebody decides a request: by a signed link, at a desk. Other ways come as changes and as [`Event::Looked`].
    Ruled {
        /// The rule, or `approval/<key>`, under which the case keeps the request.
        rule: RuleKey,
        /// The request's episode.
        episode: u32,
        /// The request's round.
        round: u32,
        /// The step that was asked about.
        step: StepName,
        /// Who decides.
        by: PersonId,
        /// What.
        ruling: Ruling,
        /// In which way.
        way: Way,
        /// What was said beside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// The CRM was asked what became of a watched case: its own approval process, and our tasks that ask for a decision.
    Looked {
        /// The runs of the CRM's own approval process on the record, the newest first; empty where it has none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        native: Vec<NativeSeen>,
        /// Our open tasks that ask for a decision.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<TaskSeen>,
        /// The moment as of which the answer is complete.
        as_of: Instant,
    },
    /// A record's case, or a report, tells a reader of a digest something; told again when it changes.
    Noted(Box<Notice>),
    /// A report was made and is to be delivered.
    Made(Box<Made>),
    /// An administrator answers a storm; the intake also posts it to itself to go on with many records.
    Answered {
        /// What to do with the held records.
        answer: StormAnswer,
    },
}

/// What an administrator says about a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StormAnswer {
    /// Let every held clock run from its own zero.
    Start,
    /// Start the held clocks spread over working days, without blame.
    Spread,
    /// Void the held clocks.
    Ignore,
}

/// How a held clock is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// It runs from its own zero.
    Start,
    /// It runs from a new zero, so that a storm's reminders do not all fall on one day.
    From(Instant),
    /// It is void.
    Ignore,
}
