//! A run of a scenario: the daemon's loop on virtual time, with a CRM that answers at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::Duration;
use dealclock_model::event::Origin;
use dealclock_model::fault::Fault;
use dealclock_model::{
    Case, CaseId, ChangeState, Effect, Entry, Event, Instant, Outcome, People, PersonId, RecordRef, RuleKey, Ruling,
    StepName, Way, What, Write,
};
use toml_edit::DocumentMut;

use super::Bench;
use super::acts::{Look, acts};
use super::crm::Crm;
use super::script::{Act, Deed, Moment, Script, Seen};
use crate::decide::decide;
use crate::rules::Ruleset;

/// More decisions than any scenario needs: a loop that never ends is a failure, not a hang.
const MOST_DECISIONS: usize = 200_000;

/// What a run showed.
pub(super) struct Run {
    pub(super) seen: Vec<Seen>,
    /// Effects for which more than one task was made.
    pub(super) doubles: usize,
    /// Whether the run was broken off because it did not come to rest.
    pub(super) endless: bool,
}

/// Plays a script; the faults are those of rules that it edits.
pub(super) fn play(bench: &Bench<'_>, script: &Script) -> Result<Run, Vec<Fault>> {
    let text = bench.source.text.clone();
    let mut world = World {
        bench,
        history: script.history,
        ruleset: bench.ruleset(&text)?,
        text,
        people: script.people.clone(),
        crm: Crm::new(script.people.profile.connection.clone()),
        now: Instant::UNIX_EPOCH,
        cases: BTreeMap::new(),
        wakes: BTreeMap::new(),
        inbox: VecDeque::new(),
        outbox: Vec::new(),
        down_until: script.started,
        started: script.started.is_none(),
        crm_down: None,
        stopped: BTreeSet::new(),
        mail_refused: None,
        looked: BTreeMap::new(),
        seen: Vec::new(),
        decisions: 0,
    };
    let mut moments: VecDeque<&Moment> = script.timeline.iter().collect();
    while let Some(next) = world.next_time(moments.front().map(|moment| moment.at)) {
        if next > script.until || world.decisions > MOST_DECISIONS {
            break;
        }
        world.now = next;
        while let Some(moment) = moments.front().filter(|moment| moment.at <= next) {
            world.happen(moment)?;
            moments.pop_front();
        }
        world.run();
    }
    Ok(Run { seen: world.seen, doubles: world.crm.doubles(), endless: world.decisions > MOST_DECISIONS })
}

struct World<'a> {
    bench: &'a Bench<'a>,
    history: bool,
    ruleset: Ruleset,
    /// The rule file as it stands now.
    text: String,
    people: People,
    crm: Crm,
    now: Instant,
    cases: BTreeMap<CaseId, Case>,
    wakes: BTreeMap<CaseId, Instant>,
    inbox: VecDeque<(CaseId, Event)>,
    /// What waits for the CRM.
    outbox: Vec<Effect>,
    /// Dealclock does not run until then.
    down_until: Option<Instant>,
    /// Whether the first read is done.
    started: bool,
    /// Since when and until when the CRM does not answer.
    crm_down: Option<(Instant, Instant)>,
    /// Rules that an administrator stopped.
    stopped: BTreeSet<RuleKey>,
    /// Until when the mail server refuses.
    mail_refused: Option<Instant>,
    /// What every case was told last of its requests in the CRM.
    looked: BTreeMap<CaseId, Look>,
    seen: Vec<Seen>,
    decisions: usize,
}

