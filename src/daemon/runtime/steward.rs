//! Checks the account at start and keeps people, stages and fields up to date.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use dealclock_connector::{Account, Error, Once, Problem};
use dealclock_model::people::Profile;
use dealclock_model::{ConnectionId, Event, Instant, People, Person, PersonId};
use dealclock_store::{Batch, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::signals::LoopId;
use super::{Connection, Runtime, RuntimeError, Step, names};

const WORK: &str = "account";
/// However often the CRM says that people changed, they are read no more often than this.
const AT_MOST_EVERY: Duration = Duration::minutes(1);

/// The account that a connection's records belong to; durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAccount {
    /// The account's id in the CRM.
    pub id: String,
    /// Whether tasks appear exactly once there.
    pub once: Once,
    /// What must be mended, as of the last check.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// The people directory as it is kept over a restart.
#[derive(Serialize, Deserialize)]
struct KnownPeople {
    profile: Profile,
    persons: Vec<Person>,
}

/// The people directory of an earlier run, so that a restart needs no CRM to go on.
pub fn recall_people(store: &Store, connection: &ConnectionId) -> Result<Option<People>, StoreError> {
    let known: Option<KnownPeople> = store.meta(&names::people(connection))?;
    Ok(known.map(|KnownPeople { profile, persons }| {
        let persons = persons.into_iter().map(|person| (person.id.clone(), person)).collect();
        People { profile, persons }
    }))
}

impl Runtime {
    pub(super) async fn steward_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = self.clock.now();
        if let Some(until) = connection.waits(WORK, now) {
            return Ok(Step::Rest(Some(until)));
        }
        if let Some(at) = next_check(connection, now).filter(|at| *at > now) {
            return Ok(Step::Rest(Some(at)));
        }
        let hurried = std::mem::take(&mut connection.state().people_changed);
        match self.look_after(connection).await {
            Ok(Ok(())) => {
                connection.recovered(WORK);
                connection.state().last_check = Some(now);
                for next in LoopId::of(connection.id()) {
                    if !matches!(next, LoopId::Steward(_)) {
                        self.signals.raise(&next);
                    }
                }
                Ok(Step::Again)
            }
            Ok(Err(error)) => {
                connection.state().people_changed |= hurried;
                Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now()))))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn look_after(&self, connection: &Connection) -> Result<Result<(), Error>, StoreError> {
        let connector = &connection.spec.connector;
        let checked = connection.state().checked.take();
        let account = match checked {
            Some(account) => account,
            None => match connector.check().await {
                Ok(account) => account,
                Err(error) => return Ok(Err(error)),
            },
        };
        let discovery = match connector.discover().await {
            Ok(discovery) => discovery,
            Err(error) => {
                // A discovery that a limit cut short goes on where it stopped, without the check before it.
                connection.state().checked = Some(account);
                return Ok(Err(error));
            }
        };
        let known: Option<KnownAccount> = self.store.meta(&names::account(connection.id()))?;
        if let Some(known) = known.as_ref().filter(|known| known.id != account.id) {
            // Nothing is read or written any more: what is in the store is of another account.
            connection.state().verified = false;
            return Ok(Err(another_account(connection, &known.id, &account.id)));
        }
        let people = (connection.spec.assemble)(&account, &discovery);
        self.accept_people(connection, &account, people, known)?;
        Ok(Ok(()))
    }

    /// Keeps the directory, and tells the cases that name somebody who changed.
    fn accept_people(
        &self,
        connection: &Connection,
        account: &Account,
        people: People,
        before_check: Option<KnownAccount>,
    ) -> Result<(), StoreError> {
        let before = connection.people();
        let changed = before.as_ref().map(|before| changed_persons(before, &people)).unwrap_or_default();
        let mut events = BTreeMap::new();
        for person in &changed {
            for case in self.store.cases_naming(connection.id(), person)? {
                events.insert(case, Event::PersonChanged);
            }
        }
        let known =
            KnownAccount { id: account.id.clone(), once: account.once.clone(), problems: account.problems.clone() };
        if before_check.as_ref() != Some(&known) {
            tell_changes(connection, &known);
        }
        let mut batch = Batch::new();
        batch.put_meta(&names::account(connection.id()), &known);
        let directory =
            KnownPeople { profile: people.profile.clone(), persons: people.persons.values().cloned().collect() };
        batch.put_meta(&names::people(connection.id()), &directory);
        connection.set_people(Arc::new(people));
        connection.state().verified = true;
        // A profile that changed, such as another send time, is carried to the records by the rollout.
        self.enqueue(connection, events.into_iter().collect(), batch)
    }
}

/// When the account is checked next; a check that lies ahead was made before the machine's clock stepped back.
fn next_check(connection: &Connection, now: Instant) -> Option<Instant> {
    let state = connection.state();
    let last = state.last_check.filter(|last| *last <= now)?;
    let refresh = connection.spec.refresh;
    Some(last + if state.people_changed { refresh.min(AT_MOST_EVERY) } else { refresh })
}

/// Says once what an administrator should know about the account, and again when it changes.
fn tell_changes(connection: &Connection, account: &KnownAccount) {
    if let Once::AtLeastOnce(why) = &account.once {
        tracing::warn!(connection = %connection.id(), "reminders appear at least once, not exactly once: {why}");
    }
    for problem in &account.problems {
        tracing::warn!(connection = %connection.id(), fatal = problem.fatal, "{}; {}", problem.what, problem.way_out);
    }
}

fn another_account(connection: &Connection, known: &str, found: &str) -> Error {
    Error::unauthorized(format!(
        "the credential of connection `{}` belongs to account {found}, but its records in the store are of account \
         {known}; use a credential of account {known}, or give the new account a connection name of its own",
        connection.id()
    ))
}

fn changed_persons(before: &People, after: &People) -> Vec<PersonId> {
    let all = before.persons.keys().chain(after.persons.keys());
    let mut changed: Vec<_> = all.filter(|id| before.get(id) != after.get(id)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}
