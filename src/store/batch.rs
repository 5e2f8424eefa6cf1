//! The one way to change the store: a batch of changes that is applied whole or not at all.

use std::fmt;

use dealclock_model::effect::Lane;
use dealclock_model::{Case, CaseId, ConnectionId, Effect, EffectId, Entry, Event, Fact, Instant, Outcome, PersonId};
use serde::{Deserialize, Serialize};

use crate::{Replay, Settlement, StoreError, WaitingHint, body};

/// The most rows that one batch may change: one decision must fit, whatever it holds.
pub const MAX_OPERATIONS: usize = 1000;

/// Up to so many rows the caller may join several decisions in one batch; memory follows batch size.
pub const USUAL_OPERATIONS: usize = 100;

/// The place of an event in the inbox. Numbers rise, also over restarts, and are never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a commit decided on its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The places of the batch's events, in the order in which they were put.
    pub events: Vec<Seq>,
    /// Effects that were put and already stood in the outbox or were settled; nothing was done for them.
    pub known: Vec<EffectId>,
    /// Effects that were to be removed and stay: begun, so that their outcome is still to come.
    pub kept: Vec<EffectId>,
    /// Effects that waited for their record to be unlocked, and may go now.
    pub unlocked: Vec<EffectId>,
}

/// Changes that belong together, applied in the order in which they were added.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) operations: Vec<Operation>,
    rows: usize,
    fault: Option<StoreError>,
}

/// One change. Bodies are encoded when the change is added, outside of the writer's lock.
#[derive(Debug)]
pub(crate) enum Operation {
    ExpectMeta { name: String, body: Option<Vec<u8>> },
    PutCase { id: CaseId, persons: Vec<PersonId>, watched: bool, body: Vec<u8> },
    PutEvent { body: Vec<u8> },
    TakeEvent { seq: Seq },
    SetTimer { case: CaseId, due: Option<Instant> },
    PutEffect { id: EffectId, lane: Lane, not_before: Instant, body: Vec<u8> },
    ChangeDelivery { id: EffectId, change: Change },
    SettleEffect { id: EffectId, body: Vec<u8> },
    RemoveEffect { id: EffectId },
    AppendJournal { case: CaseId, body: Vec<u8> },
    AppendFact { connection: ConnectionId, at: Instant, body: Vec<u8> },
    PutMeta { name: String, body: Option<Vec<u8>> },
    PutHint { connection: ConnectionId, text: String },
    TakeHint { connection: ConnectionId, hint: WaitingHint },
    PutReplay { connection: ConnectionId, key: String, at: Instant },
    ForgetReplay(Replay),
    Unlock { case: CaseId, now: Instant },
}

/// What happens to a delivery.
#[derive(Debug)]
pub(crate) enum Change {
    Begin,
    Defer { not_before: Instant, note: String },
    Release { not_before: Instant, note: String },
    Park { reason: String },
    Lock { case: CaseId, not_before: Instant, note: String },
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// About how many rows the batch changes; decisions may share a batch up to [`USUAL_OPERATIONS`].
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Adds the changes of another batch behind those of this one.
    pub fn append(&mut self, other: Batch) -> &mut Batch {
        self.operations.extend(other.operations);
        self.rows += other.rows;
        self.fault = self.fault.take().or(other.fault);
        self
    }

    /// Writes a case; the indexes of the persons it names and of the watched cases follow.
    pub fn put_case(&mut self, id: &CaseId, case: &Case) -> &mut Batch {
        let persons: Vec<PersonId> = case.persons().into_iter().cloned().collect();
        let Some(json) = self.encode("a case", case) else { return self };
        let body = persons_and(&persons, &json);
        let rows = body::rows(body.len()) + persons.len();
        self.add(rows, Operation::PutCase { id: id.clone(), persons, watched: case.is_watched(), body })
    }

    /// Puts an event at the end of the inbox.
    pub fn put_event(&mut self, case: &CaseId, event: &Event) -> &mut Batch {
        let Some(body) = self.encode("an event", &(case, event)) else { return self };
        self.add(body::rows(body.len()), Operation::PutEvent { body })
    }

