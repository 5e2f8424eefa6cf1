//! Asking for reasons: why a deadline passed, or why more time is wanted.
//!
//! The owner is asked by a task, and once more when the fields stay empty. What stood in the fields when the episode began
//! is no answer. The words themselves stand on the record and in the facts, never in the journal.

use std::collections::BTreeSet;

use dealclock_model::case::{ClockState, ReasonAbout, ReasonAsk, RecordCase, Sending};
use dealclock_model::digest::Reason;
use dealclock_model::effect::{Channel, NewTask, Subject, TaskStatus};
use dealclock_model::{
    CaseId, Effect, EffectId, Entry, Fact, FieldName, Happened, Instant, Outcome, PersonId, Record, RecordRef, RuleKey,
    SlotName, StepName, Value, What, Write,
};

use super::recipient::{Standing, name, standing, whoever};
use super::settle::{origin, update_outcome};
use super::tasks::{self, task_entry};
use super::{Desk, Draft};
use crate::rules::{ReasonFields, Rule, Slot};
use crate::time::local::add_days;
use crate::time::{local_date, resolve};

/// After so many days an unanswered ask is repeated, once; by then the first is due.
const PATIENCE_DAYS: u32 = 3;
/// Those who are asked are found by this role.
const SLOT: &str = "owner";

/// Asks for the reasons that are missing, takes note of those that were given, and ends what is asked for nothing.
///
/// Called after each state that the record was in (at the end of `arrive`), and once more at the end of every sitting.
pub(super) fn attend(desk: Desk<'_>, id: &RecordRef, case: &mut RecordCase, out: &mut Draft) {
    let mut reasons = std::mem::take(&mut case.reasons);
    for key in keys(case, reasons.keys()) {
        match Inquiry::of(desk, id, case, &key) {
            Some(inquiry) => {
                let mut known = reasons.remove(&key).unwrap_or_else(|| inquiry.blank());
                if known.episode < inquiry.episode {
                    known = inquiry.renew(known, out);
                }
                inquiry.follow(&mut known, out);
                reasons.insert(key, known);
            }
            None => {
                if let Some(known) = reasons.get_mut(&key) {
                    end(known, out);
                }
            }
        }
    }
    for (key, reason) in &mut reasons {
        let origin = origin(id, key, desk.now);
        for (creation, task) in &mut reason.tasks {
            out.effects.extend(tasks::reconcile(&origin, *creation, task));
        }
        reason.tasks.retain(|_, task| task.open || task.pending.is_some());
    }
    // An episode that was asked is remembered even while its rule has no fields: what was sent is not sent again.
    reasons.retain(|key, reason| {
        reason.asked > 0 || !reason.tasks.is_empty() || Inquiry::of(desk, id, case, key).is_some()
    });
    case.reasons = reasons;
}

/// An effect has an outcome; whether it was one of a task that asks for a reason. Called where effects settle.
pub(super) fn settle(
    desk: Desk<'_>,
    id: &RecordRef,
    case: &mut RecordCase,
    effect: EffectId,
    outcome: &Outcome,
    out: &mut Draft,
) -> bool {
    for (key, reason) in &mut case.reasons {
        let origin = origin(id, key, desk.now);
        if let Some(task) = reason.tasks.get_mut(&effect) {
            let step = task.sending.step.clone();
            let (what, why) = match outcome {
                Outcome::Applied(receipt) => {
                    task.id.clone_from(&receipt.id);
                    task.open = receipt.id.is_some() && receipt.kept.is_empty();
                    (What::Applied, "the task that asks for a reason was written".to_owned())
                }
                Outcome::Refused { reason } => {
                    task.open = false;
                    (What::Refused, reason.clone())
                }
            };
            out.journal.push(task_entry(&origin, effect, &step, what, why));
            return true;
        }
        let mut tasks = reason.tasks.values_mut();
        if let Some(task) = tasks.find(|task| task.pending.as_ref().is_some_and(|pending| pending.effect == effect)) {
            let (what, why, written) = update_outcome(outcome);
            out.journal.push(task_entry(&origin, effect, &task.sending.step, what, why));
            tasks::settle_update(task, written);
            return true;
        }
    }
    false
}

/// When a reason is asked for again. Part of the record's next wake-up.
pub(super) fn next_at(case: &RecordCase) -> Option<Instant> {
    case.reasons.values().filter_map(|reason| reason.again_at).min()
}

