//! From a record to the readers of digests: what they are told, and told again when it changes.

use chrono::Duration;
use dealclock_model::case::{Clock, ClockState, RecordCase, Tampering, TamperingState, Violation};
use dealclock_model::digest::{Notice, NoticeKey, NoticeKind, NoticeState, Posted};
use dealclock_model::record::field;
use dealclock_model::{
    CaseId, ConnectionId, DigestKey, Entry, Event, Instant, PersonId, Record, RecordRef, Request, RequestState,
    RuleKey, Ruling, Value, What,
};

use super::recipient::{Standing, name, standing, whoever};
use super::request::Hearing;
use super::words::ending;
use super::{Desk, Draft, reason};
use crate::rules::{Digest, Mode, Rule, Who};
use crate::time::local::later;

/// Tells the readers of digests what is to be told about a record now and was not told yet: violations, what became of
/// them, requests that wait, tampering.
///
/// It compares the case with what it posted last, so that nothing else has to remember to tell anything. Called after
/// each state that the record was in (at the end of `arrive`), and once more at the end of every sitting; each time after
/// [`reason::attend`](super::reason::attend).
pub(super) fn tell(desk: Desk<'_>, id: &RecordRef, case: &mut RecordCase, out: &mut Draft) {
    let mut posted = std::mem::take(&mut case.notices);
    if let Some(record) = &case.record {
        let teller = Teller { desk, id, case, record };
        let mut wanted = teller.violations();
        wanted.extend(teller.requests());
        wanted.extend(teller.tampering());
        for known in posted.iter_mut().filter(|known| !wanted.iter().any(|(_, notice)| notice.key == known.notice.key))
        {
            teller.forget(known, out);
        }
        posted.retain(|known| {
            known.notice.state == NoticeState::Open || wanted.iter().any(|(_, notice)| notice.key == known.notice.key)
        });
        for (digest, notice) in wanted {
            teller.tell(&mut posted, digest, notice, out);
        }
    }
    case.notices = posted;
}

/// Posts one notice to the readers of a digest, found from the notice's owner; who they are.
pub(super) fn post(
    desk: Desk<'_>,
    connection: &ConnectionId,
    digest: &Digest,
    notice: &Notice,
    out: &mut Draft,
) -> Vec<PersonId> {
    let readers = readers(desk, digest, notice.owner.as_ref());
    post_to(connection, &digest.key, &readers, notice, out);
    readers
}

fn post_to(connection: &ConnectionId, digest: &DigestKey, readers: &[PersonId], notice: &Notice, out: &mut Draft) {
    for person in readers {
        let (connection, digest, person) = (connection.clone(), digest.clone(), person.clone());
        let reader = CaseId::Digest { connection, digest, person };
        out.posts.push((reader, Event::Noted(Box::new(notice.clone()))));
    }
}

/// Who reads a digest about somebody's records; nobody where neither they nor a fallback can receive anything.
fn readers(desk: Desk<'_>, digest: &Digest, owner: Option<&PersonId>) -> Vec<PersonId> {
    let people = desk.people;
    match &digest.to {
        Who::Slot(slot) => whoever(people, owner, *slot).map(|found| found.person).into_iter().collect(),
        Who::Role(role) => {
            let holders = people.profile.roles.get(role).into_iter().flatten();
            let able: Vec<_> =
                holders.filter(|person| standing(people, person) != Standing::Inactive).cloned().collect();
            let fallback = people.profile.fallback.iter().filter(|_| able.is_empty());
            let fallback = fallback.filter(|person| standing(people, person) != Standing::Inactive).cloned();
            able.iter().cloned().chain(fallback).collect()
        }
    }
}

/// One record, with what there is to tell about it.
struct Teller<'a> {
    desk: Desk<'a>,
    id: &'a RecordRef,
    case: &'a RecordCase,
    record: &'a Record,
}

