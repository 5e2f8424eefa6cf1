//! What people do about requests: reps ask and give reasons, managers read their tasks at working hours and decide.

use std::ops::Range;

use chrono::{Datelike, Duration, SecondsFormat, Timelike, Weekday};
use rand::Rng;

use super::cast::Member;
use super::course::Script;
use super::fields::{
    COMPLEX, DELAY_REASON, DELAY_REASON_TEXT, DISCOUNT, MANAGER_DECISION, OUTCOME, REQUEST_APPROVED, WANTED_UNTIL,
};
use super::moment;
use crate::edit::{Edit, Properties, TaskName};

/// The reasons that the picklist offers and that need no further words.
const REASONS: [&str; 5] = ["price", "legal", "technical", "customer", "resources"];

/// The full hours between which managers read their tasks.
const READING_HOURS: Range<u32> = 9..17;

/// What somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Approved,
    Refused,
}

impl Script<'_> {
    /// The rep ticks Complex, and nothing else.
    pub(super) fn complex(&mut self, ticked: bool) -> &mut Self {
        self.set(COMPLEX, ticked.to_string())
    }

    /// The rep ticks Complex and says why, and by when they want to be done.
    pub(super) fn complex_with_reason(&mut self) -> &mut Self {
        let (reason, days) = (self.reason(), self.rng.random_range(8..12));
        let wanted = self.first_day + Duration::days(days);
        let properties = [
            (COMPLEX, "true".to_owned()),
            (DELAY_REASON, reason.to_owned()),
            (WANTED_UNTIL, wanted.format("%Y-%m-%d").to_string()),
        ];
        self.set_all(properties)
    }

    /// The rep grants themselves what only the approval may grant.
    pub(super) fn tamper(&mut self) -> &mut Self {
        self.set(REQUEST_APPROVED, "true".to_owned())
    }

    /// The rep says why, by the picklist.
    pub(super) fn give_reason(&mut self) -> &mut Self {
        let reason = self.reason();
        self.set(DELAY_REASON, reason.to_owned())
    }

    /// The rep says why in words, since nothing in the picklist fits.
    pub(super) fn give_reason_in_words(&mut self) -> &mut Self {
        let words = "the customer's board meets next week".to_owned();
        self.set_all([(DELAY_REASON, "other".to_owned()), (DELAY_REASON_TEXT, words)])
    }

    /// The rep chooses "other" and leaves it at that.
    pub(super) fn evade_reason(&mut self) -> &mut Self {
        self.set(DELAY_REASON, "other".to_owned())
    }

    /// The rep enters a discount.
    pub(super) fn discount(&mut self, percent: u32) -> &mut Self {
        self.set(DISCOUNT, percent.to_string())
    }

    /// The rep's manager decides about more time, after some hours: completes the task that asks, or decides in the CRM's
    /// approval process where there is one.
    pub(super) fn manager_says(&mut self, word: Word, after: Range<i64>) -> &mut Self {
        if !self.has_process {
            return self.manager_completes(word, after);
        }
        if self.rng.random_bool(0.3) {
            // Whoever has completed the task ends the process as well, or the deal stays locked.
            return self.manager_completes(word, after).manager_ends_process(word, 1..4);
        }
        self.manager_ends_process(word, after)
    }

    /// The rep's manager completes the task that asks, after some hours.
    pub(super) fn manager_completes(&mut self, word: Word, after: Range<i64>) -> &mut Self {
        self.complete_asking(self.manager, word, after)
    }

    /// The director completes the task that asks, after some hours.
    pub(super) fn director_says(&mut self, word: Word, after: Range<i64>) -> &mut Self {
        self.complete_asking(self.director, word, after)
    }

    /// The rep's manager decides in the field of the deal, after some hours; in the CRM's approval process where there is
    /// one, for it locks the deal with its fields.
    pub(super) fn manager_enters(&mut self, word: Word, after: Range<i64>) -> &mut Self {
        if self.has_process {
            return self.manager_ends_process(word, after);
        }
        self.reads(self.manager, after);
        let value = match word {
            Word::Approved => "Approved",
            Word::Refused => "Rejected",
        };
        let properties = Properties::from([(MANAGER_DECISION.to_owned(), value.to_owned())]);
        let edit = Edit::SetDeal { deal: self.deal(), properties, by: self.manager.user().to_owned() };
        self.add(edit)
    }

    fn manager_ends_process(&mut self, word: Word, after: Range<i64>) -> &mut Self {
        self.reads(self.manager, after);
        let edit = Edit::DecideApproval {
            deal: self.deal(),
            granted: word == Word::Approved,
            comment: "as we talked about".to_owned(),
            by: self.manager.user().to_owned(),
        };
        self.add(edit)
    }

    fn complete_asking(&mut self, who: &Member, word: Word, after: Range<i64>) -> &mut Self {
        self.reads(who, after);
        let outcome = match word {
            Word::Approved => "approved",
            Word::Refused => "refused",
        };
        let properties = Properties::from([
            (OUTCOME.to_owned(), outcome.to_owned()),
            ("hs_task_status".to_owned(), "COMPLETED".to_owned()),
        ]);
        let task = TaskName::Asking { deal: self.deal(), whom: who.owner().to_owned() };
        let edit = Edit::SetTask { task, properties, by: who.user().to_owned() };
        self.add(edit)
    }

    /// Moves on by some hours, and then to when somebody reads their tasks: at work, Monday to Friday.
    fn reads(&mut self, who: &Member, after: Range<i64>) {
        self.wait(after);
        let zone = who.zone();
        let local = self.now.with_timezone(&zone);
        let works = |day: Weekday| !matches!(day, Weekday::Sat | Weekday::Sun);
        if works(local.weekday()) && READING_HOURS.contains(&local.hour()) {
            return;
        }
        let today = local.hour() < READING_HOURS.start;
        let days = local.date_naive().iter_days().skip(usize::from(!today));
        let date = days.take(4).find(|date| works(date.weekday())).unwrap_or(local.date_naive());
        self.now = moment::within(READING_HOURS, date, zone, self.rng).max(self.now);
    }

    fn reason(&mut self) -> &'static str {
        REASONS[self.rng.random_range(0..REASONS.len())]
    }

    fn set_all<const N: usize>(&mut self, properties: [(&str, String); N]) -> &mut Self {
        let properties = properties.map(|(name, value)| (name.to_owned(), value)).into();
        let edit = Edit::SetDeal { deal: self.deal(), properties, by: self.user() };
        self.add(edit)
    }

    /// Puts the task off by a day and marks it as urgent.
    pub(super) fn move_task(&mut self) -> &mut Self {
        let due = (self.now + Duration::days(1)).to_rfc3339_opts(SecondsFormat::Millis, true);
        let properties =
            Properties::from([("hs_timestamp".to_owned(), due), ("hs_task_priority".to_owned(), "HIGH".to_owned())]);
        let edit = Edit::SetTask { task: self.task(), properties, by: self.user() };
        self.add(edit)
    }
}