/// The reason that stands on a record, when it is one: the value that wants words counts only with words, and words
/// alone always do.
pub(super) fn standing_on(record: &Record, fields: &ReasonFields) -> Option<Reason> {
    let reason = read(record, fields);
    let stands = match &reason.picklist {
        Some(value) if value.to_lowercase() == fields.wants_words.to_lowercase() => reason.text.is_some(),
        Some(_) => true,
        None => reason.text.is_some(),
    };
    stands.then_some(reason)
}

/// The reason that was given in the present episode of a rule or approval, as it stands on the record now.
pub(super) fn given(desk: Desk<'_>, id: &RecordRef, case: &RecordCase, key: &RuleKey) -> Option<Reason> {
    let inquiry = Inquiry::of(desk, id, case, key)?;
    let before = case.reasons.get(key).filter(|known| known.episode == inquiry.episode).map(|known| &known.before);
    standing_on(inquiry.record, inquiry.fields).filter(|reason| Some(reason) != before)
}

/// What stands in the fields, without the space around it; space alone is nothing.
fn read(record: &Record, fields: &ReasonFields) -> Reason {
    let text = |field: &Option<FieldName>| match record.get(field.as_ref()?.as_str()) {
        Value::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) => Some(number.normalize().to_string()),
        Value::Null | Value::Bool(_) | Value::Time(_) | Value::Date(_) => None,
    };
    Reason { picklist: text(&fields.picklist), text: text(&fields.text) }
}

fn keys<'a>(case: &'a RecordCase, known: impl Iterator<Item = &'a RuleKey>) -> BTreeSet<RuleKey> {
    case.clocks.keys().chain(case.requests.keys()).chain(known).cloned().collect()
}

/// Ends an ask: nothing is asked again, and open tasks are completed.
fn end(reason: &mut ReasonAsk, out: &mut Draft) {
    reason.again_at = None;
    for (effect, task) in &mut reason.tasks {
        if task.want.status == Some(TaskStatus::Done) {
            continue;
        }
        task.want.status = Some(TaskStatus::Done);
        if task.id.is_none() {
            out.superseded.push(*effect);
        }
    }
}

/// What may be asked about one episode of a rule or approval.
struct Inquiry<'a> {
    desk: Desk<'a>,
    id: &'a RecordRef,
    record: &'a Record,
    key: RuleKey,
    title: &'a str,
    episode: u32,
    fields: &'a ReasonFields,
    /// Whether a reason that stands there from the beginning is none: it is where a clock had begun before.
    began_before: bool,
    /// What is to be answered now, and by whom.
    cause: Option<(ReasonAbout, Option<&'a PersonId>)>,
}

impl<'a> Inquiry<'a> {
    /// `None` where no fields hold a reason, or the rule is no more.
    fn of(desk: Desk<'a>, id: &'a RecordRef, case: &'a RecordCase, key: &RuleKey) -> Option<Inquiry<'a>> {
        let record = case.record.as_ref()?;
        match desk.rules.by_key.get(key).filter(|rule| rule.object == id.object && rule.is_on(&id.connection)) {
            Some(rule) => Inquiry::of_rule(desk, id, record, case, rule),
            None => Inquiry::of_approval(desk, id, record, case, key),
        }
    }

    fn of_rule(
        desk: Desk<'a>,
        id: &'a RecordRef,
        record: &'a Record,
        case: &'a RecordCase,
        rule: &'a Rule,
    ) -> Option<Inquiry<'a>> {
        let clock = case.clocks.get(&rule.key)?;
        let request = case.requests.get(&rule.key).filter(|request| request.is_open() && case.gone.is_none());
        let asked = request.filter(|request| request.episode == clock.episode);
        let stands = matches!(clock.state, ClockState::Violated | ClockState::Silenced);
        let violation = clock.violation.as_ref().filter(|violation| stands && !violation.withdrawn);
        let cause = match (&rule.violation.reason, violation, asked) {
            (Some(_), Some(violation), _) => Some((ReasonAbout::Violation, violation.owner.as_ref())),
            (_, _, Some(request)) => Some((ReasonAbout::Request, request.requester.as_ref())),
            (Some(_), None, None) | (None, _, None) => None,
        };
        let approval = rule.extension.as_ref().and_then(|extension| desk.rules.approvals.get(&extension.approval));
        let of_approval = approval.and_then(|approval| approval.reason.as_ref());
        let of_rule = rule.violation.reason.as_ref();
        let fields = match cause {
            Some((ReasonAbout::Request, _)) => of_approval.or(of_rule),
            Some((ReasonAbout::Violation, _)) | None => of_rule.or(of_approval),
        }?;
        let (key, title, episode) = (rule.key.clone(), rule.title.as_str(), clock.episode);
        Some(Inquiry { desk, id, record, key, title, episode, fields, began_before: true, cause })
    }

