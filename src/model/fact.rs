//! Facts: what happened to clocks, requests and records, in the form that reports count.
//!
//! The journal tells a person why; a fact tells a report what. Both are appended by the decision that they follow from.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::digest::Reason;
use crate::request::{RequestState, Way};
use crate::{Instant, PersonId, RuleKey};

/// One thing that happened to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When, by the CRM's time where it tells one: a report's period is over this.
    pub at: Instant,
    /// The record's owner then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// The rule, or `approval/<key>`; `None` for what is about the record alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleKey>,
    /// The episode, 0 where none.
    #[serde(default)]
    pub episode: u32,
    /// The rule was on trial then: nobody was told anything, so that it says nothing about people.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_shadow: bool,
    /// What happened.
    pub what: Happened,
}

/// What a fact says happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// A clock began.
    Started {
        /// The deadline that it had then.
        deadline: Instant,
    },
    /// The work was done in time.
    Met {
        /// Seconds from the clock's zero to the work being done.
        took_secs: i64,
    },
    /// The work was done after the violation.
    MetLate {
        /// Seconds from the clock's zero to the work being done.
        took_secs: i64,
    },
    /// The deadline passed.
    Violated {
        /// Whether it belongs to the owner.
        enforceable: bool,
        /// Who owned the record before, when it was handed over too late for a reminder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_owner: Option<PersonId>,
    },
    /// A violation was taken back.
    Withdrawn,
    /// The clock ended without a result.
    Void,
    /// A request was opened, or reopened.
    Requested {
        /// The round that began.
        round: u32,
    },
    /// A request ended.
    RequestClosed {
        /// How.
        state: RequestState,
        /// In which way it was decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<Way>,
        /// Who decided last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonId>,
        /// Seconds for which the requester waited in this round.
        waited_secs: i64,
        /// How many steps the request passed through.
        steps: u32,
    },
    /// One step of a request was decided by a person.
    StepDecided {
        /// The approver.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonId>,
        /// Seconds for which the approver was asked.
        took_secs: i64,
    },
    /// A reason was given.
    ReasonGiven(Reason),
    /// The granted checkbox was ticked without a grant, and set back.
    Tampered,
    /// The Complex checkbox was ticked within the last day before the deadline.
    ComplexLate,
    /// The amount was lowered to just under the rule's criterion.
    LoweredUnder {
        /// The amount before.
        from: Decimal,
        /// The amount since.
        to: Decimal,
    },
    /// The rule ceased to apply and applied again within its reopen window.
    Wiggled,
    /// A spell ended in which owner, openness and the Complex checkbox of the record stayed as they were.
    Held(Spell),
    /// A digest was decided for a reader.
    DigestSent,
    /// A report was delivered.
    ReportMade,
}

/// A spell in which owner, openness and the Complex checkbox of a record stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// Since when, by the CRM's time.
    pub since: Instant,
    /// The owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// Whether the record is open.
    pub open: bool,
    /// Whether Complex is ticked.
    pub complex: bool,
}
