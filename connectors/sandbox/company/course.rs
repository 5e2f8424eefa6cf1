//! The courses that an opportunity can take, each told as what people do on which day.

use std::ops::Range;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rand::Rng;
use rand::rngs::StdRng;

use super::cast::Member;
use super::moment;
use super::office::Word;
use super::stage::{Stage, StageIds};
use crate::edit::{DealName, Edit, Properties, TaskName, TimedEdit};

/// What becomes of an opportunity. Days count from the one on which its clock starts: reminders come at nine on the
/// first and fourth, and the fifth is the last in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Course {
    SentAtOnce,
    SentAfterFirst,
    SentAfterSecond,
    SentLate,
    NeverSent,
    ComplexEarly,
    ComplexEarlyThenUnticked,
    ComplexLate,
    ComplexUntickedTooLate,
    BelowThreshold,
    AtThreshold,
    Raised,
    RaisedAtLast,
    RaisedTooLate,
    DippedBriefly,
    DippedLong,
    AmountEmpty,
    AmountComesLater,
    NoOwner,
    HandedOver,
    OutBriefly,
    OutLong,
    SentAndTakenBack,
    StageSkipped,
    Lost,
    Deleted,
    DeletedAndRestored,
    Merged,
    TaskTickedOff,
    TaskMoved,
    TaskDeleted,
    GrantedByTask,
    GrantedByField,
    RefusedByTask,
    RefusedByField,
    TimedOut,
    AskedAgainAfterwards,
    TakenBack,
    AskedWithdrawnAsked,
    TamperedWith,
    TamperedWhileAsking,
    ReasonGiven,
    ReasonInWords,
    ReasonEvaded,
    DiscountSmall,
    DiscountLarge,
    DiscountRefused,
    DiscountRaised,
    LoweredUnder,
}

impl Course {
    /// The courses that opportunities draw; those that need a start of their own are left out.
    pub(super) const DECK: [Course; 47] = [
        Course::SentAtOnce,
        Course::SentAfterFirst,
        Course::SentAfterSecond,
        Course::SentLate,
        Course::NeverSent,
        Course::ComplexEarly,
        Course::ComplexEarlyThenUnticked,
        Course::ComplexLate,
        Course::ComplexUntickedTooLate,
        Course::BelowThreshold,
        Course::AtThreshold,
        Course::Raised,
        Course::DippedBriefly,
        Course::DippedLong,
        Course::AmountEmpty,
        Course::AmountComesLater,
        Course::NoOwner,
        Course::HandedOver,
        Course::OutBriefly,
        Course::OutLong,
        Course::SentAndTakenBack,
        Course::StageSkipped,
        Course::Lost,
        Course::Deleted,
        Course::DeletedAndRestored,
        Course::Merged,
        Course::TaskTickedOff,
        Course::TaskMoved,
        Course::TaskDeleted,
        Course::GrantedByTask,
        Course::GrantedByField,
        Course::RefusedByTask,
        Course::RefusedByField,
        Course::TimedOut,
        Course::AskedAgainAfterwards,
        Course::TakenBack,
        Course::AskedWithdrawnAsked,
        Course::TamperedWith,
        Course::TamperedWhileAsking,
        Course::ReasonGiven,
        Course::ReasonInWords,
        Course::ReasonEvaded,
        Course::DiscountSmall,
        Course::DiscountLarge,
        Course::DiscountRefused,
        Course::DiscountRaised,
        Course::LoweredUnder,
    ];

    /// Whether a second opportunity takes part.
    pub(super) fn needs_two(self) -> bool {
        self == Course::Merged
    }