    fn of_approval(
        desk: Desk<'a>,
        id: &'a RecordRef,
        record: &'a Record,
        case: &'a RecordCase,
        key: &RuleKey,
    ) -> Option<Inquiry<'a>> {
        let request = case.requests.get(key)?;
        let approval = desk.rules.approvals.get(&request.approval).filter(|approval| approval.request_key() == *key)?;
        let fields = approval.reason.as_ref()?;
        let cause =
            (request.is_open() && case.gone.is_none()).then_some((ReasonAbout::Request, request.requester.as_ref()));
        let (key, title, episode) = (key.clone(), approval.title.as_str(), request.episode);
        // What the requester wrote before asking was written for it: there is no earlier beginning.
        Some(Inquiry { desk, id, record, key, title, episode, fields, began_before: false, cause })
    }

    fn blank(&self) -> ReasonAsk {
        ReasonAsk {
            episode: self.episode,
            before: if self.began_before { read(self.record, self.fields) } else { Reason::default() },
            about: None,
            asked: 0,
            again_at: None,
            given_at: None,
            tasks: Default::default(),
        }
    }

    /// Begins a new episode; tasks of the one before are completed.
    fn renew(&self, mut known: ReasonAsk, out: &mut Draft) -> ReasonAsk {
        end(&mut known, out);
        let recent = |effect: &EffectId| effect.episode().saturating_add(1) >= self.episode;
        let tasks = known.tasks.into_iter().filter(|(effect, _)| recent(effect)).collect();
        ReasonAsk { tasks, ..self.blank() }
    }

    fn follow(&self, known: &mut ReasonAsk, out: &mut Draft) {
        let Some((about, owner)) = self.cause else { return end(known, out) };
        let reason = standing_on(self.record, self.fields).filter(|reason| *reason != known.before);
        let news = known.about != Some(about);
        self.hand_over(known, owner, out);
        match reason {
            Some(_) if known.given_at.is_some() => known.about = Some(about),
            Some(reason) => {
                known.about = Some(about);
                self.give(known, owner, reason, out);
            }
            // Taken back while nothing was asked: what is asked about now has no reason.
            None if news && !self.is_stopped() => {
                known.about = Some(about);
                known.given_at = None;
                known.again_at = self.ask(known, about, owner, out);
            }
            None => {
                let again = known.again_at.is_some_and(|at| at <= self.desk.now);
                if again && !self.is_stopped() {
                    self.ask(known, about, owner, out);
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.desk.rules.stopped.contains(&self.key)
    }

    /// An open task of somebody who left goes to whoever stands in.
    fn hand_over(&self, known: &mut ReasonAsk, owner: Option<&PersonId>, out: &mut Draft) {
        let people = self.desk.people;
        for task in known.tasks.values_mut().filter(|task| task.open && task.want.status != Some(TaskStatus::Done)) {
            let left = task.want.owner.as_ref().is_some_and(|holder| standing(people, holder) == Standing::Inactive);
            let next = whoever(people, owner, Slot::Owner).filter(|_| left).map(|found| found.person);
            if let Some(next) = next.filter(|next| Some(next) != task.want.owner.as_ref()) {
                let why = format!("the task that asks for a reason goes to {}", name(people, &next));
                let step = Some(task.sending.step.clone());
                out.journal.push(Entry { step, ..self.entry(What::HandedOver, why) });
                task.want.owner = Some(next);
            }
        }
    }

    fn give(&self, known: &mut ReasonAsk, owner: Option<&PersonId>, reason: Reason, out: &mut Draft) {
        let now = self.desk.now;
        known.given_at = Some(now);
        end(known, out);
        let why = match known.asked {
            0 => "a reason stands on the record",
            _ => "a reason was given; the task that asked is completed",
        };
        out.journal.push(self.entry(What::ReasonGiven, why.to_owned()));
        out.facts.push(Fact {
            at: now,
            owner: owner.cloned(),
            rule: Some(self.key.clone()),
            episode: self.episode,
            in_shadow: false,
            what: Happened::ReasonGiven(reason),
        });
    }

    /// Decides a task that asks; when it is due. It takes the place of the one before.
    fn ask(
        &self,
        known: &mut ReasonAsk,
        about: ReasonAbout,
        owner: Option<&PersonId>,
        out: &mut Draft,
    ) -> Option<Instant> {
        end(known, out);
        let people = self.desk.people;
        let step = StepName::from(format!("reason-{}", known.asked.saturating_add(1)));
        let Some(asked) = whoever(people, owner, Slot::Owner) else {
            let why = "nobody can be asked for a reason: no active owner, manager or fallback recipient";
            out.journal.push(self.entry(What::Superseded, why.to_owned()));
            return None;
        };
        known.asked = known.asked.saturating_add(1);
        let subject = Subject::Record(self.id);
        let id = EffectId::new(&self.id.connection, &self.key, subject, self.episode, 0, &step, SLOT, Channel::Task);
        let zone = people.zone_of(Some(&asked.person));
        let due_date = add_days(local_date(self.desk.now, zone), PATIENCE_DAYS);
        let due_at = resolve(due_date, people.profile.send_time, zone);
        let sending = Sending { step: step.clone(), slot: SlotName::from(SLOT) };
        let fields = tasks::new_fields(asked.person.clone(), (due_date, due_at));
        known.tasks.insert(id, tasks::new_memo(sending, fields));
        let instead = asked.instead.map(|why| format!(": {why}")).unwrap_or_default();
        let why = format!("{} is asked for a reason{instead}", name(people, &asked.person));
        out.journal.push(Entry { step: Some(step.clone()), effect: Some(id), ..self.entry(What::Asked, why) });
        let (subject, body) = self.words(about);
        out.effects.push(Effect {
            id,
            case: CaseId::Record(self.id.clone()),
            rule: self.key.clone(),
            step,
            decided_at: self.desk.now,
            write: Write::CreateTask(NewTask {
                record: Some(self.id.clone()),
                owner: asked.person,
                subject,
                body,
                due_date,
                due_at,
                asks: false,
            }),
        });
        Some(due_at)
    }

    /// What the task says: what is asked, where to answer, what counts, and who reads it.
    fn words(&self, about: ReasonAbout) -> (String, String) {
        let record = crate::template::one_line(self.record.name());
        let (subject, why) = match about {
            ReasonAbout::Violation => (
                format!("Why was {record} not done in time?"),
                format!("The deadline of \"{}\" passed before it was done.", self.title),
            ),
            ReasonAbout::Request => (
                format!("Why is an approval needed for {record}?"),
                format!("You asked for an approval under \"{}\" without saying why.", self.title),
            ),
        };
        let fields = [&self.fields.picklist, &self.fields.text].into_iter().flatten();
        let fields = fields.map(|field| field.as_str()).collect::<Vec<_>>().join(" and ");
        let mut how = format!("Please give the reason on the record, in {fields}.");
        if self.fields.picklist.is_some() && self.fields.text.is_some() {
            how += &format!(" \"{}\" needs a few words beside it.", self.fields.wants_words);
        }
        let reader = match about {
            ReasonAbout::Violation => "Your reason stands beside the deadline in your manager's next digest.",
            ReasonAbout::Request => "Whoever decides reads it beside the request.",
        };
        let mut paragraphs = vec![subject.clone(), why, how, reader.to_owned()];
        paragraphs.extend(self.record.url.clone());
        (subject, paragraphs.join("\n\n"))
    }

    fn entry(&self, what: What, why: String) -> Entry {
        Entry {
            at: self.desk.now,
            rule: Some(self.key.clone()),
            episode: self.episode,
            step: None,
            effect: None,
            what,
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Whether these values of the picklist and of the text are a reason.
    fn check(picklist: &str, text: &str, is_one: bool) {
        let fields = ReasonFields {
            picklist: Some("delay_reason".into()),
            text: Some("delay_reason_text".into()),
            wants_words: "other".to_owned(),
        };
        let values = BTreeMap::from([
            (FieldName::from("delay_reason"), if picklist.is_empty() { Value::Null } else { Value::text(picklist) }),
            (FieldName::from("delay_reason_text"), Value::text(text)),
        ]);
        let record = Record { owner: None, fields: values, url: None, parked: None };
        assert_eq!(standing_on(&record, &fields).is_some(), is_one, "{picklist:?} {text:?}");
    }

    #[test]
    fn a_reason_is_a_value_or_words_and_other_wants_words() {
        check("", "", false);
        check("", " \n\t", false);
        check("customer", "", true);
        check("", "The customer is away", true);
        check("other", "", false);
        check("OTHER", "\u{a0} ", false);
        check("Other", "a strike", true);
        check("another", "", true);
    }
}
