//! Requests, what became of them, and how long those who decide took.

use std::collections::BTreeMap;

use dealclock_model::case::RecordCase;
use dealclock_model::{Fact, Happened, Instant, PersonId, Request, RequestState, RuleKey};

use super::figures::{duration, median, percentile};
use super::sheet::UNTOLD;
use super::{Bar, Bars, Cell, Order, Section, Share, Sheet};

const COLUMNS: [(&str, &str); 11] = [
    ("name", "Name"),
    ("asked", "Asked"),
    ("granted", "Granted"),
    ("refused", "Refused"),
    ("timed_out", "Timed out"),
    ("withdrawn", "Withdrawn"),
    ("not_needed", "Not needed"),
    ("taken_back", "Given back"),
    ("waiting", "Waiting now"),
    ("waited_median_secs", "Waited, median"),
    ("waited_p90_secs", "90 % waited at most"),
];
const NOTE: &str = "Asked, reopened ones too, and decided in the period; waiting is as of now. The wait is the requester's, \
                    over those that were granted, refused or timed out. Withdrawn: taken back before a decision. Not \
                    needed: the work was done, or the rule ceased to apply, before a decision. Given back: granted, and \
                    given up afterwards; it counts as granted, too.";
const REP_NOTE: &str = "The same requests, by whoever owned the record when they were asked or decided.";
const APPROVER_COLUMNS: [(&str, &str); 6] = [
    ("name", "Name"),
    ("decided", "Decided"),
    ("took_median_secs", "Took, median"),
    ("took_p90_secs", "90 % took at most"),
    ("waiting", "Waiting now"),
    ("oldest_secs", "Longest wait now"),
];
const APPROVER_NOTE: &str = "The time from asking an approver until their decision, nights and weekends included.";

/// What is counted.
#[derive(Default)]
pub(super) struct Tally {
    whole: Group,
    rules: BTreeMap<RuleKey, Group>,
    reps: BTreeMap<Option<PersonId>, Group>,
    approvers: BTreeMap<Option<PersonId>, Approver>,
}

#[derive(Default)]
struct Group {
    asked: u64,
    granted: u64,
    refused: u64,
    timed_out: u64,
    withdrawn: u64,
    not_needed: u64,
    taken_back: u64,
    waiting: u64,
    waited: Vec<i64>,
}

#[derive(Default)]
struct Approver {
    took: Vec<i64>,
    waiting: u64,
    oldest: Option<i64>,
}

impl Tally {
    /// Counts the requests of a record that wait now, if they were asked before the period ended.
    pub(super) fn look(&mut self, order: &Order<'_>, case: &RecordCase) {
        let end = order.period.end();
        for (rule, request) in &case.requests {
            if request.is_open() && request.opened_at < end && !order.is_on_trial(rule) {
                self.groups(rule, request.requester.as_ref(), |group| group.waiting += 1);
                self.wait(request, order.now);
            }
        }
    }

    /// Counts a request at everybody who has still to say something.
    fn wait(&mut self, request: &Request, now: Instant) {
        let Some(step) = request.steps.last() else { return };
        for approver in step.approvers.iter().filter(|approver| approver.ruling.is_none()) {
            let waits = (now - step.since).num_seconds().max(0);
            let known = self.approvers.entry(Some(approver.person.clone())).or_default();
            known.waiting += 1;
            known.oldest = known.oldest.max(Some(waits));
        }
    }

    pub(super) fn note(&mut self, order: &Order<'_>, fact: &Fact) {
        let Some(rule) = fact.rule.as_ref().filter(|_| order.period.contains(fact.at)) else { return };
        match &fact.what {
            Happened::Requested { .. } => self.groups(rule, fact.owner.as_ref(), |group| group.asked += 1),
            Happened::RequestClosed { state, waited_secs, .. } => {
                self.groups(rule, fact.owner.as_ref(), |group| group.close(*state, *waited_secs));
            }
            Happened::StepDecided { by, took_secs } => {
                self.approvers.entry(by.clone()).or_default().took.push(*took_secs);
            }
            Happened::Started { .. }
            | Happened::Met { .. }
            | Happened::MetLate { .. }
            | Happened::Violated { .. }
            | Happened::Withdrawn
            | Happened::Void
            | Happened::ReasonGiven(_)
            | Happened::Tampered
            | Happened::ComplexLate
            | Happened::LoweredUnder { .. }
            | Happened::Wiggled
            | Happened::Held(_)
            | Happened::DigestSent
            | Happened::ReportMade => {}
        }
    }