impl<'a> Teller<'a> {
    /// The rule of a key, while it runs here and does what it decides.
    fn rule(&self, key: &RuleKey) -> Option<&'a Rule> {
        let rule = self.desk.rules.by_key.get(key)?;
        (rule.object == self.id.object && rule.is_on(&self.id.connection)).then_some(rule)
    }

    /// The digest that hears of the requests under a key, and of tampering with what they grant.
    fn digest_of_requests(&self, key: &RuleKey) -> Option<&'a DigestKey> {
        Hearing::of_key(self.desk, self.id, self.record, key)?.digest
    }

    /// Whether nothing is told about a key now: its rule runs in shadow, or was stopped.
    fn is_quiet(&self, key: &RuleKey) -> bool {
        let shadow = self.rule(key).is_some_and(|rule| rule.mode == Mode::Shadow);
        shadow || self.desk.rules.stopped.contains(key)
    }

    fn violations(&self) -> Vec<(&'a DigestKey, Notice)> {
        let clocks = self.case.clocks.iter();
        let told = clocks.filter_map(|(key, clock)| {
            let rule = self.rule(key)?;
            let digest = rule.violation.digest.as_ref()?;
            Some((digest, self.violation(rule, clock, clock.violation.as_ref()?)))
        });
        told.collect()
    }

    fn violation(&self, rule: &Rule, clock: &Clock, violation: &Violation) -> Notice {
        let kind = if violation.enforceable { NoticeKind::Violation } else { NoticeKind::NotEnforceable };
        let (state, detail) = standing_of(clock, violation);
        let urgent = rule.violation.urgent.as_ref().is_some_and(|condition| {
            let owner = self.record.owner.as_ref().and_then(|owner| self.desk.people.get(owner));
            condition.eval(&self.desk.rules.layout.row(self.record, owner)).holds()
        });
        Notice {
            owner: violation.owner.clone(),
            previous_owner: violation.previous_owner.clone(),
            reason: reason::given(self.desk, self.id, self.case, &rule.key),
            urgent: urgent && state == NoticeState::Open,
            detail,
            ..self.notice(&rule.key, kind, clock.episode, state, violation.at)
        }
    }

    fn requests(&self) -> Vec<(&'a DigestKey, Notice)> {
        let requests = self.case.requests.iter();
        requests
            .filter_map(|(key, request)| Some((self.digest_of_requests(key)?, self.request(key, request))))
            .collect()
    }

    fn request(&self, key: &RuleKey, request: &Request) -> Notice {
        let state = if request.is_open() { NoticeState::Open } else { NoticeState::Settled };
        Notice {
            owner: request.requester.clone(),
            reason: reason::given(self.desk, self.id, self.case, key),
            detail: Some(self.course(request)),
            ..self.notice(key, NoticeKind::Request, request.episode, state, request.opened_at)
        }
    }

    /// Who is asked, or what was decided.
    fn course(&self, request: &Request) -> String {
        let people = self.desk.people;
        let decider = request.decision.as_ref().and_then(|decision| decision.by.as_ref());
        let by = decider.map(|by| format!(" by {}", name(people, by))).unwrap_or_default();
        match request.state {
            RequestState::Open => {
                let asked = request.steps.last().into_iter().flat_map(|step| &step.approvers);
                let open = asked.filter(|approver| approver.ruling.is_none());
                let names: Vec<_> = open.map(|approver| name(people, &approver.person)).collect();
                let until = request.wanted_until.map(|date| format!("; wanted until {date}")).unwrap_or_default();
                match names.as_slice() {
                    [] => format!("nobody is asked{until}"),
                    names => format!("asks {}{until}", names.join(", ")),
                }
            }
            RequestState::Granted => format!("granted{by}"),
            RequestState::Refused => format!("refused{by}"),
            RequestState::TimedOut => match request.decision.as_ref().map(|decision| decision.ruling) {
                Some(Ruling::Approve) => "granted, since nobody decided in time".to_owned(),
                Some(Ruling::Reject) | None => "refused, since nobody decided in time".to_owned(),
            },
            RequestState::Withdrawn => "taken back by the one who asked".to_owned(),
            RequestState::NotNeeded => "not needed any more".to_owned(),
            RequestState::TakenBack => "granted, and given back".to_owned(),
        }
    }

    /// Tampering is told once it is being set back: before that it may turn out to be granted.
    fn tampering(&self) -> Vec<(&'a DigestKey, Notice)> {
        let found = self.case.tampering.iter().filter_map(|(key, tampering)| {
            let digest = self.digest_of_requests(key)?;
            let notice = self.tampered(key, tampering);
            let told = self.case.notices.iter().any(|known| known.notice.key == notice.key);
            match tampering.state {
                TamperingState::Reverting { .. } => Some((digest, notice)),
                TamperingState::Settled if told => Some((digest, notice)),
                TamperingState::Suspected | TamperingState::Settled => None,
            }
        });
        found.collect()
    }

    fn tampered(&self, key: &RuleKey, tampering: &Tampering) -> Notice {
        Notice {
            owner: self.record.owner.clone(),
            ..self.notice(key, NoticeKind::Tampering, tampering.count, NoticeState::Settled, tampering.since)
        }
    }

    fn notice(&self, key: &RuleKey, kind: NoticeKind, episode: u32, state: NoticeState, since: Instant) -> Notice {
        Notice {
            key: NoticeKey { rule: key.clone(), kind, record: Some(self.id.clone()), person: None, episode },
            state,
            since,
            at: self.desk.now,
            owner: None,
            previous_owner: None,
            name: self.record.name().to_owned(),
            url: self.record.url.clone(),
            amount: match self.record.get(field::AMOUNT) {
                Value::Number(amount) => Some(*amount),
                Value::Null | Value::Bool(_) | Value::Text(_) | Value::Time(_) | Value::Date(_) => None,
            },
            urgent: false,
            reason: None,
            detail: None,
        }
    }

    /// Tells one notice, unless its readers know it as it is.
    fn tell(&self, posted: &mut Vec<Posted>, digest: &DigestKey, mut notice: Notice, out: &mut Draft) {
        let Some(digest) = self.desk.rules.digests.get(digest).filter(|_| !self.is_quiet(&notice.key.rule)) else {
            return;
        };
        let Some(known) = posted.iter_mut().find(|known| known.notice.key == notice.key) else {
            // What was over before anybody was told of it is worth telling only where it counts.
            let counts = match (notice.key.kind, notice.state) {
                (_, NoticeState::Open) | (NoticeKind::Tampering | NoticeKind::Mark, _) => true,
                (NoticeKind::Violation | NoticeKind::NotEnforceable, NoticeState::Settled) => true,
                (_, NoticeState::Settled | NoticeState::Withdrawn) => false,
            };
            if counts {
                let readers = post(self.desk, &self.id.connection, digest, &notice, out);
                out.journal.push(self.listed(digest, &readers, &notice));
                posted.push(Posted { digest: digest.key.clone(), readers, notice });
            }
            return;
        };
        let last = &known.notice;
        notice.urgent |= last.urgent;
        notice.at = notice.at.max(later(last.at, Duration::milliseconds(1)));
        let turned = last.state != notice.state;
        if turned && notice.state == NoticeState::Open && notice.detail.is_none() {
            notice.detail = Some("open again".to_owned());
        } else if notice.detail.is_none() && last.detail.as_deref() == Some("open again") {
            notice.detail.clone_from(&last.detail);
        }
        let same = Notice { at: last.at, ..notice.clone() } == *last;
        // Nobody waits for more about what is over.
        let news = turned || (notice.state == NoticeState::Open && !same);
        let unheard = known.readers.is_empty();
        if unheard {
            known.readers = post(self.desk, &self.id.connection, digest, &notice, out);
        } else if news {
            post_to(&self.id.connection, &known.digest, &known.readers, &notice, out);
        }
        if turned || (unheard && !known.readers.is_empty()) {
            out.journal.push(self.listed(digest, &known.readers, &notice));
        }
        if news {
            known.notice = notice;
        }
    }

    /// What was told of is no more: its rule was removed, or another episode began.
    fn forget(&self, known: &mut Posted, out: &mut Draft) {
        if known.notice.state != NoticeState::Open || self.is_quiet(&known.notice.key.rule) {
            return;
        }
        known.notice.state = NoticeState::Settled;
        known.notice.at = self.desk.now.max(later(known.notice.at, Duration::milliseconds(1)));
        known.notice.detail = Some("it does not apply any more".to_owned());
        post_to(&self.id.connection, &known.digest, &known.readers, &known.notice, out);
    }

    fn listed(&self, digest: &Digest, readers: &[PersonId], notice: &Notice) -> Entry {
        let people = self.desk.people;
        let names: Vec<_> = readers.iter().map(|reader| name(people, reader)).collect();
        let (what, why) = match names.as_slice() {
            [] => {
                let why =
                    "a digest to nobody: no active reader and no fallback recipient; told as soon as there is one";
                (What::Superseded, format!("`{}` is {why}", digest.key))
            }
            names => {
                let state = match notice.state {
                    NoticeState::Open => "open",
                    NoticeState::Settled => "settled",
                    NoticeState::Withdrawn => "taken back",
                };
                (What::Listed, format!("stands as {state} in the digest `{}` of {}", digest.key, names.join(", ")))
            }
        };
        Entry {
            at: self.desk.now,
            rule: Some(notice.key.rule.clone()),
            episode: notice.key.episode,
            step: None,
            effect: None,
            what,
            why,
        }
    }
}

