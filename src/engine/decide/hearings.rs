//! What the case of a record does with its requests: each hears what happened, and the clock that asked obeys.

use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{Entry, Instant, Record, Request, RequestState, RuleKey, What};

use super::Draft;
use super::extension::{self, obey};
use super::judge::Late;
use super::matter::Matter;
use super::record::Sitting;
use super::request::{self, Cause, Hearing, Said};
use super::tamper::{self, Finding};
use crate::rules::Approval;

impl<'a> Sitting<'a> {
    /// The approval that asks by its own condition under a key.
    pub(super) fn approval(&self, key: &RuleKey) -> Option<&'a Approval> {
        let mut asking = self.desk.rules.asking(self.id.object, &self.id.connection).map(|(_, approval)| approval);
        asking.find(|approval| approval.request_key() == *key)
    }

    fn is_stopped(&self, key: &RuleKey) -> bool {
        self.desk.rules.stopped.contains(key)
    }

    /// Does something with every request whose rule or approval and record are known; what comes of it moves the clocks.
    pub(super) fn each_request(&mut self, mut action: impl FnMut(&Hearing<'_>, &mut Request, &mut Draft)) {
        if self.case.requests.is_empty() {
            return;
        }
        let Some(record) = self.case.record.take() else { return };
        let mut requests = std::mem::take(&mut self.case.requests);
        for (key, request) in &mut requests {
            let Some(hearing) = self.hearing(&record, key) else { continue };
            let before = (request.state, request.round);
            action(&hearing, request, &mut self.out);
            self.heed(&hearing, Some(before), request);
        }
        self.case.requests = requests;
        self.case.record = Some(record);
    }

    /// The hearing of a request, with the deadline of the clock that asked.
    fn hearing<'r>(&self, record: &'r Record, key: &RuleKey) -> Option<Hearing<'r>>
    where
        'a: 'r,
    {
        let hearing = Hearing::of_key(self.desk, self.id, record, key)?;
        Some(match self.case.clocks.get(key) {
            Some(clock) => hearing.with_deadline(clock.deadline, clock.zone),
            None => hearing,
        })
    }

    /// Lets the clock obey what became of its request; where none asked, the request only tells of its decision.
    fn heed(&mut self, hearing: &Hearing<'_>, before: Option<(RequestState, u32)>, request: &mut Request) {
        let now = self.desk.now;
        match hearing.cause {
            Cause::Extension(_) => {
                let (Some(rule), Some(clock)) =
                    (self.desk.rules.by_key.get(&hearing.key), self.case.clocks.get_mut(&hearing.key))
                else {
                    return;
                };
                let matter = Matter { desk: self.desk, id: self.id, rule, record: hearing.record };
                obey(&matter, hearing, clock, before, request, now, &mut self.out);
            }
            Cause::Condition(_) if before != Some((request.state, request.round)) => match request.state {
                RequestState::Granted | RequestState::Refused | RequestState::TimedOut => {
                    hearing.announce(request, None, &mut self.out);
                }
                RequestState::Open | RequestState::Withdrawn | RequestState::NotNeeded | RequestState::TakenBack => {}
            },
            Cause::Condition(_) => {}
        }
    }

    /// Rules and approvals were edited or removed: their requests follow, or close.
    pub(super) fn follow_approvals(&mut self) {
        let Some(record) = self.case.record.take() else { return };
        tamper::drop_unknown(self.desk, self.id, &record, &mut self.case);
        let mut requests = std::mem::take(&mut self.case.requests);
        for (key, request) in &mut requests {
            match self.hearing(&record, key) {
                None => request::abandon(self.desk, key, request, &mut self.out),
                Some(hearing) if hearing.approval.version != request.approval_version => {
                    let before = (request.state, request.round);
                    hearing.follow_approval(request, &mut self.out);
                    self.heed(&hearing, Some(before), request);
                }
                Some(_) => {}
            }
        }
        self.case.requests = requests;
        self.case.record = Some(record);
    }

    /// The approvals that ask by their own condition look at the record as it is since `at`.
    pub(super) fn follow_asking(&mut self, record: &Record, before: Option<&Record>, at: Instant, backlog: Late) {
        for (_, approval) in self.desk.rules.asking(self.id.object, &self.id.connection) {
            let Some(hearing) = Hearing::of_approval(self.desk, self.id, record, approval) else { continue };
            let open = self.case.requests.get(&hearing.key).is_some_and(Request::is_open);
            if !open && self.is_stopped(&hearing.key) {
                // It has not looked: what is ticked by the time it starts is no news then.
                continue;
            }
            let first = backlog.is_first(self.case.seen.insert(hearing.key.clone()));
            let known = self.case.requests.remove(&hearing.key);
            let fresh = known.is_none() && !first;
            let mut known = known;
            let mut state = known.as_ref().map(|known| (known.state, known.round));
            if let Some(known) = &mut known {
                hearing.follow_record(known, before, at, &mut self.out);
                self.heed(&hearing, state, known);
                state = Some((known.state, known.round));
            }
            if let Some(mut request) = hearing.follow_condition(known, at, first, &mut self.out) {
                let adopted = first && state.is_none() && request.decision.is_none();
                if !adopted || request.state != RequestState::Granted {
                    self.heed(&hearing, state, &mut request);
                }
                self.case.requests.insert(hearing.key.clone(), request);
                tamper::watch(&hearing, &mut self.case, before, at, fresh, &mut self.out);
            }
        }
    }

    /// The granted checkboxes of the rules' ways out, as they are since `at`.
    pub(super) fn watch_grants(&mut self, record: &Record, before: Option<&Record>, at: Instant, begun: &[RuleKey]) {
        for rule in self.desk.rules.about(self.id.object, &self.id.connection) {
            let Some(hearing) = Hearing::of_rule(self.desk, self.id, record, rule) else { continue };
            let applies = self.case.clocks.get(&rule.key).is_some_and(|clock| clock.ended.is_none() && !clock.ignored);
            if applies || self.case.requests.contains_key(&rule.key) || self.case.tampering.contains_key(&rule.key) {
                tamper::watch(&hearing, &mut self.case, before, at, begun.contains(&rule.key), &mut self.out);
            }
        }
    }

    /// Somebody says something about a request.
    pub(super) fn hear(&mut self, key: &RuleKey, said: Said<'_>) {
        if !self.case.requests.contains_key(key) {
            self.out.journal.push(Entry {
                at: self.desk.now,
                rule: Some(key.clone()),
                episode: said.episode,
                step: Some(said.step.clone()),
                effect: None,
                what: What::TooLate,
                why: "somebody decided about a request that is not known here".to_owned(),
            });
        }
        self.each_request(|hearing, request, out| {
            if hearing.key == *key {
                hearing.hear_ruling(request, said, out);
            }
        });
    }

    /// The CRM tells of its own approval process and of our tasks.
    pub(super) fn look(&mut self, native: &[NativeSeen], tasks: &[TaskSeen], as_of: Instant) {
        self.each_request(|hearing, request, out| hearing.hear_look(request, native, tasks, out));
        let suspected: Vec<RuleKey> = self.case.tampering.keys().cloned().collect();
        let Some(record) = self.case.record.take() else { return };
        for key in suspected {
            if let Some(hearing) = self.hearing(&record, &key) {
                self.look_into(&hearing, native, as_of);
            }
        }
        self.case.record = Some(record);
    }

    /// Looks into one checkbox that is ticked without a grant.
    fn look_into(&mut self, hearing: &Hearing<'_>, native: &[NativeSeen], as_of: Instant) {
        let key = &hearing.key;
        let known = self.case.requests.get(key);
        if known.is_some_and(|request| request.state == RequestState::Granted) {
            tamper::acquit(&mut self.case, key);
            return;
        }
        let clock = self.case.clocks.get(key);
        let began = clock.map(|clock| clock.since).or(known.map(|request| request.opened_at));
        match tamper::find(&self.case, hearing, native, began, as_of) {
            Finding::Nothing => {}
            Finding::Unfounded => tamper::set_back(hearing, &mut self.case, &mut self.out),
            Finding::Granted(run) => {
                let episode = clock.map(|clock| clock.episode).or(known.map(|request| request.episode)).unwrap_or(1);
                let at = run.decided_at.unwrap_or(as_of);
                let known = self.case.requests.remove(key);
                let before = known.as_ref().map(|known| (known.state, known.round));
                let why = "the CRM's own approval process granted it";
                let mut request = hearing.adopt(known, episode, at, Some(run), why, &mut self.out);
                tamper::acquit(&mut self.case, key);
                self.heed(hearing, before, &mut request);
                self.case.requests.insert(key.clone(), request);
            }
        }
    }

    /// Asks for what could not be asked for while clocks were held or rules stopped.
    pub(super) fn catch_up(&mut self) {
        if self.case.gone.is_some() {
            return;
        }
        let Some(record) = self.case.record.take() else { return };
        for rule in self.desk.rules.about(self.id.object, &self.id.connection) {
            let Some(mut clock) = self.case.clocks.remove(&rule.key) else { continue };
            let matter = Matter { desk: self.desk, id: self.id, rule, record: &record };
            extension::catch_up(&matter, &mut self.case, &mut clock, &mut self.out);
            self.case.clocks.insert(rule.key.clone(), clock);
        }
        self.case.record = Some(record);
    }
}