    fn groups(&mut self, rule: &RuleKey, owner: Option<&PersonId>, count: impl Fn(&mut Group)) {
        count(&mut self.whole);
        count(self.rules.entry(rule.clone()).or_default());
        count(self.reps.entry(owner.cloned()).or_default());
    }

    pub(super) fn finish(self, order: &Order<'_>) -> Sheet {
        let rules = self.rules.into_iter().map(|(rule, group)| (order.rule(&rule), group));
        let reps = self.reps.into_iter().map(|(rep, group)| (order.person(rep.as_ref()), group));
        let mut whole = self.whole;
        whole.waited.sort_unstable();
        let mut by_rule = section("rules", "By rule", NOTE, rules);
        by_rule.bars = outcomes(&whole);
        let approvers = approvers(order, self.approvers);
        order.sheet(summary(&whole), vec![by_rule, section("reps", "By rep", REP_NOTE, reps), approvers])
    }
}

impl Group {
    fn close(&mut self, state: RequestState, waited_secs: i64) {
        match state {
            RequestState::Open => return,
            RequestState::Granted => self.granted += 1,
            RequestState::Refused => self.refused += 1,
            RequestState::TimedOut => self.timed_out += 1,
            RequestState::Withdrawn => self.withdrawn += 1,
            RequestState::NotNeeded => self.not_needed += 1,
            RequestState::TakenBack => self.taken_back += 1,
        }
        if matches!(state, RequestState::Granted | RequestState::Refused | RequestState::TimedOut) {
            self.waited.push(waited_secs);
        }
    }

    fn decided(&self) -> u64 {
        self.granted + self.refused + self.timed_out
    }
}

fn section(
    key: &'static str,
    title: &'static str,
    note: &'static str,
    groups: impl Iterator<Item = (String, Group)>,
) -> Section {
    let mut section = Section::new(key, title, note, &COLUMNS);
    for (name, mut group) in groups {
        group.waited.sort_unstable();
        section.rows.push(vec![
            Cell::Text(name),
            Cell::Count(group.asked),
            Cell::Count(group.granted),
            Cell::Count(group.refused),
            Cell::Count(group.timed_out),
            Cell::Count(group.withdrawn),
            Cell::Count(group.not_needed),
            Cell::Count(group.taken_back),
            Cell::Count(group.waiting),
            median(&group.waited).into(),
            percentile(&group.waited, 90).into(),
        ]);
    }
    section
}

fn approvers(order: &Order<'_>, approvers: BTreeMap<Option<PersonId>, Approver>) -> Section {
    let mut section = Section::new("approvers", "By approver", APPROVER_NOTE, &APPROVER_COLUMNS);
    for (person, mut approver) in approvers {
        approver.took.sort_unstable();
        section.rows.push(vec![
            Cell::Text(person.map_or_else(|| UNTOLD.to_owned(), |person| order.person(Some(&person)))),
            Cell::Count(super::complex::count(approver.took.iter())),
            median(&approver.took).into(),
            percentile(&approver.took, 90).into(),
            Cell::Count(approver.waiting),
            approver.oldest.into(),
        ]);
    }
    section
}

/// What became of those that were decided.
fn outcomes(whole: &Group) -> Option<Bars> {
    let decided = whole.decided();
    let bar = |(label, part): (&str, u64)| {
        let share = Share { part, whole: decided };
        Bar { label: label.to_owned(), share, value: format!("{part} ({})", share.percent()), marked: false }
    };
    let parts = [("Granted", whole.granted), ("Refused", whole.refused), ("Timed out", whole.timed_out)];
    let title = "What was decided".to_owned();
    (decided > 0).then(|| Bars { title, bars: parts.map(bar).into(), line: None })
}

fn summary(whole: &Group) -> Vec<String> {
    let mut became = format!(
        "{} granted, {} refused, {} timed out, {} withdrawn",
        whole.granted, whole.refused, whole.timed_out, whole.withdrawn
    );
    if whole.not_needed > 0 {
        became.push_str(&format!(", {} not needed any more", whole.not_needed));
    }
    let mut lines = vec![format!("{} requests were asked; {became}; {} wait now.", whole.asked, whole.waiting)];
    if whole.taken_back > 0 {
        let were = if whole.taken_back == 1 { "was" } else { "were" };
        lines.push(format!("Of the grants, {} {were} given back afterwards.", whole.taken_back));
    }
    if let (Some(middle), Some(most)) = (median(&whole.waited), percentile(&whole.waited, 90)) {
        lines.push(format!(
            "Those who asked waited {} for a decision (median), 90 % at most {}.",
            duration(middle),
            duration(most)
        ));
    }
    lines
}
