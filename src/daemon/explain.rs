//! What happened to a record, why, why not, and what comes next and when: answered from the journal.

use dealclock_engine::Ruleset;
use dealclock_engine::decide::{outlook, why_not};
use dealclock_model::case::{Clock, Gone};
use dealclock_model::{Case, CaseId, ConnectionId, Entry, Instant, Object, People, RecordId, RecordRef};
use dealclock_store::{OutboxEntry, Store, StoreError};
use serde::Serialize;

/// The longest journal that is shown; a record seldom has more than a few dozen lines.
const JOURNAL: usize = 500;

/// The answer to `dealclock explain RECORD`.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Which record.
    pub record: RecordRef,
    /// Its name.
    pub name: Option<String>,
    /// Where a person opens it.
    pub url: Option<String>,
    /// The owner's name.
    pub owner: Option<String>,
    /// The moment up to which it is known.
    pub as_of: Option<Instant>,
    /// Why it is not there, when it is not.
    pub gone: Option<Gone>,
    /// Why it cannot be judged, when it cannot.
    pub parked: Option<String>,
    /// Writes that wait, and for what.
    pub waiting: Vec<String>,
    /// Every rule, with why it applies or not, and its clock.
    pub rules: Vec<RuleStory>,
    /// Everything that happened, oldest first.
    pub journal: Vec<Entry>,
}

/// One rule and the record.
#[derive(Clone, Debug, Serialize)]
pub struct RuleStory {
    /// The rule's key.
    pub rule: String,
    /// What people call it.
    pub title: String,
    /// Why it applies now, or why not, as a sentence.
    pub now: String,
    /// The clock of the latest episode, if there ever was one.
    pub clock: Option<Clock>,
    /// What comes next.
    pub next: Vec<Upcoming>,
}

/// Something that will happen unless the record changes.
#[derive(Clone, Debug, Serialize)]
pub struct Upcoming {
    /// When.
    pub at: Instant,
    /// What, as a sentence.
    pub what: String,
}

/// No record, or more than one, answers to what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Nothing is known under this name.
    #[error(
        "no record `{0}` is known; give its id, `connection/id`, or its address in the CRM, and check with \
         `dealclock status` that the first read is complete"
    )]
    Unknown(String),
    /// Two connections know a record of this id.
    #[error("`{asked}` is known on {}; say which, as in `{}/{asked}`", connections.join(" and "), connections[0])]
    Ambiguous {
        /// What was asked.
        asked: String,
        /// The connections.
        connections: Vec<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds a record by id, `connection/id`, `connection/object/id`, or its address in the CRM.
pub fn find(store: &Store, connections: &[ConnectionId], asked: &str) -> Result<RecordRef, ExplainError> {
    let parts: Vec<&str> = asked.trim().trim_end_matches('/').split('/').collect();
    let last = parts.last().copied().unwrap_or_default();
    let id = last.split(['?', '#']).next().unwrap_or_default();
    let named = connections.iter().find(|connection| parts.len() > 1 && parts[0] == connection.as_str());
    let candidates: Vec<_> = named.map_or_else(|| connections.iter().collect(), |connection| vec![connection]);
    let mut found = Vec::new();
    for connection in candidates {
        let record = RecordRef { connection: connection.clone(), object: Object::Opportunity, id: RecordId::from(id) };
        if store.case(&CaseId::Record(record.clone()))?.is_some() {
            found.push(record);
        }
    }
    match found.len() {
        0 => Err(ExplainError::Unknown(asked.to_owned())),
        1 => Ok(found.remove(0)),
        _ => Err(ExplainError::Ambiguous {
            asked: id.to_owned(),
            connections: found.iter().map(|record| record.connection.to_string()).collect(),
        }),
    }
}

/// Explains a record.
pub fn explain(
    store: &Store,
    ruleset: &Ruleset,
    people: &People,
    record: RecordRef,
    now: Instant,
) -> Result<Explanation, StoreError> {
    let id = CaseId::Record(record.clone());
    let case = store.case(&id)?.unwrap_or_else(|| Case::new(&id));
    let known = case.as_record().cloned().unwrap_or_default();
    let upcoming = outlook(&ruleset.rules, &ruleset.calendars, people, &record, &known, now);
    let reasons = why_not(&ruleset.rules, people, &record, &known);
    let rules = ruleset.rules.about(record.object, &record.connection).map(|rule| RuleStory {
        rule: rule.key.to_string(),
        title: rule.title.clone(),
        now: reasons.iter().find(|reason| reason.rule == rule.key).map(|reason| reason.why.clone()).unwrap_or_default(),
        clock: known.clocks.get(&rule.key).cloned(),
        next: upcoming
            .iter()
            .filter(|upcoming| upcoming.rule == rule.key)
            .map(|upcoming| Upcoming { at: upcoming.at, what: upcoming.what.clone() })
            .collect(),
    });
    let rules = rules.collect();
    let waiting = store.locked(&id)?.into_iter().map(locked).collect();
    let journal = store.journal(&id, None, JOURNAL)?.into_iter().map(|(_, entry)| entry).collect();
    let state = known.record;
    let owner = state.as_ref().and_then(|state| state.owner.as_ref());
    Ok(Explanation {
        name: state.as_ref().map(|state| state.name().to_owned()),
        url: state.as_ref().and_then(|state| state.url.clone()),
        owner: owner.map(|id| people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())),
        parked: state.and_then(|state| state.parked),
        as_of: known.as_of,
        gone: known.gone,
        waiting,
        record,
        rules,
        journal,
    })
}

fn locked(entry: OutboxEntry) -> String {
    let why = entry.note.map(|note| format!(" ({note})")).unwrap_or_default();
    let again = entry.not_before.format("%Y-%m-%d %H:%M:%SZ");
    format!(
        "step {} waits: the record is locked{why}; tried again at {again}, or once it is unlocked",
        entry.effect.step
    )
}
