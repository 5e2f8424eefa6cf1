//! Writes what was decided: reads the records again, marks the intent durable, applies, and settles.
//!
//! Retry lives here and nowhere else. An effect whose write was begun and whose outcome is not known is looked up by its
//! key before anything is written again.

use std::collections::BTreeSet;
use std::sync::Mutex;

use chrono::Duration;
use dealclock_connector::{Error, ErrorKind};
use dealclock_model::effect::{Lane, Outcome, Receipt, Write};
use dealclock_model::{CaseId, Effect, Event, Instant, RecordRef};
use dealclock_store::{Batch, OutboxEntry, StoreError};

use super::connection::retry_at;
use super::gate::{Gate, live};
use super::ingest::IngestError;
use super::mishaps::tell_refused;
use super::signals::LoopId;
use super::{Connection, Runtime, RuntimeError, Step, names};

const WORK: &str = "deliver";
/// How long a write with an unknown outcome rests before it is looked up: a CRM may still be working on it.
const SETTLING: Duration = Duration::seconds(30);

/// How long a write to a locked record waits when nobody says that the record was unlocked.
const LOCKED: Duration = Duration::hours(1);

/// Most writes in one step, however many the CRM takes in a call.
const MOST_AT_ONCE: usize = 1_000;

/// How long a batch that is not full waits for what is just being decided: a call costs as much for one write as for a
/// full batch.
const GATHERING: Duration = Duration::seconds(1);

/// Deliveries that change in one batch of the store, whose memory follows the size of its batches.
const DELIVERIES: usize = 25;

/// The trouble of the mail lane, which belongs to no connection.
#[derive(Default)]
pub(super) struct MailLane(Mutex<Option<(u32, Instant)>>);

type Answer = Result<Receipt, Error>;
/// An effect with its attempts, and what the CRM answered.
type Answered = ((Effect, u32), Answer);

