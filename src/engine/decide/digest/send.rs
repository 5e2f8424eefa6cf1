//! Messages of a digest: one for each local date, urgent ones at once, and what became of them.

use chrono::NaiveDate;
use dealclock_model::case::{Sending, TaskMemo};
use dealclock_model::digest::Told;
use dealclock_model::effect::{Channel, Email, NewTask, Notification, Subject, TaskStatus};
use dealclock_model::{Effect, EffectId, Entry, Fact, Happened, Outcome, SlotName, StepName, What, Write};

use super::text::{Message, Page};
use super::{Reader, is_quiet, section, waits_urgently};
use crate::decide::recipient::name;
use crate::decide::settle::update_outcome;
use crate::decide::tasks;
use crate::rules::Digest;
use crate::time::{local_date, resolve};

/// Whoever reads a digest, as their effects name them.
const SLOT: &str = "reader";

impl Reader<'_> {
    /// Sends the digest of the day, when there is something to tell.
    pub(super) fn send_digest(&mut self, digest: &Digest) {
        let today = local_date(self.desk.now, self.zone);
        self.take_back_unwritten();
        // What was over before anybody heard of it is forgotten.
        self.case.notices.retain(|told| section::of(told).is_some() || told.in_digest.is_some());
        let page = self.page(digest, today);
        if page.is_empty() {
            self.case.unlisted.clear();
            return;
        }
        let message = page.digest();
        self.close_tasks();
        self.case.last = Some(today);
        let desk = self.desk;
        let tells = |told: &&mut Told| told.told != Some(told.notice.state) && !is_quiet(desk, told);
        for told in self.case.notices.iter_mut().filter(tells) {
            told.told_before = told.told;
            told.told = Some(told.notice.state);
            told.in_digest = Some(today);
        }
        let step = StepName::from(today.to_string());
        for id in self.write(digest, &step, &message) {
            self.case.sending.insert(id, today);
        }
        self.case.unlisted.clear();
        let why = format!("to {}: {}", name(self.desk.people, self.person), message.counts);
        self.out.journal.push(self.entry(Some(step), None, What::DigestSent, why));
        self.out.facts.push(Fact {
            at: self.desk.now,
            owner: Some(self.person.clone()),
            rule: Some(self.rule.clone()),
            episode: 0,
            in_shadow: false,
            what: Happened::DigestSent,
        });
    }

    /// Sends what is urgent, in one message; it stands in the next digest all the same.
    pub(super) fn send_urgent(&mut self, digest: &Digest) {
        self.case.urgent_at = None;
        let today = local_date(self.desk.now, self.zone);
        let message = self.page(digest, today).urgent();
        let mut count = 0usize;
        let desk = self.desk;
        for told in self.case.notices.iter_mut().filter(|told| waits_urgently(told) && !is_quiet(desk, told)) {
            told.sent_urgently = true;
            count += 1;
        }
        if count == 0 {
            return;
        }
        self.case.urgent_count = self.case.urgent_count.saturating_add(1);
        let step = StepName::from(format!("urgent-{today}-{}", self.case.urgent_count));
        self.write(digest, &step, &message);
        let why = format!("{count} urgent to {}", name(self.desk.people, self.person));
        self.out.journal.push(self.entry(Some(step), None, What::Told, why));
    }

    fn page<'b>(&'b self, digest: &'b Digest, today: NaiveDate) -> Page<'b> {
        let notices: Vec<&Told> = self.case.notices.iter().filter(|told| !is_quiet(self.desk, told)).collect();
        Page { desk: self.desk, digest, zone: self.zone, today, notices, unlisted: &self.case.unlisted }
    }

    /// Decides a message on every channel of the digest; their effects.
    fn write(&mut self, digest: &Digest, step: &StepName, message: &Message) -> Vec<EffectId> {
        let people = self.desk.people;
        let due_date = local_date(self.desk.now, self.zone);
        let due_at = resolve(due_date, people.profile.send_time, self.zone).max(self.desk.now);
        let mail = || Email {
            to: self.person.clone(),
            subject: message.subject.clone(),
            body: message.body.clone(),
            link: None,
            question: None,
        };
        let mut written = Vec::new();
        for channel in &digest.via {
            let subject = Subject::Person(self.person);
            let id = EffectId::new(self.id.connection(), &self.rule, subject, 1, 0, step, SLOT, *channel);
            let write = match channel {
                Channel::Task => {
                    let sending = Sending { step: step.clone(), slot: SlotName::from(SLOT) };
                    let fields = tasks::new_fields(self.person.clone(), (due_date, due_at));
                    self.case.tasks.insert(id, tasks::new_memo(sending, fields));
                    Write::CreateTask(NewTask {
                        record: None,
                        owner: self.person.clone(),
                        subject: message.subject.clone(),
                        body: message.body.clone(),
                        due_date,
                        due_at,
                        asks: false,
                    })
                }
                Channel::Email => Write::SendEmail(mail()),
                Channel::CrmEmail => Write::SendCrmEmail(mail()),
                Channel::Notification => Write::Notify(Notification {
                    to: self.person.clone(),
                    title: message.subject.clone(),
                    body: message.counts.clone(),
                    record: None,
                }),
                // A digest is about no single record.
                Channel::Record => continue,
            };
            let why = format!("{} to {}", channel.as_str(), name(people, self.person));
            self.out.journal.push(self.entry(Some(step.clone()), Some(id), What::Fired, why));
            self.out.effects.push(Effect {
                id,
                case: self.id.clone(),
                rule: self.rule.clone(),
                step: step.clone(),
                decided_at: self.desk.now,
                write,
            });
            written.push(id);
        }
        written
    }

    /// Takes note of an outcome: a digest counts as told once one channel took it, and keeps its content for the next
    /// when none did.
    pub(super) fn settle(&mut self, effect: EffectId, outcome: &Outcome) {
        self.settle_update(effect, outcome);
        let step = self.case.tasks.get(&effect).map(|task| task.sending.step.clone());
        let date = self.case.sending.remove(&effect);
        if step.is_none() && date.is_none() {
            return;
        }
        let step = step.or_else(|| date.map(|date| StepName::from(date.to_string())));
        match outcome {
            Outcome::Applied(receipt) => {
                if let Some(task) = self.case.tasks.get_mut(&effect) {
                    task.id.clone_from(&receipt.id);
                    task.open = receipt.id.is_some() && receipt.kept.is_empty();
                }
                let why = "the message was delivered".to_owned();
                self.out.journal.push(self.entry(step, Some(effect), What::Applied, why));
                if let Some(date) = date {
                    self.delivered(date);
                }
            }
            Outcome::Refused { reason } => {
                self.case.tasks.remove(&effect);
                self.out.journal.push(self.entry(step, Some(effect), What::Refused, reason.clone()));
                if let Some(date) = date.filter(|date| !self.case.sending.values().any(|other| other == date)) {
                    self.undelivered(date);
                }
            }
        }
    }

    fn settle_update(&mut self, effect: EffectId, outcome: &Outcome) {
        let mut tasks = self.case.tasks.values_mut();
        let Some(task) = tasks.find(|task| task.pending.as_ref().is_some_and(|pending| pending.effect == effect))
        else {
            return;
        };
        let step = task.sending.step.clone();
        let (what, why, written) = update_outcome(outcome);
        tasks::settle_update(task, written);
        self.out.journal.push(self.entry(Some(step), Some(effect), what, why));
    }

    /// A digest that nobody wrote until the next one comes is taken back, and its content stands in that.
    ///
    /// Its task is remembered until the one after, since it may have been under way, and is closed then.
    fn take_back_unwritten(&mut self) {
        let unwritten = |task: &TaskMemo| task.id.is_none() && task.open;
        self.case.tasks.retain(|_, task| !(unwritten(task) && task.want.status == Some(TaskStatus::Done)));
        let taken: Vec<EffectId> =
            self.case.tasks.iter().filter(|(_, task)| unwritten(task)).map(|(effect, _)| *effect).collect();
        for effect in taken {
            self.out.superseded.push(effect);
            if let Some(task) = self.case.tasks.get_mut(&effect) {
                task.want.status = Some(TaskStatus::Done);
            }
            let date = self.case.sending.remove(&effect);
            if let Some(date) = date.filter(|date| !self.case.sending.values().any(|other| other == date)) {
                self.undelivered(date);
            }
        }
    }

    /// The digest of a date reached the reader: what is over is forgotten.
    fn delivered(&mut self, date: NaiveDate) {
        for told in self.case.notices.iter_mut().filter(|told| told.in_digest == Some(date)) {
            told.in_digest = None;
            told.told_before = None;
        }
        self.case.notices.retain(|told| {
            let known = told.in_digest.is_none() && told.told == Some(told.notice.state);
            !(known && section::is_over(told))
        });
    }

    /// No channel took the digest of a date: it is as if it had not been sent, but for its date.
    fn undelivered(&mut self, date: NaiveDate) {
        let mut kept = 0usize;
        for told in self.case.notices.iter_mut().filter(|told| told.in_digest == Some(date)) {
            told.told = told.told_before.take();
            told.in_digest = None;
            kept += 1;
        }
        if kept > 0 {
            let why = format!("no channel took the digest; {kept} notices stand as news in the next");
            self.out.journal.push(self.entry(None, None, What::Listed, why));
        }
    }

    fn entry(&self, step: Option<StepName>, effect: Option<EffectId>, what: What, why: String) -> Entry {
        Entry { at: self.desk.now, rule: Some(self.rule.clone()), episode: 0, step, effect, what, why }
    }
}
