//! What happened to a record, why, why not, and what comes next and when: answered from the journal.

use chrono_tz::Tz;
use dealclock_engine::Ruleset;
use dealclock_engine::decide::{outlook, why_not};
use dealclock_model::case::{Clock, Gone};
use dealclock_model::{
    Case, CaseId, ConnectionId, Entry, Instant, Object, People, PersonId, RecordId, RecordRef, Request, RuleKey,
    Ruling, Way,
};
use dealclock_store::{OutboxEntry, Store, StoreError};
use serde::Serialize;

use crate::runtime::stopped::{Stop, Stopped, Switch};

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
    /// The zone in which its days are counted: its clock's, else its owner's.
    pub zone: Tz,
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
    /// Since when approvals that ask by themselves do nothing, where no rule's story says so, as sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Requests: who was asked, when, and what came of it.
    pub requests: Vec<RequestStory>,
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
    /// Since when nothing is done by it, when it, its connection or everything is stopped, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The clock of the latest episode, if there ever was one.
    pub clock: Option<Clock>,
    /// What comes next.
    pub next: Vec<Upcoming>,
}

/// One request about the record.
#[derive(Clone, Debug, Serialize)]
pub struct RequestStory {
    /// The rule that asked, or `approval/<key>`.
    pub rule: String,
    /// What people call the approval.
    pub title: String,
    /// How it stands.
    pub state: &'static str,
    /// Who asked.
    pub requester: Option<String>,
    /// Since when, in the present round.
    pub opened_at: Instant,
    /// Whoever was asked, step by step.
    pub asked: Vec<AskedLine>,
    /// How it was decided.
    pub decided: Option<DecidedLine>,
}

/// One person who was asked in one step.
#[derive(Clone, Debug, Serialize)]
pub struct AskedLine {
    /// The step.
    pub step: String,
    /// Who.
    pub person: String,
    /// For whom they act, when they are a delegate.
    pub acts_for: Option<String>,
    /// Since when.
    pub since: Instant,
    /// Until when: the step was passed, or the request was decided or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// What they said.
    pub said: Option<Ruling>,
}

/// How a request was decided.
#[derive(Clone, Debug, Serialize)]
pub struct DecidedLine {
    /// When.
    pub at: Instant,
    /// What.
    pub ruling: Ruling,
    /// Who decided last, where that is known.
    pub by: Option<String>,
    /// In which way.
    pub way: &'static str,
    /// The field of the record in which it was decided, where it was in one: the CRM may not say whose hand it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
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
    /// What stands before the slash is no connection.
    #[error("there is no connection `{name}`; configured: {}", connections.join(", "))]
    NoConnection {
        /// What was asked for.
        name: String,
        /// The connections.
        connections: Vec<String>,
    },
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
    let parts = segments(asked);
    let is_address = asked.contains("://");
    let named = connections.iter().find(|connection| parts.len() > 1 && parts[0] == connection.as_str());
    if named.is_none() && parts.len() > 1 && !is_address {
        return Err(ExplainError::NoConnection {
            name: parts[0].to_owned(),
            connections: connections.iter().map(ToString::to_string).collect(),
        });
    }
    let candidates: Vec<_> = named.map_or_else(|| connections.iter().collect(), |connection| vec![connection]);
    for (place, id) in parts.iter().enumerate().rev() {
        let is_last = place + 1 == parts.len();
        let mut found = Vec::new();
        for connection in &candidates {
            found.extend(known(store, connection, id)?.filter(|known| is_last || known.stands_at(place)));
        }
        match found.len() {
            0 if is_address => {}
            0 => break,
            1 => return Ok(found.remove(0).record),
            _ => {
                return Err(ExplainError::Ambiguous {
                    asked: (*id).to_owned(),
                    connections: found.iter().map(|known| known.record.connection.to_string()).collect(),
                });
            }
        }
    }
    Err(ExplainError::Unknown(asked.to_owned()))
}

/// What stands between the slashes of an id or an address, without what an address asks of its page.
fn segments(asked: &str) -> Vec<&str> {
    let path = asked.trim().split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').split('/').collect()
}

/// A record that answers to an id.
struct Known {
    record: RecordRef,
    url: Option<String>,
}

impl Known {
    /// Whether the record's own address has its id at this place: the other parts of an address may be ids of others.
    fn stands_at(&self, place: usize) -> bool {
        self.url.as_deref().is_some_and(|url| segments(url).get(place) == Some(&self.record.id.as_str()))
    }
}

/// Letters of an id that tells large letters from small ones, and of the same id with the letters that make it fit for
/// programs that do not. A CRM may show either.
/// <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm>
const SHORT_ID: usize = 15;
const LONG_ID: usize = 18;

