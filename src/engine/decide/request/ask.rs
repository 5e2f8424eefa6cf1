//! Asking the approvers: a task that they complete with an outcome, a mail with a link, each once for each occasion.

use std::collections::BTreeSet;

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_model::case::Sending;
use dealclock_model::effect::{Channel, Email, NewTask, Notification, Question, Write};
use dealclock_model::record::field;
use dealclock_model::request::Approver;
use dealclock_model::{EffectId, FieldName, Instant, PersonId, Request, Ruling, SlotName, StepName, Value, What};

use super::{Cause, Hearing};
use crate::decide::Draft;
use crate::decide::tasks::{new_fields, new_memo};
use crate::decide::words::moment;
use crate::template::format::{last_in_time, money, shown};
use crate::template::one_line;
use crate::time::{local_date, resolve};

/// One message to one person.
pub(super) struct Message {
    pub(super) to: PersonId,
    pub(super) slot: SlotName,
    /// Its step, with what it is for: `manager/ask`, `told`.
    pub(super) step: StepName,
    pub(super) subject: String,
    pub(super) body: String,
    /// When whoever gets it should have acted.
    pub(super) due: Instant,
    /// Whether it asks for a decision.
    pub(super) asks: bool,
}

impl Hearing<'_> {
    /// Asks everybody of the present step who has not said anything yet; `occasion` is `ask`, `remind-1` and the like.
    pub(super) fn ask(&self, request: &mut Request, occasion: &str, out: &mut Draft) {
        let Some(step) = request.steps.last() else { return };
        let (name, silent): (StepName, Vec<Approver>) =
            (step.name.clone(), step.approvers.iter().filter(|approver| approver.ruling.is_none()).cloned().collect());
        if silent.is_empty() {
            let why = "nobody can be asked: no active manager, role or fallback recipient; the time-out decides";
            self.say(request, Some(&name), What::Rerouted, why.to_owned(), out);
        }
        for approver in silent {
            self.ask_one(request, &approver, occasion, &self.approval.via, out);
        }
    }

    /// Asks one person once more, whose task was completed without an outcome.
    pub(super) fn ask_again(&self, request: &mut Request, place: usize, out: &mut Draft) {
        let approver = request.steps.last().and_then(|step| step.approvers.get(place)).cloned();
        let Some(approver) = approver else { return };
        let step = request.steps.last().map(|step| format!("{}/again", step.name)).unwrap_or_default();
        let asked = |sending: &Sending| sending.slot == approver.slot && sending.step.as_str() == step;
        let present = |effect: &EffectId| (effect.episode(), effect.round()) == (request.episode, request.round);
        if !request.tasks.iter().any(|(effect, task)| present(effect) && asked(&task.sending)) {
            self.ask_one(request, &approver, "again", &[Channel::Task], out);
        }
    }

    /// Asks by mail whoever took the place of somebody else; the task is handed over.
    pub(super) fn mail_again(&self, request: &mut Request, place: usize, out: &mut Draft) {
        let approver = request.steps.last().and_then(|step| step.approvers.get(place)).cloned();
        let mails: Vec<Channel> =
            self.approval.via.iter().copied().filter(|channel| *channel != Channel::Task).collect();
        if let Some(approver) = approver {
            // The person is the recipient here: somebody else may take the place later.
            let occasion = format!("replaced#{}", approver.person);
            self.ask_one(request, &approver, &occasion, &mails, out);
        }
    }

    pub(super) fn ask_one(
        &self,
        request: &mut Request,
        approver: &Approver,
        occasion: &str,
        via: &[Channel],
        out: &mut Draft,
    ) {
        let Some(step) = request.steps.last() else { return };
        let (name, due) = (step.name.clone(), self.timeout_at(request));
        let subject = format!("Decide: {}: {}", self.approval.title, self.record.name());
        let message = Message {
            to: approver.person.clone(),
            slot: approver.slot.clone(),
            step: StepName::from(format!("{name}/{occasion}")),
            subject: one_line(&subject),
            body: self.asking_body(request, approver, due),
            due,
            asks: true,
        };
        let for_whom = approver.acts_for.as_ref().map(|person| format!(", who acts for {}", self.name(person)));
        let once_more = if occasion.starts_with("remind") || occasion == "again" { " once more" } else { "" };
        let why = format!("{} is asked{once_more}{}", self.name(&approver.person), for_whom.unwrap_or_default());
        self.say(request, Some(&message.step), What::Asked, why, out);
        self.send(request, &message, via, out);
    }

    /// Decides the effects of a message, one for each channel.
    pub(super) fn send(&self, request: &mut Request, message: &Message, via: &[Channel], out: &mut Draft) {
        let question = message.asks.then(|| self.question(request, message)).flatten();
        for channel in via {
            let Message { to, slot, step, subject, body, due, asks } = message;
            let effect = self.effect(request, step, slot.as_str(), *channel);
            let mail = || Email {
                to: to.clone(),
                subject: subject.clone(),
                body: body.clone(),
                link: self.record.url.clone(),
                question: question.clone(),
            };
            let write = match channel {
                Channel::Task => {
                    let zone = self.desk.people.zone_of(Some(to));
                    let date = local_date(*due - Duration::seconds(1), zone);
                    let due_at = resolve(date, self.desk.people.profile.send_time, zone).min(*due);
                    let sending = Sending { step: step.clone(), slot: slot.clone() };
                    request.tasks.insert(effect, new_memo(sending, new_fields(to.clone(), (date, due_at))));
                    Write::CreateTask(NewTask {
                        record: Some(self.id.clone()),
                        owner: to.clone(),
                        subject: subject.clone(),
                        body: body.clone(),
                        due_date: date,
                        due_at,
                        asks: *asks,
                    })
                }
                Channel::Email => Write::SendEmail(mail()),
                Channel::CrmEmail => Write::SendCrmEmail(Email { question: None, ..mail() }),
                Channel::Notification => Write::Notify(Notification {
                    to: to.clone(),
                    title: subject.clone(),
                    body: body.clone(),
                    record: Some(self.id.clone()),
                }),
                // Rule files know no such channel.
                Channel::Record => continue,
            };
            if *channel != Channel::Task {
                request.mails.insert(effect, step.clone());
            }
            self.write(effect, step.clone(), write, out);
        }
    }

    fn question(&self, request: &Request, message: &Message) -> Option<Question> {
        Some(Question {
            record: self.id.clone(),
            rule: self.key.clone(),
            episode: request.episode,
            round: request.round,
            step: request.steps.last()?.name.clone(),
            person: message.to.clone(),
            expires: message.due,
        })
    }

    /// Who asks for what, in one line: what the CRM's own approval process shows as a comment.
    pub(super) fn asking_line(&self, request: &Request) -> String {
        let who = request.requester.as_ref().map_or("Somebody", |person| self.name(person));
        let (title, record) = (&self.approval.title, self.record.name());
        match request.round {
            0 => format!("{who} asks: {title} for {record}"),
            _ => format!("Asked once more for {who}: {title} for {record}"),
        }
    }

    /// What whoever decides should know, and how they decide.
    fn asking_body(&self, request: &Request, approver: &Approver, due: Instant) -> String {
        let zone = self.desk.people.zone_of(Some(&approver.person));
        let mut paragraphs = vec![format!("{}.", self.asking_line(request))];
        let mut facts = Vec::new();
        if let Some(person) = &approver.acts_for {
            facts.push(format!("You act for {}.", self.name(person)));
        }
        if let Value::Number(amount) = self.record.get(field::AMOUNT) {
            facts.push(format!("Amount: {}", money(*amount)));
        }
        let reason = self.reason_given();
        let words: Vec<&str> = [&reason.picklist, &reason.text].into_iter().flatten().map(String::as_str).collect();
        if self.reason.is_some() {
            let given = if words.is_empty() { "none given yet".to_owned() } else { words.join(": ") };
            facts.push(format!("Reason: {given}"));
        }
        if let Some(wanted) = request.wanted_until {
            facts.push(format!("Wanted until: {wanted}"));
        }
        match (self.cause, self.deadline) {
            (Cause::Extension(_), Some((deadline, clock_zone))) => {
                facts.push(format!("Rule: {}, to be done by {}", self.title, last_in_time(deadline, clock_zone)));
            }
            (Cause::Extension(_), None) => facts.push(format!("Rule: {}", self.title)),
            (Cause::Condition(asking), _) => facts.push(format!("Asked because: {}", asking.when.text)),
        }
        facts.extend(self.matters(zone));
        paragraphs.push(facts.join("\n"));
        paragraphs.push(format!("Please decide by {}.{}", moment(due, zone), self.otherwise(request)));
        paragraphs.push(self.ways());
        paragraphs.extend(self.record.url.clone());
        paragraphs.join("\n\n")
    }

    /// What the fields hold that the approval looks at.
    fn matters(&self, zone: Tz) -> impl Iterator<Item = String> {
        let when = match self.cause {
            Cause::Condition(asking) => asking.when.fields.as_slice(),
            Cause::Extension(_) => &[],
        };
        let material = self.approval.reopens_when.iter().map(|material| &material.field);
        let fields: BTreeSet<&FieldName> = when.iter().chain(material).collect();
        // The amount has a line of its own.
        let fields = fields.into_iter().filter(|name| name.as_str() != field::AMOUNT);
        fields.filter_map(move |name| match self.record.get(name.as_str()) {
            Value::Null => None,
            value => Some(format!("{name}: {}", shown(value, zone))),
        })
    }

    fn otherwise(&self, request: &Request) -> &'static str {
        match self.step(request).map(|step| step.timeout.outcome) {
            Some(Ruling::Approve) => " Without an answer it counts as granted.",
            Some(Ruling::Reject) => " Without an answer it counts as refused.",
            None => "",
        }
    }

    /// How the request can be decided.
    fn ways(&self) -> String {
        let mut ways = Vec::new();
        if self.approval.via.contains(&Channel::Task) {
            ways.push("complete the task with an outcome, approved or refused".to_owned());
        }
        if let Some(decision) = &self.approval.decision {
            ways.push(format!(
                "set the field {} on the record to {} or {}",
                decision.field, decision.granted, decision.refused
            ));
        }
        if self.approval.native.is_some() {
            ways.push("decide in the CRM's own approval process".to_owned());
        }
        if self.approval.via.contains(&Channel::Email) {
            ways.push("use the link in the mail, where it has one".to_owned());
        }
        match ways.is_empty() {
            true => "How to decide: in the CRM.".to_owned(),
            false => format!("How to decide: {}.", ways.join("; or ")),
        }
    }
}