    /// Takes an event out of the inbox; the batch fails when it is no longer there.
    pub fn take_event(&mut self, seq: Seq) -> &mut Batch {
        self.add(1, Operation::TakeEvent { seq })
    }

    /// Sets the case's one timer, or clears it.
    pub fn set_timer(&mut self, case: &CaseId, due: Option<Instant>) -> &mut Batch {
        self.add(2, Operation::SetTimer { case: case.clone(), due })
    }

    /// Puts an effect into the outbox, unless its id stands there already or was settled.
    pub fn put_effect(&mut self, effect: &Effect, not_before: Instant) -> &mut Batch {
        let Some(body) = self.encode("an effect", effect) else { return self };
        let rows = body::rows(body.len()) + 2;
        self.add(rows, Operation::PutEffect { id: effect.id, lane: effect.lane(), not_before, body })
    }

    /// Records that a delivery begins: one more attempt, whose outcome is unknown from here on. Must be durable before
    /// the first byte leaves.
    pub fn begin_effect(&mut self, id: &EffectId) -> &mut Batch {
        self.change(id, Change::Begin)
    }

    /// Puts a delivery off after an attempt that may have reached the world: it stays begun. A parked one is tried
    /// again.
    pub fn defer_effect(&mut self, id: &EffectId, not_before: Instant, note: &str) -> &mut Batch {
        self.change(id, Change::Defer { not_before, note: note.to_owned() })
    }

    /// Puts a delivery off after an attempt that surely wrote nothing: it is no longer begun. One that was superseded
    /// meanwhile leaves the outbox.
    pub fn release_effect(&mut self, id: &EffectId, not_before: Instant, note: &str) -> &mut Batch {
        self.change(id, Change::Release { not_before, note: note.to_owned() })
    }

    /// Stops trying until a person says so.
    pub fn park_effect(&mut self, id: &EffectId, reason: &str) -> &mut Batch {
        self.change(id, Change::Park { reason: reason.to_owned() })
    }

    /// Puts a delivery off because the case's record is locked; surely nothing was written. It is tried again at
    /// `not_before`, or as soon as the record is unlocked.
    pub fn lock_effect(&mut self, id: &EffectId, case: &CaseId, not_before: Instant, note: &str) -> &mut Batch {
        self.change(id, Change::Lock { case: case.clone(), not_before, note: note.to_owned() })
    }

    /// Makes the effects ready that wait for the case's record to be unlocked.
    pub fn unlock(&mut self, case: &CaseId, now: Instant) -> &mut Batch {
        self.add(1, Operation::Unlock { case: case.clone(), now })
    }

    /// Takes an effect out of the outbox for good, with its outcome. A person's discard is a refusal.
    pub fn settle(&mut self, id: &EffectId, outcome: &Outcome, at: Instant) -> &mut Batch {
        let Some(body) = self.encode("a settlement", &Settlement { at, outcome: outcome.clone() }) else {
            return self;
        };
        self.add(body::rows(body.len()) + 3, Operation::SettleEffect { id: *id, body })
    }

    /// Removes a superseded effect from the outbox. One that was begun stays until its outcome is known, since the
    /// world may have it; one that is not there needs nothing.
    pub fn remove_effect(&mut self, id: &EffectId) -> &mut Batch {
        self.add(3, Operation::RemoveEffect { id: *id })
    }

    /// Appends a line to the case's journal.
    pub fn append_journal(&mut self, case: &CaseId, entry: &Entry) -> &mut Batch {
        let Some(body) = self.encode("a journal entry", entry) else { return self };
        self.add(body::rows(body.len()), Operation::AppendJournal { case: case.clone(), body })
    }

    /// Appends a fact about the case's subject; facts are read back in the order of their own instants.
    pub fn append_fact(&mut self, case: &CaseId, fact: &Fact) -> &mut Batch {
        let Some(body) = self.encode("a fact", &(case, fact)) else { return self };
        let (connection, at) = (case.connection().clone(), fact.at);
        self.add(body::rows(body.len()), Operation::AppendFact { connection, at, body })
    }