impl Runtime {
    pub(super) async fn deliver_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = match self.gate(connection, WORK, live)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        let lane = Lane::Crm(connection.id().clone());
        let limit = connection.spec.connector.descriptor().apply_batch.clamp(1, MOST_AT_ONCE);
        let ready = self.store.outbox(&lane, now, limit)?;
        if ready.is_empty() {
            let next = self.store.next_ready(&lane)?;
            if next.is_none() {
                // Whatever could not be written was taken back, or found to be written.
                connection.recovered(WORK);
            }
            return Ok(Step::Rest(next.map(|at| at.max(now + Duration::milliseconds(10)))));
        }
        if self.set_aside_held(&ready)? {
            return Ok(Step::Again);
        }
        if ready.len() < limit && self.more_is_coming(&ready, now)? {
            return Ok(self.after_decisions(now));
        }
        let stale = stale_records(connection, &ready, now);
        if !stale.is_empty() {
            return match self.reread(connection, &stale).await {
                Ok(()) => Ok(Step::Again),
                Err(IngestError::Store(error)) => Err(error.into()),
                Err(IngestError::Crm(error)) => Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
            };
        }
        // What was just read again must be decided before anything is written: a decision may supersede it.
        if self.has_undecided(&ready)? {
            return Ok(self.after_decisions(now));
        }
        if let Some(rest) = self.clock_ahead(connection) {
            return Ok(rest);
        }
        let (begun, new): (Vec<_>, Vec<_>) = ready.into_iter().partition(|entry| entry.begun);
        let step = if begun.is_empty() {
            self.write_new(connection, new).await?
        } else {
            self.look_up(connection, begun).await?
        };
        Ok(step)
    }

    /// Whether events wait whose decisions may fill the batch. However many come, no write waits longer than a moment.
    fn more_is_coming(&self, ready: &[OutboxEntry], now: Instant) -> Result<bool, StoreError> {
        let waits_too_long = |entry: &OutboxEntry| entry.not_before + GATHERING <= now;
        Ok(!ready.iter().any(waits_too_long) && !self.store.inbox_head(1)?.is_empty())
    }

    /// Whether an event waits for a case that one of these effects belongs to.
    fn has_undecided(&self, ready: &[OutboxEntry]) -> Result<bool, StoreError> {
        let head = self.store.inbox_head(1_000)?;
        let cut_off = head.len() == 1_000;
        let undecided: BTreeSet<&CaseId> = head.iter().map(|(_, case, _)| case).collect();
        Ok(cut_off || ready.iter().any(|entry| undecided.contains(&entry.effect.case)))
    }

    fn after_decisions(&self, now: Instant) -> Step {
        self.signals.raise(&LoopId::Decide);
        Step::Rest(Some(now + Duration::milliseconds(10)))
    }

    /// Begins the effects, durably, and applies them.
    async fn write(&self, connection: &Connection, entries: Vec<OutboxEntry>) -> Result<Step, RuntimeError> {
        if !self.begin(&entries).await? {
            return Ok(Step::Again);
        }
        let writes: Vec<_> = entries.iter().map(|entry| (entry.effect.id, entry.effect.write.clone())).collect();
        let answers = connection.spec.connector.apply(&writes).await;
        let effects = entries.into_iter().map(|entry| (entry.effect, entry.attempts + 1));
        self.settle_answers(connection, effects.zip(answers).collect())
    }

    /// Makes the intents durable. `false` when a decision superseded one of the effects a moment ago; then all of them
    /// are as they were before.
    pub(super) async fn begin(&self, entries: &[OutboxEntry]) -> Result<bool, RuntimeError> {
        for (number, some) in entries.chunks(DELIVERIES).enumerate() {
            let mut batch = Batch::new();
            for entry in some {
                batch.begin_effect(&entry.effect.id);
            }
            match self.store.commit(batch) {
                Ok(_) => {}
                Err(StoreError::Unexpected(_)) => {
                    let begun_now = entries[..number * DELIVERIES].iter().filter(|entry| !entry.begun);
                    self.release(begun_now, "another write of its batch was taken back")?;
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.store.durable().await?;
        Ok(true)
    }

    /// Makes effects that were begun, and of which nothing was written, as if they were not.
    fn release<'a>(&self, entries: impl IntoIterator<Item = &'a OutboxEntry>, note: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let entries: Vec<_> = entries.into_iter().collect();
        for some in entries.chunks(DELIVERIES) {
            let mut batch = Batch::new();
            for entry in some {
                batch.release_effect(&entry.effect.id, now, note);
            }
            self.store.commit(batch)?;
        }
        Ok(())
    }

    /// Asks by key what became of effects that were begun; what was not applied is begun anew.
    async fn look_up(&self, connection: &Connection, entries: Vec<OutboxEntry>) -> Result<Step, RuntimeError> {
        let (dropped, entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| !self.may_repeat(entry));
        if !dropped.is_empty() {
            let dropped = dropped.into_iter().map(|entry| ((entry.effect, entry.attempts), Err(not_repeated())));
            return self.settle_answers(connection, dropped.collect());
        }
        // Setting fields to the same values twice is harmless, so only creations have to be looked up.
        let (creations, repeatable): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.effect.write.is_keyed());
        if creations.is_empty() {
            return self.write(connection, repeatable).await;
        }
        let (done, missing) = match self.find_written(connection, creations).await {
            Ok(found) => found,
            Err(error) => return Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
        };
        // What was not applied is no longer begun: one that was superseded meanwhile goes, another is written anew.
        self.release(&missing, "an earlier attempt did not arrive")?;
        self.settle_answers(connection, done)
    }

    /// Whether a write whose outcome is unknown may go again: what has no key and says something to a person does so as
    /// e-mail does, unless it was taken back meanwhile.
    fn may_repeat(&self, entry: &OutboxEntry) -> bool {
        match &entry.effect.write {
            Write::Notify(_) | Write::SendCrmEmail(_) => {
                !entry.superseded && self.mail.as_ref().is_none_or(|mail| mail.sends_again())
            }
            Write::CreateTask(_)
            | Write::UpdateTask(_)
            | Write::UpdateRecord(_)
            | Write::SubmitApproval(_)
            | Write::SendEmail(_) => true,
        }
    }

    /// Writes effects that were never begun. Where an earlier store wrote on the account, they are looked up before: a task
    /// of its that a person deleted stands on no record, and only its key tells that it was there.
    async fn write_new(&self, connection: &Connection, entries: Vec<OutboxEntry>) -> Result<Step, RuntimeError> {
        if self.store.meta(&names::earlier_store(connection.id()))? != Some(true) {
            return self.write(connection, entries).await;
        }
        let (creations, mut rest): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.effect.write.is_keyed());
        let (done, missing) = match self.find_written(connection, creations).await {
            Ok(found) => found,
            Err(error) => return Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
        };
        if !done.is_empty() {
            return self.settle_answers(connection, done);
        }
        rest.extend(missing);
        self.write(connection, rest).await
    }

    /// Asks by key which creations the CRM has; those, with their receipts, and the others.
    async fn find_written(
        &self,
        connection: &Connection,
        creations: Vec<OutboxEntry>,
    ) -> Result<(Vec<Answered>, Vec<OutboxEntry>), Error> {
        let (mut done, mut missing) = (Vec::new(), Vec::new());
        if creations.is_empty() {
            return Ok((done, missing));
        }
        let asked: Vec<_> = creations.iter().map(|entry| (entry.effect.id, entry.effect.write.clone())).collect();
        let found = connection.spec.connector.find(&asked).await?;
        for (entry, receipt) in creations.into_iter().zip(found) {
            match receipt {
                Some(receipt) => done.push(((entry.effect, entry.attempts), Ok(receipt))),
                None => missing.push(entry),
            }
        }
        Ok((done, missing))
    }

    /// Commits what became of each effect; an outcome is an event of its case.
    fn settle_answers(
        &self,
        connection: &Connection,
        answers: Vec<((Effect, u32), Answer)>,
    ) -> Result<Step, RuntimeError> {
        // After the call: an answer that took a minute must not make its look-up due at once.
        let now = self.clock.now();
        let mut lane_error = None;
        let (mut settled, mut failed) = (false, 0);
        for some in answers.chunks(DELIVERIES) {
            let mut batch = Batch::new();
            let mut refused = Vec::new();
            for ((effect, attempts), answer) in some {
                match verdict(answer) {
                    Verdict::Settled(outcome) => {
                        settled = true;
                        if let Err(error) = answer {
                            tell_refused(effect, &error.message);
                            refused.push((effect, error.message.as_str()));
                        }
                        batch.settle(&effect.id, &outcome, now);
                        batch.put_event(&effect.case, &Event::Settled { effect: effect.id, outcome });
                    }
                    Verdict::LookUp(error) => {
                        batch.defer_effect(&effect.id, now + SETTLING, &error.message);
                    }
                    Verdict::Locked(error) => {
                        batch.lock_effect(&effect.id, &effect.case, now + LOCKED, &error.message);
                    }
                    Verdict::Later(error) => {
                        batch.release_effect(&effect.id, retry_at(error, *attempts, now), &error.message);
                        failed += 1;
                        lane_error = Some(error);
                    }
                }
            }
            self.count_refused(connection, refused, now, &mut batch)?;
            self.store.commit(batch)?;
        }
        if settled {
            self.signals.raise(&LoopId::Decide);
        }
        match lane_error {
            // One effect that keeps failing waits by itself; the lane rests only when nothing at all went through.
            Some(error) if !settled && failed > 1 => Ok(Step::Rest(Some(connection.failed(WORK, error, now)))),
            Some(error) => {
                connection.failed_in_part(WORK, error, now);
                Ok(Step::Again)
            }
            None => {
                connection.recovered(WORK);
                Ok(Step::Again)
            }
        }
    }

    pub(super) async fn mail_step(&self) -> Result<Step, RuntimeError> {
        let now = self.clock.now();
        let paused = self.mail_lane.lock().filter(|(_, until)| *until > now);
        if let Some((_, until)) = paused {
            return Ok(Step::Rest(Some(until)));
        }
        let Some(entry) = self.store.outbox(&Lane::Mail, now, 1)?.into_iter().next() else {
            return Ok(Step::Rest(
                self.store.next_ready(&Lane::Mail)?.map(|at| at.max(now + Duration::milliseconds(10))),
            ));
        };
        if self.set_aside_held(std::slice::from_ref(&entry))? {
            return Ok(Step::Again);
        }
        let effect = &entry.effect;
        let Write::SendEmail(email) = &effect.write else {
            unreachable!("only e-mails leave through the mail lane");
        };
        let address = self
            .connections
            .get(effect.case.connection())
            .and_then(Connection::people)
            .and_then(|people| people.get(&email.to).and_then(|person| person.email.clone()));
        let answer = match (address, &self.mail) {
            _ if entry.begun && entry.superseded => {
                Err(Error::rejected("it was taken back; whether an earlier attempt arrived is not known"))
            }
            (_, None) => Err(Error::rejected("e-mail is not enabled: `[mail] enabled = true` with a server sends it")),
            (None, Some(_)) => Err(Error::rejected(format!("no mail address is known for person {}", email.to))),
            // After an unknown outcome a message goes again with the same Message-ID, or never, as configured.
            (Some(_), Some(mail)) if entry.begun && !mail.sends_again() => {
                Err(Error::rejected("the outcome of an earlier attempt is unknown, and `mail.on_unknown` is `drop`"))
            }
            (Some(address), Some(mail)) => {
                if !self.begin(std::slice::from_ref(&entry)).await? {
                    return Ok(Step::Again);
                }
                mail.send(&effect.id, email, &address, now).await
            }
        };
        self.settle_mail(effect, &answer, self.clock.now())
    }

    fn settle_mail(&self, effect: &Effect, answer: &Answer, now: Instant) -> Result<Step, RuntimeError> {
        let mut batch = Batch::new();
        match verdict(answer) {
            Verdict::Settled(outcome) => {
                if let Err(error) = answer {
                    tell_refused(effect, &error.message);
                }
                batch.settle(&effect.id, &outcome, now);
                batch.put_event(&effect.case, &Event::Settled { effect: effect.id, outcome });
                *self.mail_lane.lock_mut() = None;
            }
            Verdict::LookUp(error) => {
                batch.defer_effect(&effect.id, now + SETTLING, &error.message);
            }
            Verdict::Locked(error) | Verdict::Later(error) => {
                let mut lane = self.mail_lane.lock_mut();
                let failures = lane.map_or(0, |(failures, _)| failures) + 1;
                let until = retry_at(error, failures, now);
                if failures.is_power_of_two() {
                    tracing::warn!(failures, retry_at = %until, "mail is not accepted: {error}");
                }
                *lane = Some((failures, until));
                batch.release_effect(&effect.id, until, &error.message);
            }
        }
        self.store.commit(batch)?;
        self.signals.raise(&LoopId::Decide);
        Ok(Step::Again)
    }
}