/// How a violation stands, and one sentence about it.
fn standing_of(clock: &Clock, violation: &Violation) -> (NoticeState, Option<String>) {
    if violation.withdrawn {
        return (NoticeState::Withdrawn, Some(withdrawal(clock.state).to_owned()));
    }
    let (state, detail) = match (clock.state, &clock.ended) {
        (ClockState::Violated, _) => (NoticeState::Open, None),
        (ClockState::Silenced, _) => (NoticeState::Open, Some("more time is asked for")),
        (ClockState::Running, _) => (NoticeState::Settled, Some("more time was given")),
        (ClockState::Met, _) => (NoticeState::Settled, Some("done within the time that was given afterwards")),
        (ClockState::MetLate, _) => (NoticeState::Settled, Some("done after the deadline")),
        (ClockState::Void, Some(ended)) => (NoticeState::Settled, Some(ending(ended.by))),
        (ClockState::Void, None) => (NoticeState::Settled, Some("the rule does not apply any more")),
    };
    (state, detail.map(str::to_owned))
}

/// The line that says why a violation was none.
fn withdrawal(state: ClockState) -> &'static str {
    match state {
        ClockState::Met | ClockState::MetLate => "it had been done in time; the CRM told it later",
        ClockState::Silenced => "more time had been asked for before the deadline; the CRM told it later",
        ClockState::Void => "the rule had ceased to apply before the deadline; the CRM told it later",
        ClockState::Running | ClockState::Violated => "what happened before the deadline was told later",
    }
}
