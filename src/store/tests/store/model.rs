//! The store against a model: any sequence of decisions, deliveries, restarts and crashes.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::{Case, CaseId, EffectId, Fact, Instant};
use dealclock_store::{Batch, FactPlace, Seq, Store};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::samples::*;

/// What can happen to a store.
#[derive(Clone, Debug)]
enum Happening {
    /// An event arrives for a record.
    Arrive(u8),
    /// The oldest event is decided.
    Decide(Decided),
    /// The next delivery is begun.
    Begin,
    /// The next delivery is put off; `true`: it surely wrote nothing.
    PutOff(bool),
    /// The next delivery is settled.
    Settle,
    /// An effect is superseded.
    Supersede(u8, u8),
    /// A batch that relies on an event that was taken already.
    TakeAgain,
    /// A clean restart.
    Restart,
    /// The process dies; files stay as they are at this moment.
    Crash,
}

/// A decision: the case changes, a timer is set or cleared, an effect may be decided, something may have happened.
#[derive(Clone, Debug)]
struct Decided {
    owner: u8,
    size: u16,
    watched: bool,
    due: Option<u8>,
    step: Option<u8>,
    fact: Option<u8>,
}

fn decided() -> impl Strategy<Value = Decided> {
    let size = prop_oneof![0..300_u16, 3_900..9_000_u16];
    let maybe = |most: u8| proptest::option::of(0..most);
    (0..3_u8, size, any::<bool>(), maybe(9), maybe(3), maybe(4))
        .prop_map(|(owner, size, watched, due, step, fact)| Decided { owner, size, watched, due, step, fact })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Happening::Arrive),
        6 => decided().prop_map(Happening::Decide),
        2 => Just(Happening::Begin),
        1 => any::<bool>().prop_map(Happening::PutOff),
        2 => Just(Happening::Settle),
        1 => (0..4_u8, 0..3_u8).prop_map(|(record, step)| Happening::Supersede(record, step)),
        1 => Just(Happening::TakeAgain),
        1 => Just(Happening::Restart),
        1 => Just(Happening::Crash),
    ]
}

#[derive(Default)]
struct Model {
    inbox: BTreeMap<Seq, CaseId>,
    taken: Option<Seq>,
    cases: BTreeMap<CaseId, Case>,
    timers: BTreeMap<CaseId, Instant>,
    /// Effects in the outbox, with attempts, begun, superseded.
    outbox: BTreeMap<EffectId, (u32, bool, bool)>,
    settled: BTreeSet<EffectId>,
    journal: BTreeMap<CaseId, usize>,
    /// Facts by their instants, in the order of the decisions.
    facts: BTreeMap<Instant, Vec<(CaseId, Fact)>>,
}

/// A store, its model, and the directory the store lives in.
struct World {
    directory: TempDir,
    store: Option<Store>,
    model: Model,
}

impl World {
    fn new() -> World {
        let (directory, store) = new_store();
        World { directory, store: Some(store), model: Model::default() }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn next_delivery(&self) -> Option<EffectId> {
        self.store().outbox(&crm(), at(1_000), 1).unwrap().first().map(|entry| entry.effect.id)
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Arrive(record) => {
                let id = deal(&record.to_string());
                let mut batch = Batch::new();
                batch.put_event(&id, &due_event());
                let seq = self.store().commit(batch).unwrap().events[0];
                self.model.inbox.insert(seq, id);
            }
            Happening::Decide(decided) => self.decide(decided),
            Happening::Begin => self.deliver(
                |batch, id| batch.begin_effect(id),
                |(attempts, _, superseded)| Some((attempts + 1, true, superseded)),
            ),
            Happening::PutOff(false) => {
                self.deliver(|batch, id| batch.defer_effect(id, at(9), "no answer"), Some);
            }
            Happening::PutOff(true) => self.deliver(
                |batch, id| batch.release_effect(id, at(9), "throttled"),
                |(attempts, _, superseded)| (!superseded).then_some((attempts, false, false)),
            ),
            Happening::Settle => {
                let Some(id) = self.next_delivery() else { return };
                let mut batch = Batch::new();
                batch.settle(&id, &applied("t"), at(1));
                self.store().commit(batch).unwrap();
                self.model.outbox.remove(&id);
                self.model.settled.insert(id);
            }
            Happening::Supersede(record, step) => {
                let id = effect(&record.to_string(), &step.to_string()).id;
                let mut batch = Batch::new();
                batch.remove_effect(&id);
                let kept = self.store().commit(batch).unwrap().kept;
                match self.model.outbox.get_mut(&id) {
                    Some((_, true, superseded)) => {
                        *superseded = true;
                        assert_eq!(kept, [id]);
                    }
                    Some(_) | None => drop(self.model.outbox.remove(&id)),
                }
            }
            Happening::TakeAgain => {
                let Some(seq) = self.model.taken else { return };
                let mut batch = Batch::new();
                batch.put_case(&deal("0"), &record_case("nobody", 1)).take_event(seq);
                self.store().commit(batch).unwrap_err();
            }
            Happening::Restart => {
                self.store = None;
                self.store = Some(open(&self.directory));
            }
            Happening::Crash => {
                // What the process wrote stays; nothing is closed first. Unflushed batches may be gone, so flush.
                self.store().durable_blocking().unwrap();
                let copied = TempDir::new().unwrap();
                copy(self.directory.path(), copied.path());
                self.store = None;
                self.directory = copied;
                self.store = Some(open(&self.directory));
            }
        }
    }