fn known(store: &Store, connection: &ConnectionId, id: &str) -> Result<Option<Known>, StoreError> {
    let asked = RecordId::from(id);
    let mut ids = vec![asked.clone()];
    if id.len() == SHORT_ID {
        let next = store.record_ids(connection, Object::Opportunity, Some(&asked), 1)?;
        ids.extend(next.into_iter().filter(|long| long.as_str().len() == LONG_ID && long.as_str().starts_with(id)));
    }
    for id in ids {
        let record = RecordRef { connection: connection.clone(), object: Object::Opportunity, id };
        if let Some(case) = store.case(&CaseId::Record(record.clone()))? {
            let url = case.as_record().and_then(|case| case.record.as_ref()?.url.clone());
            return Ok(Some(Known { record, url }));
        }
    }
    Ok(None)
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
    let stopped = Stopped::recall(store)?;
    let reasons = why_not(&ruleset.rules, people, &record, &known);
    let rules = ruleset.rules.about(record.object, &record.connection).map(|rule| RuleStory {
        rule: rule.key.to_string(),
        title: rule.title.clone(),
        now: reasons.iter().find(|reason| reason.rule == rule.key).map(|reason| reason.why.clone()).unwrap_or_default(),
        stopped: stopped_since(&stopped, &rule.key, &record),
        clock: known.clocks.get(&rule.key).cloned(),
        next: upcoming
            .iter()
            .filter(|upcoming| upcoming.rule == rule.key)
            .map(|upcoming| Upcoming { at: upcoming.at, what: upcoming.what.clone() })
            .collect(),
    });
    let rules: Vec<RuleStory> = rules.collect();
    let stopped = stopped_approvals(&stopped, ruleset, &record, &rules);
    let requests = known.requests.iter().map(|(rule, request)| request_story(ruleset, people, rule, request)).collect();
    let owner_zone = people.zone_of(known.record.as_ref().and_then(|state| state.owner.as_ref()));
    let zone = known.clocks.values().next().map_or(owner_zone, |clock| clock.zone);
    let waiting = store.locked(&id)?.into_iter().map(|entry| locked(entry, zone)).collect();
    let journal = store.journal(&id, None, JOURNAL)?.into_iter().map(|(_, entry)| entry).collect();
    let state = known.record;
    let owner = state.as_ref().and_then(|state| state.owner.as_ref());
    Ok(Explanation {
        name: state.as_ref().map(|state| state.name().to_owned()),
        url: state.as_ref().and_then(|state| state.url.clone()),
        owner: owner.map(|id| people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())),
        zone,
        parked: state.and_then(|state| state.parked),
        as_of: known.as_of,
        gone: known.gone,
        waiting,
        record,
        rules,
        stopped,
        requests,
        journal,
    })
}

/// Since when nothing is done by the approvals that ask by themselves about a record; what a rule's story says is not said
/// again.
fn stopped_approvals(stopped: &Stopped, ruleset: &Ruleset, record: &RecordRef, rules: &[RuleStory]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for (_, approval) in ruleset.rules.asking(record.object, &record.connection) {
        let since = stopped_since(stopped, &approval.request_key(), record);
        let is_new =
            |since: &String| !told.contains(since) && rules.iter().all(|rule| rule.stopped.as_ref() != Some(since));
        told.extend(since.filter(is_new));
    }
    told
}

/// Since when nothing is done by a rule, or by an approval under the key of its requests, about a record.
fn stopped_since(stopped: &Stopped, rule: &RuleKey, record: &RecordRef) -> Option<String> {
    let whole = stopped.all.as_ref().map(|stop| (Switch::All, stop));
    let connection =
        || Some((Switch::Connection(record.connection.clone()), stopped.connections.get(&record.connection)?));
    let own = || Some((Switch::Rule(rule.clone()), stopped.rules.get(rule)?));
    let (switch, Stop { since, by }) = whole.or_else(connection).or_else(own)?;
    Some(format!("{switch} is stopped since {} by `{by}`", since.format("%Y-%m-%d %H:%M:%SZ")))
}

fn request_story(ruleset: &Ruleset, people: &People, rule: &RuleKey, request: &Request) -> RequestStory {
    let name = |id: &PersonId| people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone());
    let asked = request.steps.iter().flat_map(|step| {
        step.approvers.iter().map(move |approver| AskedLine {
            step: step.name.to_string(),
            person: name(&approver.person),
            acts_for: approver.acts_for.as_ref().map(name),
            since: step.since,
            until: step.until.or(request.closed_at),
            said: approver.ruling,
        })
    });
    let approval = ruleset.rules.approvals.get(&request.approval);
    let field = approval.and_then(|approval| approval.decision.as_ref()).map(|decision| decision.field.to_string());
    RequestStory {
        rule: rule.to_string(),
        title: approval.map_or_else(|| request.approval.to_string(), |approval| approval.title.clone()),
        state: request.state.as_str(),
        requester: request.requester.as_ref().map(name),
        opened_at: request.opened_at,
        asked: asked.collect(),
        decided: request.decision.as_ref().map(|decision| DecidedLine {
            at: decision.at,
            ruling: decision.ruling,
            by: decision.by.as_ref().map(name),
            way: decision.way.as_str(),
            field: field.filter(|_| decision.way == Way::Field),
        }),
    }
}