    /// The amount at the beginning; `None` where nobody entered one.
    fn amount(self, rng: &mut StdRng) -> Option<String> {
        match self {
            Course::AmountEmpty | Course::AmountComesLater => None,
            Course::BelowThreshold | Course::Raised | Course::RaisedAtLast | Course::RaisedTooLate => Some(small(rng)),
            Course::AtThreshold => Some(if rng.random_bool(0.5) { "50000" } else { "49999.99" }.to_owned()),
            Course::SentAtOnce
            | Course::SentAfterFirst
            | Course::SentAfterSecond
            | Course::SentLate
            | Course::NeverSent
            | Course::ComplexEarly
            | Course::ComplexEarlyThenUnticked
            | Course::ComplexLate
            | Course::ComplexUntickedTooLate
            | Course::DippedBriefly
            | Course::DippedLong
            | Course::NoOwner
            | Course::HandedOver
            | Course::OutBriefly
            | Course::OutLong
            | Course::SentAndTakenBack
            | Course::StageSkipped
            | Course::Lost
            | Course::Deleted
            | Course::DeletedAndRestored
            | Course::Merged
            | Course::TaskTickedOff
            | Course::TaskMoved
            | Course::TaskDeleted
            | Course::GrantedByTask
            | Course::GrantedByField
            | Course::RefusedByTask
            | Course::RefusedByField
            | Course::TimedOut
            | Course::AskedAgainAfterwards
            | Course::TakenBack
            | Course::AskedWithdrawnAsked
            | Course::TamperedWith
            | Course::TamperedWhileAsking
            | Course::ReasonGiven
            | Course::ReasonInWords
            | Course::ReasonEvaded
            | Course::DiscountSmall
            | Course::DiscountLarge
            | Course::DiscountRefused
            | Course::DiscountRaised
            | Course::LoweredUnder => Some(large(rng)),
        }
    }
}

/// An amount below the threshold of the running example.
fn small(rng: &mut StdRng) -> String {
    format!("{}", rng.random_range(12..99) * 500)
}

/// An amount above the threshold; some have cents, as amounts from a quoting tool do.
fn large(rng: &mut StdRng) -> String {
    let amount = rng.random_range(104..1400) * 500;
    if rng.random_bool(0.2) { format!("{amount}.50") } else { amount.to_string() }
}

/// One opportunity as it is being told: each call adds an edit at `now`, which only moves forward.
pub(super) struct Script<'a> {
    pub(super) handle: String,
    pub(super) title: String,
    /// The name of the second opportunity, where one takes part.
    pub(super) other_title: Option<String>,
    pub(super) pipeline: &'static StageIds,
    pub(super) rep: &'a Member,
    pub(super) colleague: &'a Member,
    pub(super) manager: &'a Member,
    pub(super) director: &'a Member,
    /// Whether more time is decided about in the CRM's own approval process.
    pub(super) has_process: bool,
    /// When it enters Open.
    pub(super) entered: DateTime<Utc>,
    /// The rep's date from which days are counted.
    pub(super) first_day: NaiveDate,
    pub(super) now: DateTime<Utc>,
    pub(super) rng: &'a mut StdRng,
    pub(super) edits: &'a mut Vec<TimedEdit>,
}

