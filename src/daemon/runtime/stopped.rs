//! Kill switches: a rule, a connection or everything stands still until it is started again, over any restart.
//!
//! A stopped connection makes no calls; what its CRM sends is kept. A stopped rule decides nothing new, and what it had
//! decided is set aside in the outbox without holding up anybody else's writes. Starting again is like coming back after
//! the daemon was down for a while.

mod switch;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use dealclock_engine::Ruleset;
use dealclock_engine::rules::Mode;
use dealclock_model::{ConnectionId, Effect, EffectId, Instant, RuleKey};
use dealclock_store::{Batch, OutboxEntry, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{Runtime, names};

pub use switch::{NoSwitch, Switch};

/// What the reason of a write begins with that was set aside because something is stopped.
const HELD: &str = "stopped: ";
/// Deliveries that change in one batch of the store, and are looked at in one page.
const AT_ONCE: usize = 25;

/// What is stopped; durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Everything.
    #[serde(default)]
    pub all: Option<Stop>,
    /// Connections.
    #[serde(default)]
    pub connections: BTreeMap<ConnectionId, Stop>,
    /// Rules, and approvals that ask by their own condition as `approval/<key>`.
    #[serde(default)]
    pub rules: BTreeMap<RuleKey, Stop>,
}

/// When something was stopped, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Since when.
    pub since: Instant,
    /// The command that stopped it.
    pub by: String,
}

impl Stopped {
    /// What the store says is stopped.
    pub fn recall(store: &Store) -> Result<Stopped, StoreError> {
        Ok(store.meta(names::STOPPED)?.unwrap_or_default())
    }

    /// Stops something, or starts it again where `stop` is `None`; whether that changed anything. What is stopped stays as
    /// it was stopped first.
    pub fn turn(&mut self, switch: &Switch, stop: Option<Stop>) -> bool {
        fn turned<K: Ord + Clone>(map: &mut BTreeMap<K, Stop>, key: &K, stop: Option<Stop>) -> bool {
            match stop {
                Some(_) if map.contains_key(key) => false,
                Some(stop) => map.insert(key.clone(), stop).is_none(),
                None => map.remove(key).is_some(),
            }
        }
        match switch {
            Switch::All if self.all.is_some() == stop.is_some() => false,
            Switch::All => {
                self.all = stop;
                true
            }
            Switch::Connection(connection) => turned(&mut self.connections, connection, stop),
            Switch::Rule(rule) => turned(&mut self.rules, rule, stop),
        }
    }

    /// Writes down what is stopped.
    pub fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put_meta(names::STOPPED, self);
        store.commit(batch)?;
        Ok(())
    }

    /// Everything that is stopped, with when and how.
    pub fn list(&self) -> impl Iterator<Item = (Switch, &Stop)> {
        let all = self.all.iter().map(|stop| (Switch::All, stop));
        let connections = self.connections.iter().map(|(id, stop)| (Switch::Connection(id.clone()), stop));
        all.chain(connections).chain(self.rules.iter().map(|(key, stop)| (Switch::Rule(key.clone()), stop)))
    }

    /// Whether a connection stands still.
    pub fn stops(&self, connection: &ConnectionId) -> bool {
        self.all.is_some() || self.connections.contains_key(connection)
    }

    /// Why a write waits: what it follows from is stopped.
    pub fn holds(&self, effect: &Effect) -> Option<Switch> {
        let connection = effect.case.connection();
        if self.all.is_some() {
            Some(Switch::All)
        } else if self.connections.contains_key(connection) {
            Some(Switch::Connection(connection.clone()))
        } else {
            self.rules.contains_key(&effect.rule).then(|| Switch::Rule(effect.rule.clone()))
        }
    }

    /// The rules with those marked that are stopped.
    pub(super) fn mark(&self, mut ruleset: Ruleset) -> Ruleset {
        ruleset.rules.stopped = self.rules.keys().cloned().collect();
        ruleset
    }
}

impl Runtime {
    /// What is stopped now.
    pub fn stopped(&self) -> Arc<Stopped> {
        self.stopped.load_full()
    }

    /// Stops something, or starts it again where `stop` is `None`; whether that changed anything. Durable when it returns.
    pub fn turn(&self, switch: &Switch, stop: Option<Stop>) -> Result<bool, StoreError> {
        let started = stop.is_none();
        {
            let _one_at_a_time = self.switching.lock().unwrap_or_else(PoisonError::into_inner);
            let mut stopped = Stopped::clone(&self.stopped.load());
            if !stopped.turn(switch, stop) {
                return Ok(false);
            }
            stopped.keep(&self.store)?;
            self.store.durable_blocking()?;
            self.ruleset.store(Arc::new(stopped.mark(Ruleset::clone(&self.ruleset.load()))));
            self.stopped.store(Arc::new(stopped));
            if started {
                release(&self.store, &self.stopped.load(), self.clock.now())?;
            }
        }
        tracing::warn!(started, "{switch} was {}", if started { "started again" } else { "stopped" });
        self.signals.raise_all();
        Ok(true)
    }

    /// Sets writes aside that must not leave now, because something is stopped or their rule went into shadow since they were
    /// decided; whether there were any.
    pub(super) fn set_aside_held(&self, ready: &[OutboxEntry]) -> Result<bool, StoreError> {
        let ruleset = self.ruleset.load();
        let in_shadow = |effect: &Effect| {
            let rule = ruleset.rules.by_key.get(&effect.rule).filter(|rule| rule.mode == Mode::Shadow);
            rule.map(|rule| Switch::Rule(rule.key.clone()))
        };
        if self.stopped.load().list().next().is_none() && !ready.iter().any(|entry| in_shadow(&entry.effect).is_some())
        {
            return Ok(false);
        }
        // Nothing may be started between the look and the commit: nobody would take this write out again.
        let _one_at_a_time = self.switching.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = self.stopped.load();
        let why = |effect: &Effect| stopped.holds(effect).or_else(|| in_shadow(effect));
        let held = ready.iter().filter_map(|entry| Some((entry.effect.id, why(&entry.effect)?)));
        let held: Vec<(EffectId, Switch)> = held.collect();
        for some in held.chunks(AT_ONCE) {
            let mut batch = Batch::new();
            for (id, switch) in some {
                batch.park_effect(id, &format!("{HELD}{switch}"));
            }
            match self.store.commit(batch) {
                // One of them was taken back a moment ago; the next look shows the others again.
                Ok(_) | Err(StoreError::Unexpected(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(!held.is_empty())
    }
}

/// Lets writes go again that were set aside and are not held any more. One that was begun stays begun.
pub(super) fn release(store: &Store, stopped: &Stopped, now: Instant) -> Result<(), StoreError> {
    let mut after: Option<EffectId> = None;
    loop {
        let page = store.outbox_all(after.as_ref(), AT_ONCE)?;
        let Some(last) = page.last().map(|entry| entry.effect.id) else { return Ok(()) };
        let is_held = |entry: &OutboxEntry| entry.parked.as_ref().is_some_and(|reason| reason.starts_with(HELD));
        let mut batch = Batch::new();
        for entry in page.iter().filter(|entry| is_held(entry) && stopped.holds(&entry.effect).is_none()) {
            batch.defer_effect(&entry.effect.id, now, "started again");
        }
        match store.commit(batch) {
            Ok(_) => after = Some(last),
            // A decision took one of them back meanwhile; the same page is looked at again.
            Err(StoreError::Unexpected(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