    fn decide(&mut self, decided: &Decided) {
        let Some((seq, id, _)) = self.store().inbox_head(1).unwrap().pop() else { return };
        let (owner, size) = (decided.owner.to_string(), decided.size.into());
        let case = if decided.watched { watched_case(&owner, size) } else { record_case(&owner, size) };
        let due = decided.due.map(|due| at(due.into()));
        let mut batch = Batch::new();
        batch.take_event(seq).put_case(&id, &case).set_timer(&id, due).append_journal(&id, &entry(0));
        let fact = decided.fact.map(|day| fact(day.into()));
        if let Some(fact) = &fact {
            batch.append_fact(&id, fact);
        }
        let effect = decided.step.map(|step| effect(id.record().unwrap().id.as_str(), &step.to_string()));
        if let Some(effect) = &effect {
            batch.put_effect(effect, at(0));
        }
        let committed = self.store().commit(batch).unwrap();

        let model = &mut self.model;
        assert_eq!(model.inbox.pop_first(), Some((seq, id.clone())));
        model.taken = Some(seq);
        match due {
            Some(due) => drop(model.timers.insert(id.clone(), due)),
            None => drop(model.timers.remove(&id)),
        }
        *model.journal.entry(id.clone()).or_default() += 1;
        if let Some(fact) = fact {
            model.facts.entry(fact.at).or_default().push((id.clone(), fact));
        }
        model.cases.insert(id, case);
        if let Some(effect) = effect {
            let known = model.settled.contains(&effect.id) || model.outbox.contains_key(&effect.id);
            assert_eq!(committed.known.contains(&effect.id), known);
            if !model.settled.contains(&effect.id) {
                model.outbox.entry(effect.id).or_default().2 = false;
            }
        }
    }

    fn deliver(
        &mut self,
        change: impl for<'a> Fn(&'a mut Batch, &EffectId) -> &'a mut Batch,
        after: impl Fn((u32, bool, bool)) -> Option<(u32, bool, bool)>,
    ) {
        let Some(id) = self.next_delivery() else { return };
        let mut batch = Batch::new();
        change(&mut batch, &id);
        self.store().commit(batch).unwrap();
        let before = self.model.outbox.remove(&id).unwrap();
        self.model.outbox.extend(after(before).map(|state| (id, state)));
    }

    fn check(&self) {
        let (store, model) = (self.store(), &self.model);
        let inbox: BTreeMap<_, _> = store.inbox_head(999).unwrap().into_iter().map(|(seq, id, _)| (seq, id)).collect();
        assert_eq!(inbox, model.inbox);
        assert_eq!(
            store.cases(&"acme".into(), None, 999).unwrap(),
            model.cases.clone().into_iter().collect::<Vec<_>>()
        );
        let due: BTreeMap<_, _> = store.due(at(999), 999).unwrap().into_iter().map(|(due, id)| (id, due)).collect();
        assert_eq!(due, model.timers);
        assert_eq!(store.next_timer(None).unwrap(), model.timers.values().min().copied());
        let outbox = |entries: Vec<dealclock_store::OutboxEntry>| -> BTreeMap<_, _> {
            entries
                .into_iter()
                .map(|entry| (entry.effect.id, (entry.attempts, entry.begun, entry.superseded)))
                .collect()
        };
        assert_eq!(outbox(store.outbox_all(None, 999).unwrap()), model.outbox);
        assert_eq!(outbox(store.outbox(&crm(), at(999), 999).unwrap()), model.outbox);
        assert!(model.settled.iter().all(|id| store.settled(id).unwrap().is_some()));
        for (id, lines) in &model.journal {
            assert_eq!(store.journal(id, None, 999).unwrap().len(), *lines);
        }
        let watched: Vec<_> =
            model.cases.iter().filter(|(_, case)| case.is_watched()).map(|(id, _)| id.clone()).collect();
        assert_eq!(paged(|after| store.watched(&"acme".into(), after, 2).unwrap()), watched);
        assert_eq!(store.watched_len(&"acme".into()).unwrap(), watched.len() as u64);
        for from in [None, Some(at(2))] {
            let facts: Vec<_> =
                model.facts.range(from.unwrap_or(at(-1))..).flat_map(|(_, facts)| facts.clone()).collect();
            let page = |after: Option<&(FactPlace, CaseId, Fact)>| {
                store.facts(&"acme".into(), after.map(|(place, ..)| *place), from, 2).unwrap()
            };
            let found: Vec<_> = paged(page).into_iter().map(|(_, id, fact)| (id, fact)).collect();
            assert_eq!(found, facts, "from {from:?}");
        }
        for owner in 0..3 {
            let owner = dealclock_model::PersonId::from(owner.to_string());
            let naming: Vec<_> = model
                .cases
                .iter()
                .filter(|(_, case)| case.persons().contains(&owner))
                .map(|(id, _)| id.clone())
                .collect();
            assert_eq!(store.cases_naming(&"acme".into(), &owner).unwrap(), naming);
        }
        assert_eq!(store.health().unwrap().blobs, 0);
    }
}

/// Everything that pages show, each behind the last of the one before.
fn paged<T>(page: impl Fn(Option<&T>) -> Vec<T>) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let more = page(all.last());
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn the_store_holds_what_its_model_holds(happenings in prop::collection::vec(happening(), 1..25)) {
        let mut world = World::new();
        for happening in &happenings {
            world.happen(happening);
            world.check();
        }
    }
}
