//! What came of a request: the fields are set, the requester is told, and whoever need not decide any more as well.

use std::collections::BTreeMap;

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_model::case::TaskMemo;
use dealclock_model::effect::{Channel, RecordUpdate, TaskStatus, Write};
use dealclock_model::{
    EffectId, FieldName, Instant, PersonId, Request, RequestState, Ruling, SlotName, StepName, Value, Way, What,
};

use super::ask::Message;
use super::open::close_tasks;
use super::{ASKED, Cause, DECIDED, DECISION, GRANTED, Hearing, RECORD, SUBMIT, TOLD};
use crate::decide::Draft;
use crate::decide::recipient::{Standing, standing, whoever};
use crate::rules::{AfterRefusal, Slot};
use crate::template::format::last_in_time;
use crate::template::one_line;

/// The slot of whoever asked, once the record is somebody else's.
const REQUESTER: &str = "requester";

/// How long whoever is told something has to read it.
const TO_READ: Duration = Duration::days(1);

impl Hearing<'_> {
    /// Tells what came of a request that was just decided, once the clock has moved: sets the fields, and tells the owner
    /// the new deadline.
    pub(in crate::decide) fn announce(&self, request: &mut Request, due: Option<(Instant, Tz)>, out: &mut Draft) {
        match request.state {
            RequestState::Granted => self.set_granted(request, "granted/tick", true, out),
            RequestState::Refused | RequestState::TimedOut => self.clear_asking(request, out),
            RequestState::Open | RequestState::Withdrawn | RequestState::NotNeeded | RequestState::TakenBack => return,
        }
        let subject = match request.state {
            RequestState::Granted => format!("Granted: {}: {}", self.approval.title, self.record.name()),
            _ => format!("Not granted: {}: {}", self.approval.title, self.record.name()),
        };
        let body = self.told_body(request, due);
        let ends = due.map(|(deadline, _)| deadline).filter(|deadline| *deadline > self.desk.now);
        self.tell_requester(request, &subject, &body, out);
        self.tell_owner(request, TOLD, &subject, body, ends, out);
    }

    /// Tells by mail whoever asked, where the record has changed hands since.
    fn tell_requester(&self, request: &mut Request, subject: &str, body: &str, out: &mut Draft) {
        let asked = request.requester.as_ref().filter(|asked| Some(*asked) != self.record.owner.as_ref());
        let active = |asked: &&PersonId| standing(self.desk.people, asked) == Standing::Active;
        let Some(to) = asked.filter(active).cloned() else { return };
        let message = Message {
            to,
            slot: SlotName::from(REQUESTER),
            step: StepName::from(TOLD),
            subject: one_line(subject),
            body: body.to_owned(),
            due: self.desk.now + TO_READ,
            asks: false,
        };
        self.send(request, &message, &self.mails(), out);
    }

    fn mails(&self) -> Vec<Channel> {
        self.approval.via.iter().copied().filter(|channel| *channel == Channel::Email).collect()
    }

    /// Asked again after the decision, which asks for nothing: the owner is told once.
    pub(in crate::decide) fn tell_decided(&self, request: &mut Request, out: &mut Draft) {
        if request.told_decided {
            return;
        }
        request.told_decided = true;
        let subject = format!("Decided already: {}: {}", self.approval.title, self.record.name());
        let body = [
            subject.clone(),
            "This was decided before; asking again changes nothing, and the deadline stands.".to_owned(),
            "Should it be looked at again, speak to whoever decided.".to_owned(),
        ];
        self.tell_owner(request, DECIDED, &subject, body.join("\n\n"), None, out);
    }

    /// The clock is met or void: tasks that tell of the decision are done as well.
    pub(in crate::decide) fn close_told(&self, request: &mut Request) {
        close_tasks(request, |step| step == TOLD || step == DECIDED);
    }

    /// Tells whoever owns the record now, or stands in for them.
    fn tell_owner(
        &self,
        request: &mut Request,
        step: &str,
        subject: &str,
        body: String,
        due: Option<Instant>,
        out: &mut Draft,
    ) {
        let step = StepName::from(step);
        let owner = self.record.owner.as_ref().or(request.requester.as_ref());
        let Some(to) = whoever(self.desk.people, owner, Slot::Owner) else {
            let why = "nobody can be told: no active owner, manager or fallback recipient";
            self.say(request, Some(&step), What::Told, why.to_owned(), out);
            return;
        };
        let message = Message {
            slot: SlotName::from(Slot::Owner.as_str()),
            step: step.clone(),
            subject: one_line(subject),
            body,
            due: due.unwrap_or(self.desk.now + TO_READ),
            asks: false,
            to: to.person,
        };
        self.say(request, Some(&step), What::Told, format!("{} is told", self.name(&message.to)), out);
        self.send(request, &message, &self.approval.via, out);
    }

    fn told_body(&self, request: &Request, due: Option<(Instant, Tz)>) -> String {
        let decision = request.decision.as_ref();
        let by = decision.and_then(|decision| decision.by.as_ref()).map(|person| format!(" by {}", self.name(person)));
        let by = by.unwrap_or_default();
        let timed_out = decision.is_some_and(|decision| decision.way == Way::Timeout);
        let what = match (request.state, timed_out) {
            (RequestState::Granted, true) => "Nobody decided in time, so it counts as granted.".to_owned(),
            (RequestState::Granted, false) => format!("It was granted{by}."),
            (_, true) => "Nobody decided in time, so it counts as refused.".to_owned(),
            (_, false) => format!("It was refused{by}."),
        };
        let mut paragraphs = vec![format!("{}: {}", self.approval.title, self.record.name()), what];
        match decision.map(|decision| (decision.comment.as_ref(), decision.ruling, decision.way)) {
            Some((Some(comment), ..)) => paragraphs.push(format!("What was said: {comment}")),
            Some((None, _, Way::Timeout) | (None, Ruling::Approve, _)) | None => {}
            Some((None, Ruling::Reject, _)) => paragraphs.push("No reason was given with it: ask for it.".to_owned()),
        }
        if let Some((deadline, zone)) = due {
            paragraphs.push(format!("\"{}\" is now to be done by {}.", self.title, last_in_time(deadline, zone)));
        }
        paragraphs.extend(self.record.url.clone());
        paragraphs.join("\n\n")
    }

    /// Ticks or clears the checkbox that only the approval ticks, where it is not so already.
    pub(super) fn set_granted(&self, request: &mut Request, step: &str, to: bool, out: &mut Draft) {
        if let Some(field) = self.granted_as() {
            self.set(request, field, step, to, out);
        }
    }

    /// Empties the decision field where it holds an earlier decision: the same one said again would be no change.
    pub(super) fn empty_decision(&self, request: &mut Request, out: &mut Draft) {
        let Some(plan) = &self.approval.decision else { return };
        let is = self.record.get(plan.field.as_str());
        let decided = matches!(is, Value::Text(word) if **word == *plan.granted || **word == *plan.refused);
        if !decided {
            return;
        }
        let step = StepName::from(DECISION);
        let effect = self.effect(request, &step, RECORD, Channel::Record);
        self.say(
            request,
            Some(&step),
            What::FieldSet,
            format!("`{}` is emptied for the new question", plan.field),
            out,
        );
        request.pending.insert(effect, step.clone());
        let update = RecordUpdate {
            record: self.id.clone(),
            expect: BTreeMap::from([(plan.field.clone(), is.clone())]),
            set: BTreeMap::from([(plan.field.clone(), Value::Null)]),
        };
        self.write(effect, step, Write::UpdateRecord(update), out);
    }

    /// Clears the checkbox that asked, where the rule says so; a granted checkbox that was ticked nevertheless as well.
    fn clear_asking(&self, request: &mut Request, out: &mut Draft) {
        match self.cause {
            Cause::Extension(extension) => match extension.refused {
                AfterRefusal::Clear => self.set(request, &extension.requested_by, "asked/clear", false, out),
                AfterRefusal::Leave => {}
            },
            Cause::Condition(_) => self.set_granted(request, "granted/refuse", false, out),
        }
    }

    fn set(&self, request: &mut Request, field: &FieldName, step: &str, to: bool, out: &mut Draft) {
        // A write of the opposite that may still arrive has to be answered, whatever the record shows now.
        let opposite = self.take_back_writes(request, field, out);
        let is = self.record.get(field.as_str());
        if (is == &Value::Bool(true)) == to && !opposite {
            return;
        }
        let seen = if opposite { &Value::Bool(!to) } else { is };
        let step = StepName::from(step);
        let effect = self.effect(request, &step, RECORD, Channel::Record);
        let value = if to { "ticked" } else { "cleared" };
        self.say(request, Some(&step), What::FieldSet, format!("`{field}` is {value}"), out);
        request.pending.insert(effect, step.clone());
        let update = RecordUpdate {
            record: self.id.clone(),
            expect: BTreeMap::from([(field.clone(), seen.clone())]),
            set: BTreeMap::from([(field.clone(), Value::Bool(to))]),
        };
        self.write(effect, step, Write::UpdateRecord(update), out);
    }

    /// Takes back writes to a checkbox that are not known to be done; whether one may still arrive.
    fn take_back_writes(&self, request: &mut Request, field: &FieldName, out: &mut Draft) -> bool {
        let granted = self.granted_as() == Some(field);
        let of_field = |step: &StepName| step.as_str().starts_with(if granted { GRANTED } else { ASKED });
        let writes: Vec<EffectId> =
            request.pending.iter().filter(|(_, step)| of_field(step)).map(|(effect, _)| *effect).collect();
        let (fresh, earlier): (Vec<EffectId>, Vec<EffectId>) =
            writes.into_iter().partition(|id| out.effects.iter().any(|effect| effect.id == *id));
        out.effects.retain(|effect| !fresh.contains(&effect.id));
        request.pending.retain(|id, _| !fresh.contains(id) && !earlier.contains(id));
        let opposite = !earlier.is_empty();
        out.superseded.extend(earlier);
        opposite
    }

    /// Nobody has to decide any more: what asks is taken back or completed, and whoever was asked by mail and has said
    /// nothing is told.
    pub(super) fn tell_over(&self, request: &mut Request, by: Option<&PersonId>, out: &mut Draft) {
        let mails = self.mails();
        let current = request.steps.last().map(|step| (step.name.clone(), step.approvers.clone()));
        close_tasks(request, |step| step != TOLD && step != DECIDED && !step.starts_with("reason"));
        let asked: Vec<EffectId> = self.take_back_unsent(request, out);
        let Some((name, approvers)) = current else { return };
        let subject = format!("No answer needed: {}: {}", self.approval.title, self.record.name());
        for approver in approvers.iter().filter(|approver| approver.ruling.is_none() && Some(&approver.person) != by) {
            let ask =
                self.effect(request, &StepName::from(format!("{name}/ask")), approver.slot.as_str(), Channel::Email);
            // A mail that never left needs no second one.
            if asked.contains(&ask) || mails.is_empty() {
                continue;
            }
            let message = Message {
                to: approver.person.clone(),
                slot: approver.slot.clone(),
                step: StepName::from(format!("{name}/over")),
                subject: one_line(&subject),
                body: format!("{}: {}\n\n{}", self.approval.title, self.record.name(), self.over(request)),
                due: self.desk.now + TO_READ,
                asks: false,
            };
            self.send(request, &message, &mails, out);
        }
    }

    fn over(&self, request: &Request) -> String {
        let over = self.how_over(request);
        let there = self.approval.native.is_some()
            && !request.is_open()
            && request.decision.as_ref().is_none_or(|decision| decision.way != Way::Native);
        match there {
            true => format!("{over} What still stands open in the CRM's own approval process can be rejected there."),
            false => over,
        }
    }

    fn how_over(&self, request: &Request) -> String {
        let decision = request.decision.as_ref();
        let by = decision.and_then(|decision| decision.by.as_ref()).map(|person| format!(" by {}", self.name(person)));
        let by = by.unwrap_or_default();
        match (request.state, decision.map(|decision| decision.ruling)) {
            (RequestState::Open, _) => "Somebody else decided your step, and the next one is asked.".to_owned(),
            (RequestState::Withdrawn, _) => "It was taken back; there is nothing to decide.".to_owned(),
            (RequestState::NotNeeded, _) => "It is not needed any more; there is nothing to decide.".to_owned(),
            (_, Some(Ruling::Approve)) => format!("It was granted{by}; your answer is not needed any more."),
            (_, _) => format!("It was refused{by}; your answer is not needed any more."),
        }
    }

    /// Takes back what asks and is not known to be written; tells which mails never left.
    ///
    /// What was decided in this very decision never leaves it: a box ticked and cleared between two polls asks nobody.
    pub(super) fn take_back_unsent(&self, request: &mut Request, out: &mut Draft) -> Vec<EffectId> {
        let asks = |step: &StepName| !matches!(step.as_str(), TOLD | DECIDED) && !step.as_str().ends_with("/over");
        let mails: Vec<EffectId> =
            request.mails.iter().filter(|(_, step)| asks(step)).map(|(effect, _)| *effect).collect();
        let unknown = |(effect, task): (&EffectId, &TaskMemo)| {
            (task.id.is_none() && task.open && task.want.status == Some(TaskStatus::Done)).then_some(*effect)
        };
        let tasks: Vec<EffectId> = request.tasks.iter().filter_map(unknown).collect();
        let hand_ins = request.pending.iter().filter(|(_, step)| step.as_str() == SUBMIT);
        let hand_ins: Vec<EffectId> = hand_ins.map(|(effect, _)| *effect).collect();
        let (fresh, earlier): (Vec<EffectId>, Vec<EffectId>) = mails
            .iter()
            .chain(&tasks)
            .chain(&hand_ins)
            .copied()
            .partition(|id| out.effects.iter().any(|effect| effect.id == *id));
        out.effects.retain(|effect| !fresh.contains(&effect.id));
        request.mails.retain(|id, _| !mails.contains(id));
        request.pending.retain(|id, _| !hand_ins.contains(id));
        request.tasks.retain(|id, _| !fresh.contains(id));
        out.superseded.extend(earlier);
        mails
    }
}