fn locked(entry: OutboxEntry, zone: Tz) -> String {
    let why = entry.note.map(|note| format!(" ({note})")).unwrap_or_default();
    let again = entry.not_before.with_timezone(&zone).format("%Y-%m-%d %H:%M");
    format!(
        "step {} waits: the record is locked{why}; tried again at {again}, or once it is unlocked",
        entry.effect.step
    )
}

#[cfg(test)]
mod tests {
    use dealclock_model::fault::Source;
    use dealclock_model::{Record, Value};
    use dealclock_store::{Batch, Options};

    use super::*;

    const LONG: &str = "006Hs00001AbCdEIAV";

    /// The record that an argument finds, or the words that refuse it.
    fn found(asked: &str) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(directory.path())).unwrap();
        let mut batch = Batch::new();
        let url = format!("https://acme.example/lightning/r/Opportunity/{LONG}/view");
        for (connection, id, url) in [
            ("acme", LONG, Some(url)),
            ("acme", "815", None),
            ("acme", "12", Some("https://app.example/contacts/815/record/0-3/12".into())),
            ("other", "12", None),
        ] {
            let record = RecordRef { connection: connection.into(), object: Object::Opportunity, id: id.into() };
            let id = CaseId::Record(record);
            let fields = [("name".into(), Value::text("A deal"))].into();
            let mut case = Case::new(&id);
            let Case::Record(known) = &mut case else { panic!("it is a record's case") };
            known.record = Some(Record { owner: None, fields, url, parked: None });
            batch.put_case(&id, &case);
        }
        store.commit(batch).unwrap();
        let connections = ["acme".into(), "other".into()];
        find(&store, &connections, asked).map(|record| record.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_record_is_found_by_its_address_and_by_either_of_its_ids() {
        let long = Ok(format!("acme/opportunity/{LONG}"));
        for asked in [
            LONG,
            &LONG[..SHORT_ID],
            &format!("acme/{LONG}"),
            &format!("acme/opportunity/{LONG}"),
            &format!("https://acme.example/lightning/r/Opportunity/{LONG}/view"),
            &format!("https://acme.example/lightning/r/Opportunity/{LONG}/view?ws=%2Flightning"),
            &format!("https://acme.example/{}", &LONG[..SHORT_ID]),
        ] {
            assert_eq!(found(asked), long, "{asked}");
        }
        assert_eq!(found("acme/12").unwrap(), "acme/opportunity/12");
        assert_eq!(found("other/12/").unwrap(), "other/opportunity/12");
    }

    #[test]
    fn an_approval_that_is_stopped_is_told_once_and_by_its_own_name() {
        let rules = "[approval.discount]\nobject = \"opportunity\"\nwhen = \"amount > 10\"\n\
                     [[approval.discount.step]]\napprover = \"owner.manager\"\n";
        let sources = [Source::new("rules.toml", rules)];
        let ruleset = Ruleset::read(&sources, &Default::default(), &|_| Err(String::new())).unwrap();
        let record = RecordRef { connection: "acme".into(), object: Object::Opportunity, id: "1".into() };
        let stop = || Some(Stop { since: Instant::UNIX_EPOCH, by: "dealclock stop it".into() });
        let told = |switches: &[Switch], rules: &[RuleStory]| {
            let mut stopped = Stopped::default();
            switches.iter().for_each(|switch| assert!(stopped.turn(switch, stop())));
            stopped_approvals(&stopped, &ruleset, &record, rules)
        };
        let own = Switch::Rule("approval/discount".into());
        let since = |what| format!("{what} is stopped since 1970-01-01 00:00:00Z by `dealclock stop it`");
        assert_eq!(told(&[], &[]), [""; 0]);
        assert_eq!(told(&[own], &[]), [since("approval `discount`")]);
        assert_eq!(told(&[Switch::Rule("discount".into())], &[]), [""; 0], "a rule of the same name");
        assert_eq!(told(&[Switch::Connection("acme".into())], &[]), [since("connection `acme`")]);
        let rule = RuleStory {
            rule: "proposal".into(),
            title: "Proposal".into(),
            now: String::new(),
            stopped: Some(since("everything")),
            clock: None,
            next: Vec::new(),
        };
        assert_eq!(told(&[Switch::All], &[rule]), [""; 0]);
    }

    #[test]
    fn what_names_no_record_or_several_is_refused_with_the_reason() {
        for (asked, reason) in [
            ("12", "`12` is known on acme and other"),
            ("nowhere/12", "there is no connection `nowhere`; configured: acme, other"),
            (&LONG[..14], "no record"),
            // An account's number in an address is not a record's.
            ("https://app.example/contacts/815/record/0-3/99", "no record"),
        ] {
            let words = found(asked).unwrap_err();
            assert!(words.starts_with(reason), "{asked}: {words}");
        }
    }
}
