//! One record whose requests are heard, for tests: deeds at local times, and what Dealclock wrote because of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dealclock_model::effect::{Channel, Subject};
use dealclock_model::event::Origin;
use dealclock_model::fault::Source;
use dealclock_model::record::{FieldHistory, field};
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::time::DateRange;
use dealclock_model::{
    Case, CaseId, Change, ChangeState, Effect, EffectId, Event, FieldName, Instant, Outcome, People, Person, PersonId,
    Profile, Receipt, Record, Request, RuleKey, Ruling, StepName, Value, Way, What, Write,
};

use crate::decide::bench::{at, id};
use crate::decide::decide;
use crate::rules::Ruleset;

pub(super) const RULE: &str = r#"
[rule.r]
object = "opportunity"
when = 'amount > 0'
until = 'stage == "Sent"'
deadline = "30d"
[[rule.r.remind]]
at = "20d"
to = ["owner"]
via = ["task"]
subject = "Do it"
[rule.r.extension]
requested_by = "complex"
granted_as = "request_approved"
grants = "40d"
approval = "a"
"#;

/// What somebody does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// The record's fields are set.
    Set(Vec<(&'static str, Value)>),
    /// The same, seen only after the fields have gone back: a poll brings both states at once.
    Flash(Vec<(&'static str, Value)>),
    /// The record is read for the first time, with these fields.
    FirstRead(Vec<(&'static str, Value)>),
    /// Somebody says something about the step by a link.
    Say(&'static str, &'static str, Ruling),
    /// Somebody completes the task of a step, saying something or nothing.
    Complete(&'static str, Option<Ruling>),
    /// The same with the first task of that step, when there are several.
    CompleteFirst(&'static str, Option<Ruling>),
    /// The CRM's own approval process has decided.
    Native(Ruling),
    /// It has decided about what another request of ours had handed in.
    NativeOf(&'static str, Ruling),
    /// Time passes.
    Wait,
    /// The record is handed to somebody else.
    Own(&'static str),
    /// A person leaves.
    Leave(&'static str),
    /// The rule files hold another approval.
    Edit(String),
}

/// Fields to set: `[("complex", true)]` and the like.
pub(super) fn ticked(field: &'static str, to: bool) -> Vec<(&'static str, Value)> {
    vec![(field, Value::Bool(to))]
}

pub(super) fn amount(amount: i64) -> Vec<(&'static str, Value)> {
    vec![(field::AMOUNT, Value::Number(amount.into()))]
}

/// A rule `r` whose way out is decided by the approval `a` of the text.
pub(super) fn extension(approval: &str) -> Ruleset {
    read(&format!("{RULE}{approval}"))
}

pub(super) fn read(text: &str) -> Ruleset {
    Ruleset::read(&[Source::new("r.toml", text)], &BTreeMap::new(), &|_| Err(String::new())).unwrap()
}

/// One record with its case.
pub(super) struct Room {
    pub(super) rules: Ruleset,
    pub(super) people: People,
    key: RuleKey,
    case: Case,
    record: Record,
    tasks: BTreeMap<String, (String, PersonId)>,
    decided: BTreeSet<EffectId>,
    /// Whether writes get an outcome at once.
    pub(super) settles: bool,
    /// What was written: `task STEP to PERSON`, `mail STEP to PERSON`, `FIELD = VALUE`, `handed in`, `done STEP`.
    pub(super) written: Vec<String>,
    pub(super) says: Vec<(What, String)>,
}

impl Room {
    pub(super) fn new(key: &str, rules: Ruleset) -> Room {
        let record = Record { owner: Some(PersonId::from("rep")), fields: BTreeMap::new(), url: None, parked: None };
        let mut room = Room {
            rules,
            people: people(),
            key: RuleKey::from(key),
            case: Case::new(&CaseId::Record(id())),
            record,
            tasks: BTreeMap::new(),
            decided: BTreeSet::new(),
            settles: true,
            written: Vec::new(),
            says: Vec::new(),
        };
        room.put(&[(field::AMOUNT, Value::Number(1.into())), (field::STAGE, Value::text("Open"))]);
        room
    }

    pub(super) fn request(&self) -> &Request {
        &self.case.as_record().unwrap().requests[&self.key]
    }

    pub(super) fn act(&mut self, when: &str, deed: &Deed) {
        let now = at(when);
        match deed {
            Deed::Set(fields) => {
                self.put(fields);
                self.show(now, Origin::Poll, Vec::new());
            }
            Deed::Own(owner) => {
                self.record.owner = Some(PersonId::from(*owner));
                self.show(now, Origin::Poll, Vec::new());
            }
            Deed::FirstRead(fields) => {
                self.put(fields);
                self.show(now, Origin::FirstRead, Vec::new());
            }
            Deed::Flash(fields) => self.flash(fields, now),
            Deed::Say(by, step, ruling) => {
                let request = self.request();
                let event = Event::Ruled {
                    rule: self.key.clone(),
                    episode: request.episode,
                    round: request.round,
                    step: (*step).into(),
                    by: PersonId::from(*by),
                    ruling: *ruling,
                    way: Way::Link,
                    comment: None,
                };
                self.take(event, now);
            }
            Deed::Complete(step, outcome) => {
                let last = self.tasks.iter().rev().find(|(_, (known, _))| known == step).unwrap();
                self.complete(last.0.clone(), last.1.1.clone(), *outcome, now);
            }
            Deed::CompleteFirst(step, outcome) => {
                let first = self.tasks.iter().find(|(_, (known, _))| known == step).unwrap();
                self.complete(first.0.clone(), first.1.1.clone(), *outcome, now);
            }
            Deed::Native(ruling) => self.run(None, *ruling, now),
            Deed::NativeOf(key, ruling) => {
                let (record, step) = (id(), StepName::from("submit"));
                let subject = Subject::Record(&record);
                let effect = EffectId::new(
                    &record.connection,
                    &RuleKey::from(*key),
                    subject,
                    1,
                    0,
                    &step,
                    "record",
                    Channel::Record,
                );
                self.run(Some(effect), *ruling, now);
            }
            Deed::Wait => self.take(Event::Due { as_of: now, waited: false }, now),
            Deed::Leave(person) => {
                self.people.persons.get_mut(*person).unwrap().active = false;
                self.take(Event::PersonChanged, now);
            }
            Deed::Edit(text) => {
                self.rules = read(text);
                self.take(Event::RulesChanged, now);
            }
        }
    }

    fn complete(&mut self, task: String, owner: PersonId, outcome: Option<Ruling>, now: Instant) {
        let seen = TaskSeen { task, done: true, outcome, owner: Some(owner), at: now };
        self.take(Event::Looked { native: Vec::new(), tasks: vec![seen], as_of: now }, now);
    }

    fn run(&mut self, effect: Option<EffectId>, ruling: Ruling, now: Instant) {
        let run = NativeSeen {
            id: "N1".to_owned(),
            effect,
            ruling: Some(ruling),
            by: Some(PersonId::from("boss")),
            comment: None,
            submitted_at: now,
            decided_at: Some(now),
        };
        self.take(Event::Looked { native: vec![run], tasks: Vec::new(), as_of: now }, now);
    }

    fn put(&mut self, fields: &[(&'static str, Value)]) {
        self.record.fields.extend(fields.iter().map(|(name, value)| (FieldName::from(*name), value.clone())));
    }

    fn flash(&mut self, fields: &[(&'static str, Value)], now: Instant) {
        let minute = chrono::Duration::minutes(1);
        let history = fields.iter().map(|(name, value)| {
            let is = self.record.get(name).clone();
            let entries = vec![(now - minute * 10, is.clone()), (now - minute * 2, value.clone()), (now - minute, is)];
            FieldHistory { field: FieldName::from(*name), entries }
        });
        let history = history.collect();
        self.show(now, Origin::Poll, history);
    }

    fn show(&mut self, now: Instant, origin: Origin, history: Vec<FieldHistory>) {
        let change = Box::new(Change { record: id(), stamp: now, state: ChangeState::Present(self.record.clone()) });
        self.take(Event::Changed { change, history, origin, as_of: now }, now);
    }

    /// Decides an event and all that follows from it.
    fn take(&mut self, event: Event, now: Instant) {
        let mut inbox = VecDeque::from([event]);
        while let Some(event) = inbox.pop_front() {
            let (rules, calendars) = (&self.rules.rules, &self.rules.calendars);
            let decision = decide(rules, calendars, &self.people, &CaseId::Record(id()), &self.case, &event, now);
            self.says.extend(decision.journal.into_iter().map(|entry| (entry.what, entry.why)));
            self.case = decision.case;
            inbox
                .extend(decision.posts.into_iter().filter(|(to, _)| *to == CaseId::Record(id())).map(|(_, post)| post));
            for effect in decision.effects {
                assert!(!decision.superseded.contains(&effect.id), "decided and taken back at once: {effect:?}");
                assert!(self.decided.insert(effect.id), "decided twice: {effect:?}");
                let receipt = self.write(&effect);
                if self.settles {
                    inbox.push_back(Event::Settled { effect: effect.id, outcome: Outcome::Applied(receipt) });
                }
            }
        }
    }

    fn write(&mut self, effect: &Effect) -> Receipt {
        let step = effect.step.as_str();
        let mut made = None;
        let line = match &effect.write {
            Write::CreateTask(task) => {
                let id = format!("T{:03}", self.tasks.len());
                self.tasks.insert(id.clone(), (step.to_owned(), task.owner.clone()));
                made = Some(id);
                format!("task {step} to {}", task.owner)
            }
            Write::UpdateTask(update) => match &update.set.owner {
                Some(owner) => format!("{step} to {owner}"),
                None => step.to_owned(),
            },
            Write::SendEmail(mail) | Write::SendCrmEmail(mail) => format!("mail {step} to {}", mail.to),
            Write::Notify(notice) => format!("notice {step} to {}", notice.to),
            Write::SubmitApproval(_) => "handed in".to_owned(),
            Write::UpdateRecord(update) => {
                if self.settles {
                    self.record.fields.extend(update.set.clone());
                }
                let set: Vec<_> = update.set.iter().map(|(field, value)| format!("{field} = {value}")).collect();
                set.join(", ")
            }
        };
        self.written.push(line);
        Receipt { id: made, found: false, kept: Vec::new() }
    }
}

/// A rep under a boss under a director; ann and bob hold roles, and dep acts for the boss in July.
fn people() -> People {
    let zone = chrono_tz::Europe::Berlin;
    let mut people = People::new(Profile::new(id().connection, zone));
    let july = DateRange { from: "2026-07-01".parse().unwrap(), to: "2026-07-31".parse().unwrap() };
    for (name, manager) in
        [("rep", Some("boss")), ("boss", Some("dir")), ("dir", None), ("ann", None), ("bob", None), ("dep", None)]
    {
        let person = Person {
            id: PersonId::from(name),
            name: name.to_owned(),
            email: None,
            zone: Some(zone),
            active: true,
            manager: manager.map(PersonId::from),
            hours: None,
            absences: if name == "boss" { vec![july] } else { Vec::new() },
            deputy: (name == "boss").then(|| PersonId::from("dep")),
        };
        people.persons.insert(PersonId::from(name), person);
    }
    people.profile.roles.insert("legal".to_owned(), vec![PersonId::from("ann"), PersonId::from("bob")]);
    people.profile.roles.insert("counsel".to_owned(), vec![PersonId::from("ann")]);
    people.profile.roles.insert("reps".to_owned(), vec![PersonId::from("rep")]);
    people
}