    /// Writes a setting, of any type that is read back under the same name.
    pub fn put_meta<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> &mut Batch {
        let Some(body) = self.encode("a setting", value) else { return self };
        self.add(body::rows(body.len()), Operation::PutMeta { name: name.to_owned(), body: Some(body) })
    }

    /// Removes a setting.
    pub fn remove_meta(&mut self, name: &str) -> &mut Batch {
        self.add(1, Operation::PutMeta { name: name.to_owned(), body: None })
    }

    /// Puts a hint, of any type that is read back as the same; an equal one that waits already is renewed.
    pub fn put_hint<T: Serialize + ?Sized>(&mut self, connection: &ConnectionId, hint: &T) -> &mut Batch {
        let Some(body) = self.encode("a hint", hint) else { return self };
        let text = String::from_utf8(body).expect("JSON is UTF-8");
        self.add(1, Operation::PutHint { connection: connection.clone(), text })
    }

    /// Takes a hint away that was followed, unless it was renewed meanwhile.
    pub fn take_hint(&mut self, connection: &ConnectionId, hint: &WaitingHint) -> &mut Batch {
        self.add(1, Operation::TakeHint { connection: connection.clone(), hint: hint.clone() })
    }

    /// Remembers that a message was received.
    pub fn put_replay(&mut self, connection: &ConnectionId, key: &str, at: Instant) -> &mut Batch {
        self.add(2, Operation::PutReplay { connection: connection.clone(), key: key.to_owned(), at })
    }

    /// Forgets a message that is too old to come again.
    pub fn forget_replay(&mut self, replay: Replay) -> &mut Batch {
        self.add(2, Operation::ForgetReplay(replay))
    }

    /// The batch fails unless the setting has exactly this value; `None` stands for a setting that is not there.
    pub fn expect_meta<T: Serialize + ?Sized>(&mut self, name: &str, value: Option<&T>) -> &mut Batch {
        let body = match value {
            Some(value) => match self.encode("a setting", value) {
                Some(body) => Some(body),
                None => return self,
            },
            None => None,
        };
        self.add(0, Operation::ExpectMeta { name: name.to_owned(), body })
    }

    /// The changes, unless one could not be encoded.
    pub(crate) fn into_operations(self) -> Result<Vec<Operation>, StoreError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.operations),
        }
    }

    fn change(&mut self, id: &EffectId, change: Change) -> &mut Batch {
        self.add(3, Operation::ChangeDelivery { id: *id, change })
    }

    fn add(&mut self, rows: usize, operation: Operation) -> &mut Batch {
        self.rows += rows;
        self.operations.push(operation);
        self
    }

    /// Encodes a body; a failure is kept for the commit, so that building a batch reads without a `?` on every line.
    fn encode<T: Serialize + ?Sized>(&mut self, what: &'static str, value: &T) -> Option<Vec<u8>> {
        match serde_json::to_vec(value) {
            Ok(body) => Some(body),
            Err(source) => {
                self.fault.get_or_insert(StoreError::Encode { what, source });
                None
            }
        }
    }
}

/// A case's body: the persons it names, so that a later write can bring their index up to date without reading the
/// case itself, and the case.
fn persons_and(persons: &[PersonId], json: &[u8]) -> Vec<u8> {
    let names: usize = persons.iter().map(|person| person.as_str().len() + 4).sum();
    let mut body = Vec::with_capacity(json.len() + names + 4);
    let count = u32::try_from(persons.len()).expect("a case names far fewer than 2^32 persons");
    body.extend_from_slice(&count.to_be_bytes());
    for person in persons {
        let length = u32::try_from(person.as_str().len()).expect("a person's id is far shorter than 4 GiB");
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(person.as_str().as_bytes());
    }
    body.extend_from_slice(json);
    body
}

/// Splits a case's body into the persons it names and the case; `None` when it is no such body.
pub(crate) fn split_persons(body: &[u8]) -> Option<(Vec<PersonId>, &[u8])> {
    let (count, mut rest) = body.split_first_chunk::<4>()?;
    let mut persons = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (person, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        persons.push(PersonId::from(std::str::from_utf8(person).ok()?));
        rest = tail;
    }
    Some((persons, rest))
}