impl World<'_> {
    /// When something happens next.
    fn next_time(&self, deed: Option<Instant>) -> Option<Instant> {
        let wake = self.wakes.values().min().copied().map(|wake| wake.max(self.down_until.unwrap_or(wake)));
        let crm_back = self.crm_down.map(|(_, until)| until);
        [deed, wake, self.down_until, crm_back, self.crm.shows_at()]
            .into_iter()
            .flatten()
            .min()
            .map(|next| next.max(self.now))
    }

    fn happen(&mut self, moment: &Moment) -> Result<(), Vec<Fault>> {
        match &moment.deed {
            Deed::Set { records, values, owner } => {
                for record in records {
                    self.crm.set(record, values, owner.as_ref(), moment.at);
                    if moment.seen > moment.at {
                        self.crm.hide(record, moment.seen);
                    }
                }
            }
            Deed::Delete(record) => self.crm.turn(record, ChangeState::Deleted, moment.at),
            Deed::Restore(record) => self.crm.restore(record, moment.at),
            Deed::Merge(record, into) => {
                self.crm.turn(record, ChangeState::Merged { into: into.clone() }, moment.at);
            }
            Deed::Complete(record, step) => {
                let record = self.crm.reference(record);
                self.crm.complete(&record, step);
            }
            Deed::Person(id, edit) => {
                if let Some(person) = self.people.persons.get_mut(id) {
                    edit.apply(person);
                }
                let naming = self.cases.iter().filter(|(_, case)| case.persons().contains(id));
                self.inbox.extend(naming.map(|(case, _)| (case.clone(), Event::PersonChanged)));
            }
            Deed::EditRules(edits) => self.edit_rules(|document| {
                for (rule, key, item) in edits {
                    document["rule"][rule][key] = item.clone();
                }
            })?,
            Deed::RemoveRule(rule) => self.edit_rules(|document| {
                if let Some(rules) = document.get_mut("rule").and_then(|rules| rules.as_table_like_mut()) {
                    rules.remove(rule);
                }
            })?,
            Deed::Down(until) => self.down_until = Some(*until),
            Deed::CrmDown(until) => self.crm_down = Some((moment.at, *until)),
            Deed::Answer(rule, answer) => {
                let connection = self.people.profile.connection.clone();
                let intake = CaseId::Intake { connection, rule: rule.clone() };
                self.inbox.push_back((intake, Event::Answered { answer: *answer }));
            }
            Deed::LoseStore => self.lose_store(),
            Deed::Rule { record, request, by, ruling, way, comment } => {
                let record = self.crm.reference(record);
                match (way, ruling) {
                    (Way::Task, _) => self.crm.decide_task(&record, by, *ruling, moment.at),
                    (Way::Native, _) => self.crm.decide_run(&record.id, by, *ruling, comment.as_ref(), moment.at),
                    (Way::Link | Way::Desk, Some(ruling)) => {
                        let event = self.ruling(&record, request, by, *ruling, *way, comment.as_ref());
                        self.inbox.push_back((CaseId::Record(record), event));
                    }
                    // Nothing is said in these ways by hand.
                    (Way::Link | Way::Desk | Way::Field | Way::Timeout, _) => {}
                }
            }
            Deed::Stop(rule) => {
                self.stopped.insert(rule.clone());
                self.ruleset.rules.stopped = self.stopped.clone();
            }
            Deed::Start(rule) => {
                self.stopped.remove(rule);
                self.ruleset.rules.stopped = self.stopped.clone();
                self.judge_records_anew();
            }
            Deed::MailRefused(until) => self.mail_refused = Some(*until),
            Deed::NoApprovalProcess(none) => self.crm.no_approval_process = *none,
        }
        Ok(())
    }

    fn judge_records_anew(&mut self) {
        let records = self.cases.keys().filter(|case| case.record().is_some());
        self.inbox.extend(records.map(|case| (case.clone(), Event::RulesChanged)));
    }

    /// What an approver says about the request as it stands, as the page behind a link would pass it on.
    fn ruling(
        &self,
        record: &RecordRef,
        request: &RuleKey,
        by: &PersonId,
        ruling: Ruling,
        way: Way,
        comment: Option<&String>,
    ) -> Event {
        let case = self.cases.get(&CaseId::Record(record.clone())).and_then(Case::as_record);
        let known = case.and_then(|case| case.requests.get(request));
        let step = known.and_then(|request| request.steps.last()).map(|step| step.name.clone());
        Event::Ruled {
            rule: request.clone(),
            episode: known.map_or(1, |request| request.episode),
            round: known.map_or(0, |request| request.round),
            step: step.unwrap_or_else(|| StepName::from("step-1")),
            by: by.clone(),
            ruling,
            way,
            comment: comment.cloned(),
        }
    }

    fn edit_rules(&mut self, edit: impl FnOnce(&mut DocumentMut)) -> Result<(), Vec<Fault>> {
        let mut document: DocumentMut = self.text.parse().map_err(|error: toml_edit::TomlError| {
            vec![Fault::new(self.bench.source, error.span().unwrap_or(0..0), error.message().to_owned())]
        })?;
        edit(&mut document);
        self.text = document.to_string();
        self.ruleset = self.bench.ruleset(&self.text)?;
        self.ruleset.rules.stopped = self.stopped.clone();
        self.judge_records_anew();
        Ok(())
    }

    fn lose_store(&mut self) {
        self.crm.asks_by_key = true;
        self.cases.clear();
        self.wakes.clear();
        self.outbox.clear();
        self.read_everything();
        for (record, keys) in self.crm.keys() {
            self.inbox.push_back((CaseId::Record(record), Event::Recovered { keys }));
        }
    }

    fn read_everything(&mut self) {
        self.started = true;
        for (change, _) in self.crm.news(true, false, self.now) {
            self.learn(change, Vec::new(), Origin::FirstRead);
        }
    }

    fn learn(
        &mut self,
        change: dealclock_model::Change,
        history: Vec<dealclock_model::record::FieldHistory>,
        origin: Origin,
    ) {
        let case = CaseId::Record(change.record.clone());
        let unknown_and_gone = !self.cases.contains_key(&case) && !matches!(change.state, ChangeState::Present(_));
        if !unknown_and_gone {
            let event = Event::Changed { change: Box::new(change), history, origin, as_of: self.now };
            self.inbox.push_back((case, event));
        }
    }

    /// Everything that Dealclock does at this moment.
    fn run(&mut self) {
        if self.down_until.is_some_and(|until| until > self.now) {
            return;
        }
        self.down_until = None;
        if self.crm_down.is_some_and(|(_, until)| until <= self.now) {
            self.crm_down = None;
        }
        let crm_answers = self.crm_down.is_none();
        if crm_answers {
            self.poll();
        }
        self.decide_all();
        if crm_answers {
            self.deliver();
        }
        let due: Vec<CaseId> =
            self.wakes.iter().filter(|(_, wake)| **wake <= self.now).map(|(case, _)| case.clone()).collect();
        for case in due {
            self.wake(case, crm_answers);
        }
        self.decide_all();
        if !crm_answers {
            return;
        }
        self.deliver();
        // What was written is seen again, and what was decided in the CRM is heard.
        while self.decisions <= MOST_DECISIONS && (self.crm.has_news() || !self.inbox.is_empty() || self.look()) {
            self.poll();
            self.decide_all();
            self.deliver();
        }
    }

    /// Asks the CRM what became of the watched cases' requests; tells whether there was news.
    fn look(&mut self) -> bool {
        let watched = self.cases.iter().filter(|(_, case)| case.is_watched());
        let looks: Vec<_> =
            watched.filter_map(|(id, case)| Some((id.clone(), Look::at(case.as_record()?, id, &self.crm)))).collect();
        let before = self.inbox.len();
        for (id, look) in looks {
            if look.tells() && self.looked.get(&id) != Some(&look) {
                let event = Event::Looked { native: look.native.clone(), tasks: look.tasks.clone(), as_of: self.now };
                self.inbox.push_back((id.clone(), event));
                self.looked.insert(id, look);
            }
        }
        self.inbox.len() > before
    }

    fn poll(&mut self) {
        if !self.started {
            self.read_everything();
        }
        for (change, history) in self.crm.news(false, self.history, self.now) {
            self.learn(change, history, Origin::Poll);
        }
    }

    /// A timer has come. While the CRM does not answer, reminders wait for fresh data only so long.
    fn wake(&mut self, case: CaseId, crm_answers: bool) {
        let Some(wake) = self.wakes.remove(&case) else { return };
        match self.crm_down.filter(|_| !crm_answers) {
            None => self.inbox.push_back((case, Event::Due { as_of: self.now, waited: false })),
            Some((since, _)) => {
                let patience = Duration::seconds(i64::from(self.people.profile.max_wait_secs));
                let last_read = since.min(wake);
                if self.now >= last_read + patience && self.now >= wake {
                    self.inbox.push_back((case, Event::Due { as_of: since, waited: true }));
                } else {
                    self.wakes.insert(case, wake + patience);
                }
            }
        }
    }

    fn decide_all(&mut self) {
        while let Some((id, event)) = self.inbox.pop_front() {
            self.decisions += 1;
            let case = self.cases.remove(&id).unwrap_or_else(|| Case::new(&id));
            let rules = &self.ruleset;
            let decision = decide(&rules.rules, &rules.calendars, &self.people, &id, &case, &event, self.now);
            match decision.wake_at {
                Some(wake) => self.wakes.insert(id.clone(), wake),
                None => self.wakes.remove(&id),
            };
            self.note_journal(&id, decision.journal);
            for effect in decision.superseded {
                if let Some(place) = self.outbox.iter().position(|waiting| waiting.id == effect) {
                    let taken = self.outbox.remove(place);
                    self.note(&id, Act::TakenBack { step: taken.step.to_string() });
                }
            }
            self.outbox.extend(decision.effects);
            self.inbox.extend(decision.posts);
            self.cases.insert(id, decision.case);
            if self.crm_down.is_none() {
                self.deliver();
            }
        }
    }

    /// Writes what waits; everything settles at once. What follows from a stopped rule waits.
    fn deliver(&mut self) {
        let refused = self.mail_refused.is_some_and(|until| self.now < until);
        let (held, ready): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.outbox).into_iter().partition(|effect| self.stopped.contains(&effect.rule));
        self.outbox = held;
        for effect in ready {
            let outcome = match &effect.write {
                Write::SendEmail(_) if refused => Outcome::Refused { reason: "550 not accepted".to_owned() },
                write => self.crm.apply(effect.id, effect.step.as_str(), write, self.now),
            };
            if matches!(&outcome, Outcome::Applied(receipt) if receipt.kept.is_empty() && !receipt.found) {
                acts(&effect).into_iter().for_each(|act| self.note(&effect.case, act));
            }
            self.inbox.push_back((effect.case.clone(), Event::Settled { effect: effect.id, outcome }));
        }
    }

    fn note(&mut self, case: &CaseId, what: Act) {
        let record = match case {
            CaseId::Record(record) => record.id.to_string(),
            CaseId::Person { person, .. } => person.to_string(),
            CaseId::Intake { rule, .. } => rule.to_string(),
            CaseId::Digest { person, .. } => person.to_string(),
            CaseId::Report { report, .. } => report.to_string(),
        };
        self.seen.push(Seen { at: self.now, record, what });
    }

    fn note_journal(&mut self, case: &CaseId, journal: Vec<Entry>) {
        // Applied and fired are seen as the tasks themselves.
        let shown = BTreeSet::from([What::Applied, What::Fired]);
        for entry in journal.into_iter().filter(|entry| !shown.contains(&entry.what)) {
            let step = entry.step.map(|step| step.to_string());
            self.note(case, Act::Said { what: entry.what, step, why: entry.why });
        }
    }
}