impl Script<'_> {
    /// Tells the whole course.
    pub(super) fn run(mut self, course: Course) {
        self.create(course);
        let (rep, colleague) = (self.rep, self.colleague);
        match course {
            Course::SentAtOnce => self.wait(1..5).stage(Stage::ProposalSent).close(),
            Course::SentAfterFirst => self.on(2..4, 8..18).stage(Stage::ProposalSent).close(),
            Course::SentAfterSecond => self.on(4..6, 10..18).stage(Stage::ProposalSent).close(),
            Course::SentLate => self.on(6..9, 8..18).stage(Stage::ProposalSent).close(),
            Course::NeverSent if self.rng.random_bool(0.5) => self.on(8..12, 8..18).stage(Stage::Lost),
            Course::NeverSent => &mut self,
            Course::ComplexEarly => self.wait(0..2).complex(true).on(7..10, 8..18).stage(Stage::ProposalSent),
            Course::ComplexEarlyThenUnticked => {
                self.wait(0..2).complex(true).on(2..4, 8..18).complex(false).on(4..7, 10..18).stage(Stage::ProposalSent)
            }
            Course::ComplexLate => self.on(2..4, 8..18).complex(true).on(6..9, 8..18).stage(Stage::ProposalSent),
            Course::ComplexUntickedTooLate => {
                self.on(2..4, 8..18).complex(true).on(6..9, 8..14).complex(false).wait(2..60).stage(Stage::ProposalSent)
            }
            Course::BelowThreshold => self.on(3..7, 8..18).stage(Stage::ProposalSent),
            Course::AtThreshold => self.on(5..6, 8..18).stage(Stage::ProposalSent),
            Course::Raised => self.on(1..4, 10..18).raise().on(5..7, 8..18).stage(Stage::ProposalSent),
            Course::RaisedAtLast => self.raise().wait(30..40).stage(Stage::ProposalSent).close(),
            Course::RaisedTooLate => self.raise().wait(26..90).stage(Stage::ProposalSent),
            Course::DippedBriefly => {
                self.on(1..4, 10..16).lower().wait(2..15).raise().on(5..7, 8..18).stage(Stage::ProposalSent)
            }
            Course::DippedLong => {
                self.on(1..2, 10..14).lower().wait(50..56).raise().on(5..7, 8..18).stage(Stage::ProposalSent)
            }
            Course::AmountEmpty => self.on(4..8, 8..18).stage(Stage::Negotiation),
            Course::AmountComesLater => self.on(1..4, 10..18).raise().on(4..7, 10..18).stage(Stage::ProposalSent),
            Course::NoOwner => self.on(2..4, 8..18).owner(rep).on(5..7, 8..18).stage(Stage::ProposalSent),
            Course::HandedOver => self.on(2..4, 8..18).owner(colleague).on(4..7, 10..18).stage(Stage::ProposalSent),
            Course::OutBriefly => {
                let away = self.on(1..4, 10..16).stage(Stage::Qualified).wait(2..15);
                away.stage(Stage::Open).on(4..7, 10..18).stage(Stage::ProposalSent)
            }
            Course::OutLong => {
                let away = self.on(1..4, 10..16).stage(Stage::Qualified).wait(50..70);
                away.stage(Stage::Open).wait(40..150).stage(Stage::ProposalSent)
            }
            Course::SentAndTakenBack => self.on(2..3, 8..18).stage(Stage::ProposalSent).wait(20..40).stage(Stage::Open),
            Course::StageSkipped => self.on(1..4, 10..18).stage(Stage::Negotiation).close(),
            Course::Lost => self.on(1..4, 10..18).stage(Stage::Lost),
            Course::Deleted => self.on(1..4, 10..18).delete(),
            Course::DeletedAndRestored => {
                self.on(1..4, 10..18).delete().wait(3..40).restore().wait(60..90).stage(Stage::ProposalSent)
            }
            Course::Merged => self.on(1..4, 10..18).merge().on(5..7, 8..18).stage(Stage::ProposalSent),
            Course::TaskTickedOff => self.on(1..3, 10..18).tick_off().on(5..7, 8..18).stage(Stage::ProposalSent),
            Course::TaskMoved => self.on(1..3, 10..18).move_task().on(3..5, 10..18).stage(Stage::ProposalSent),
            Course::TaskDeleted => self.on(1..3, 10..18).delete_task().on(5..7, 8..18).stage(Stage::ProposalSent),
            Course::GrantedByTask => {
                let asked = self.wait(0..2).complex_with_reason();
                asked.manager_says(Word::Approved, 2..20).on(7..10, 8..18).stage(Stage::ProposalSent)
            }
            Course::GrantedByField => {
                let asked = self.on(2..4, 8..18).complex_with_reason();
                asked.manager_enters(Word::Approved, 1..12).on(7..12, 8..18).stage(Stage::ProposalSent)
            }
            Course::RefusedByTask => {
                let asked = self.wait(0..2).complex_with_reason();
                asked.manager_says(Word::Refused, 3..20).on(6..9, 8..18).stage(Stage::ProposalSent)
            }
            Course::RefusedByField => {
                let asked = self.on(2..4, 8..18).complex(true);
                asked.manager_enters(Word::Refused, 2..20).on(5..9, 8..18).stage(Stage::ProposalSent)
            }
            Course::TimedOut => self.on(1..2, 8..18).complex(true).on(9..12, 8..18).stage(Stage::ProposalSent),
            Course::AskedAgainAfterwards => {
                let refused = self.wait(0..2).complex(true).manager_says(Word::Refused, 2..10);
                refused.wait(4..20).complex(true).on(6..8, 8..18).stage(Stage::ProposalSent)
            }
            Course::TakenBack => {
                let granted = self.wait(0..2).complex_with_reason().manager_says(Word::Approved, 2..10);
                granted.wait(10..40).complex(false).on(5..8, 8..18).stage(Stage::ProposalSent)
            }
            Course::AskedWithdrawnAsked => {
                let withdrawn = self.wait(0..2).complex(true).wait(1..3).complex(false);
                let asked = withdrawn.wait(1..20).complex_with_reason();
                asked.manager_says(Word::Approved, 2..20).on(7..10, 8..18).stage(Stage::ProposalSent)
            }
            Course::TamperedWith => self.on(1..4, 8..18).tamper().on(5..8, 8..18).stage(Stage::ProposalSent),
            Course::TamperedWhileAsking => {
                let asked = self.on(1..3, 8..12).complex(true).wait(0..2).tamper();
                asked.manager_says(Word::Approved, 4..12).on(7..10, 8..18).stage(Stage::ProposalSent)
            }
            Course::ReasonGiven => self.on(6..8, 8..18).give_reason().on(9..12, 8..18).stage(Stage::ProposalSent),
            Course::ReasonInWords => self.on(6..8, 8..18).give_reason_in_words().on(10..12, 8..18).stage(Stage::Lost),
            Course::ReasonEvaded => self
                .on(6..8, 8..18)
                .evade_reason()
                .on(10..12, 8..18)
                .give_reason_in_words()
                .wait(20..60)
                .stage(Stage::Lost),
            Course::DiscountSmall => {
                let asked = self.wait(1..6).discount(12);
                asked.manager_completes(Word::Approved, 2..20).on(4..6, 10..18).stage(Stage::ProposalSent)
            }
            Course::DiscountLarge => {
                let asked = self.wait(1..6).discount(25).manager_completes(Word::Approved, 2..20);
                asked.director_says(Word::Approved, 2..20).on(4..6, 10..18).stage(Stage::ProposalSent)
            }
            Course::DiscountRefused => {
                let asked = self.wait(1..6).discount(12).manager_completes(Word::Refused, 2..20);
                asked.wait(1..6).discount(5).on(4..6, 10..18).stage(Stage::ProposalSent)
            }
            Course::DiscountRaised => {
                let granted = self.wait(1..6).discount(12).manager_completes(Word::Approved, 2..10);
                let asked = granted.wait(4..20).discount(25).manager_completes(Word::Approved, 2..20);
                asked.director_says(Word::Approved, 2..20).on(5..6, 10..18).stage(Stage::ProposalSent)
            }
            Course::LoweredUnder => {
                let lowered = self.on(1..4, 10..16).set("amount", "49900".to_owned());
                lowered.wait(3..20).raise().on(5..7, 8..18).stage(Stage::ProposalSent)
            }
        };
    }

    /// Creates the opportunity, in Open or in the stage before it.
    fn create(&mut self, course: Course) {
        let amount = course.amount(self.rng);
        let owner = (course != Course::NoOwner).then_some(self.rep);
        let title = self.title.clone();
        self.create_deal(self.handle.clone(), title, amount, owner);
        if let Some(title) = self.other_title.take() {
            let amount = large(self.rng);
            self.create_deal(self.other_handle(), title, Some(amount), Some(self.rep));
        }
    }

    fn create_deal(&mut self, handle: String, title: String, amount: Option<String>, owner: Option<&Member>) {
        let qualified_first = self.rng.random_bool(0.4);
        let stage = if qualified_first { Stage::Qualified } else { Stage::Open };
        let mut properties = Properties::from([
            ("dealname".to_owned(), title),
            ("pipeline".to_owned(), self.pipeline.pipeline.to_owned()),
            ("dealstage".to_owned(), self.pipeline.id_of(stage).to_owned()),
        ]);
        properties.extend(amount.map(|amount| ("amount".to_owned(), amount)));
        properties.extend(owner.map(|owner| ("hubspot_owner_id".to_owned(), owner.owner().to_owned())));
        let by = self.rep.user().to_owned();
        let before = Duration::milliseconds(self.rng.random_range(7_000_000..100_000_000));
        let at = if qualified_first { self.entered - before } else { self.entered };
        self.edits
            .push(TimedEdit { at, edit: Edit::CreateDeal { handle: handle.clone(), properties, by: by.clone() } });
        if qualified_first {
            let properties = Properties::from([("dealstage".to_owned(), self.pipeline.id_of(Stage::Open).to_owned())]);
            let edit = Edit::SetDeal { deal: DealName::Handle(handle), properties, by };
            self.edits.push(TimedEdit { at: self.entered, edit });
        }
    }

    /// Moves on to a random one of these days, within these local hours; never backwards.
    fn on(&mut self, days: Range<i64>, hours: Range<u32>) -> &mut Self {
        let date = self.first_day + Duration::days(self.rng.random_range(days));
        let at = moment::within(hours, date, self.rep.zone(), self.rng);
        let soon = self.now + Duration::milliseconds(self.rng.random_range(300_000..1_500_000));
        self.now = at.max(soon);
        self
    }

    /// Moves on by a random part of these hours, and at least by ten minutes.
    pub(super) fn wait(&mut self, hours: Range<i64>) -> &mut Self {
        let (from, to) = ((hours.start * 3_600_000).max(600_000), hours.end * 3_600_000);
        self.now += Duration::milliseconds(self.rng.random_range(from..to));
        self
    }

    fn stage(&mut self, stage: Stage) -> &mut Self {
        self.set("dealstage", self.pipeline.id_of(stage).to_owned())
    }

    fn raise(&mut self) -> &mut Self {
        let amount = large(self.rng);
        self.set("amount", amount)
    }

    fn lower(&mut self) -> &mut Self {
        let amount = small(self.rng);
        self.set("amount", amount)
    }

    fn owner(&mut self, owner: &Member) -> &mut Self {
        self.set("hubspot_owner_id", owner.owner().to_owned())
    }

    /// Days after the proposal, terms are talked over and the deal is won or lost.
    fn close(&mut self) -> &mut Self {
        let end = if self.rng.random_bool(0.6) { Stage::Won } else { Stage::Lost };
        self.wait(20..70).stage(Stage::Negotiation).wait(20..120).stage(end)
    }

    fn delete(&mut self) -> &mut Self {
        let edit = Edit::DeleteDeal { deal: self.deal(), by: self.user() };
        self.add(edit)
    }

    fn restore(&mut self) -> &mut Self {
        let edit = Edit::RestoreDeal { deal: self.deal(), by: self.user() };
        self.add(edit)
    }

    fn merge(&mut self) -> &mut Self {
        let absorbed = DealName::Handle(self.other_handle());
        let edit = Edit::MergeDeals { survivor: self.deal(), absorbed, by: self.manager.user().to_owned() };
        self.add(edit)
    }

    fn tick_off(&mut self) -> &mut Self {
        let edit = Edit::CompleteTask { task: self.task(), by: self.user() };
        self.add(edit)
    }

    fn delete_task(&mut self) -> &mut Self {
        let edit = Edit::DeleteTask { task: self.task(), by: self.user() };
        self.add(edit)
    }

    pub(super) fn set(&mut self, property: &str, value: String) -> &mut Self {
        let properties = Properties::from([(property.to_owned(), value)]);
        let edit = Edit::SetDeal { deal: self.deal(), properties, by: self.user() };
        self.add(edit)
    }

    pub(super) fn add(&mut self, edit: Edit) -> &mut Self {
        self.edits.push(TimedEdit { at: self.now, edit });
        self
    }

    pub(super) fn deal(&self) -> DealName {
        DealName::Handle(self.handle.clone())
    }

    fn other_handle(&self) -> String {
        format!("{}-twin", self.handle)
    }

    pub(super) fn task(&self) -> TaskName {
        TaskName::NewestOpenOf(self.deal())
    }

    pub(super) fn user(&self) -> String {
        self.rep.user().to_owned()
    }
}