/// What an answer means for the effect.
enum Verdict<'a> {
    Settled(Outcome),
    LookUp(&'a Error),
    Locked(&'a Error),
    Later(&'a Error),
}

fn verdict(answer: &Answer) -> Verdict<'_> {
    match answer {
        Ok(receipt) => Verdict::Settled(Outcome::Applied(receipt.clone())),
        Err(error) => match error.kind {
            ErrorKind::Rejected => Verdict::Settled(Outcome::Refused { reason: error.message.clone() }),
            ErrorKind::Unknown => Verdict::LookUp(error),
            ErrorKind::Locked => Verdict::Locked(error),
            ErrorKind::Transient { .. }
            | ErrorKind::Throttled { .. }
            | ErrorKind::Unauthorized
            | ErrorKind::Conflict => Verdict::Later(error),
        },
    }
}

fn not_repeated() -> Error {
    Error::rejected("the outcome of an earlier attempt is unknown, and it does not go again")
}

/// Whether a write follows from how its record stands, so that the record is read again just before it.
fn follows_from_record(write: &Write) -> bool {
    match write {
        Write::CreateTask(_) | Write::SubmitApproval(_) | Write::UpdateRecord(_) => true,
        Write::UpdateTask(_) | Write::SendEmail(_) | Write::Notify(_) | Write::SendCrmEmail(_) => false,
    }
}

/// The records whose reminders are about to be written and that were not read recently.
fn stale_records(connection: &Connection, ready: &[OutboxEntry], now: Instant) -> Vec<RecordRef> {
    let mut stale: Vec<RecordRef> = ready
        .iter()
        .filter(|entry| follows_from_record(&entry.effect.write) && !entry.begun)
        .filter_map(|entry| match &entry.effect.case {
            CaseId::Record(record) => Some(record.clone()),
            CaseId::Person { .. } | CaseId::Intake { .. } | CaseId::Digest { .. } | CaseId::Report { .. } => None,
        })
        .filter(|record| !connection.is_fresh(&record.id, now))
        .collect();
    stale.sort();
    stale.dedup();
    stale
}

impl MailLane {
    fn lock(&self) -> Option<(u32, Instant)> {
        *self.lock_mut()
    }

    fn lock_mut(&self) -> std::sync::MutexGuard<'_, Option<(u32, Instant)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
