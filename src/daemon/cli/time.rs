//! The present instant for commands that read a store by themselves: the machine's clock, or the time of the sandbox that
//! the store's daemon followed.

use std::time::Duration;

use dealclock_model::{ConnectionId, Instant};
use dealclock_store::{Store, StoreError};

use super::{Context, Failure};
use crate::config::Config;
use crate::follow::Follower;
use crate::runtime::names;
use crate::runtime::reconcile::Reconciled;

/// A sandbox on this machine answers sooner than this, or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Cases and facts that are read at once.
const PAGE: usize = 500;

/// The present instant. Under `[clock] follow` it is told which time that is: the machine's would lie far from the store's.
pub(super) async fn now(config: &Config, store: &Store, context: &Context) -> Result<Instant, Failure> {
    let Some(url) = &config.follow else { return Ok(context.clock().now()) };
    let authorities = super::run::authorities_here(config);
    let asked = Follower::start(url.as_str(), &authorities, &config.store.path);
    let (now, whose) = match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(follower)) => (dealclock_connector::Clock::now(follower.clock().as_ref()), "the sandbox's time"),
        Ok(Err(_)) | Err(_) => match last_known(store, config.connections.keys())? {
            Some(last) => (last, "the sandbox does not answer; this is the last time that the store knows"),
            None => (context.clock().now(), "neither the sandbox nor the store knows a time; this is the machine's"),
        },
    };
    context.output.note(format_args!("time: {} ({whose})", now.format("%Y-%m-%d %H:%M:%S UTC")));
    Ok(now)
}

/// The latest instant up to which a store knows anything of some connections.
fn last_known<'a>(
    store: &Store,
    connections: impl Iterator<Item = &'a ConnectionId>,
) -> Result<Option<Instant>, StoreError> {
    let mut last: Option<Instant> = None;
    for id in connections {
        let reconciled: Option<Reconciled> = store.meta(&names::reconciled(id))?;
        last = last.max(reconciled.map(|reconciled| reconciled.at)).max(last_of_facts(store, id)?);
        let mut after = None;
        loop {
            let page = store.cases(id, after.as_ref(), PAGE)?;
            let known = page.iter().filter_map(|(_, case)| case.as_record()?.as_of).max();
            last = last.max(known);
            match page.into_iter().last() {
                Some((case, _)) => after = Some(case),
                None => break,
            }
        }
    }
    Ok(last)
}

/// When the last fact of a connection happened; facts lie in that order.
fn last_of_facts(store: &Store, id: &ConnectionId) -> Result<Option<Instant>, StoreError> {
    let mut place = None;
    loop {
        match store.facts(id, place, None, PAGE)?.last() {
            Some((last, ..)) => place = Some(*last),
            None => return Ok(place.map(|place| place.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use dealclock_model::{Case, CaseId, Fact, Happened, Object, RecordRef};
    use dealclock_store::{Batch, Options};

    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_time_that_a_store_knows_is_that_of_its_latest_look_or_fact() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(directory.path())).unwrap();
        let acme = ConnectionId::from("acme");
        let last = || last_known(&store, [&acme].into_iter()).unwrap();
        assert_eq!(last(), None);
        let id = CaseId::Record(RecordRef { connection: acme.clone(), object: Object::Opportunity, id: "1".into() });
        let mut case = Case::new(&id);
        let Case::Record(known) = &mut case else { panic!("it is a record's case") };
        known.as_of = Some(at("2026-03-02T10:00:00Z"));
        let mut batch = Batch::new();
        batch.put_case(&id, &case);
        store.commit(batch).unwrap();
        assert_eq!(last(), Some(at("2026-03-02T10:00:00Z")));
        let at_last = at("2026-03-03T10:00:00Z");
        let fact = Fact { at: at_last, owner: None, rule: None, episode: 0, in_shadow: false, what: Happened::Void };
        let mut batch = Batch::new();
        batch.append_fact(&id, &fact);
        store.commit(batch).unwrap();
        assert_eq!(last(), Some(at_last));
    }
}
