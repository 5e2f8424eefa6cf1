//! How the daemon is faring, gathered from the store and, while it runs, from its loops.

use std::collections::BTreeMap;

use dealclock_connector::{Once, Problem, Today};
use dealclock_engine::Ruleset;
use dealclock_model::effect::Lane;
use dealclock_model::{Case, CaseId, ConnectionId, Instant, Object};
use dealclock_store::{Health, OutboxCounts, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::runtime::connection::Trouble;
use crate::runtime::mishaps::Mishaps;
use crate::runtime::reconcile::Reconciled;
use crate::runtime::stopped::{Stop, Stopped, Switch};
use crate::runtime::{Connection, HookCounts, Phase, Runtime, names};
use crate::{config, web};

/// The answer to `dealclock status`.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When it was gathered, by the daemon's clock.
    pub at: Instant,
    /// Whether a daemon runs on the store.
    pub running: bool,
    /// The store.
    pub store: Health,
    /// Events that wait to be decided.
    pub inbox: u64,
    /// The rules in force.
    pub rules: Vec<RuleLine>,
    /// Why the rules in force are older than the files, when a reload failed.
    pub rules_refused: Option<String>,
    /// What is stopped.
    pub stopped: Vec<StoppedLine>,
    /// Mail that waits.
    pub mail: Waiting,
    /// The connections.
    pub connections: Vec<ConnectionStatus>,
}

/// One rule in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleLine {
    /// Its key.
    pub rule: String,
    /// What people call it.
    pub title: String,
}

/// Something that is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedLine {
    /// What, in words: everything, a connection, a rule or an approval.
    pub what: String,
    /// What a command names it by; not told by older daemons.
    #[serde(default)]
    pub argument: Option<String>,
    /// Since when.
    pub since: Instant,
    /// The command that stopped it.
    pub by: String,
}

impl StoppedLine {
    /// Everything that is stopped.
    pub fn all(stopped: &Stopped) -> Vec<StoppedLine> {
        let line = |(switch, stop): (Switch, &Stop)| StoppedLine {
            what: switch.to_string(),
            argument: Some(switch.argument()),
            since: stop.since,
            by: stop.by.clone(),
        };
        stopped.list().map(line).collect()
    }

    /// The line as people read it.
    pub fn told(&self) -> String {
        format!("{} since {} by `{}`", self.what, self.since.format("%Y-%m-%d %H:%M:%SZ"), self.by)
    }
}

/// What waits for people on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// Requests that somebody has still to decide.
    pub requests: u64,
    /// Records about which the CRM is asked regularly: for their requests, or for a checkbox ticked without a grant.
    pub watched: u64,
    /// Digests that have something to tell at their next time.
    pub digests: u64,
}

/// Effects of one lane that are not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Decided and not begun.
    pub waiting: u64,
    /// Begun, outcome unknown.
    pub begun: u64,
    /// Waiting until their record is unlocked.
    #[serde(default)]
    pub locked: u64,
}

/// What a CRM sends to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// The address to enter in the CRM. Whoever knows it can make us look at records, and no more.
    pub address: Option<String>,
    /// Hints that wait to be followed.
    pub hints: u64,
    /// Requests since the daemon's start; not known while none runs.
    pub counts: Option<HookCounts>,
}

/// The calls of a connection's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// The calls of the last 24 hours.
    pub today: Today,
    /// When changes are read next; later than usual while the last attempt failed.
    pub next_poll: Option<Instant>,
}

/// One connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Its name.
    pub connection: String,
    /// How far it has come.
    pub phase: Phase,
    /// The moment up to which its data is complete; only known while the daemon runs.
    pub as_of: Option<Instant>,
    /// The account's id.
    pub account: Option<String>,
    /// Whether tasks appear exactly once there.
    pub once: Option<Once>,
    /// What must be mended, as of the last check.
    pub problems: Vec<Problem>,
    /// Loops that are failing now.
    pub troubles: BTreeMap<String, Trouble>,
    /// Effects on their way to the CRM.
    pub outbox: Waiting,
    /// What waits for people.
    #[serde(default)]
    pub desk: Desk,
    /// Writes that were refused for good, since the store began.
    #[serde(default)]
    pub refused: Option<Mishaps>,
    /// Records that cannot be judged now.
    #[serde(default)]
    pub parked: Option<Mishaps>,
    /// When the next timer comes.
    pub next_timer: Option<Instant>,
    /// The last full comparison.
    pub reconciled: Option<Reconciled>,
    /// What the CRM sends to us, where it can and we listen.
    #[serde(default)]
    pub hooks: Option<Hooks>,
    /// Whether a daemon listens to CRMs, and this connection can take nothing from its own.
    #[serde(default)]
    pub unheard: bool,
    /// The day's calls, where the account limits them and a daemon runs.
    #[serde(default)]
    pub calls: Option<Calls>,
}

/// A storm that waits for an answer, or had one and is being let go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldStorm {
    /// The connection.
    pub connection: String,
    /// The rule.
    pub rule: String,
    /// When it began.
    pub since: Instant,
    /// How many records are held.
    pub records: usize,
    /// Whether it was answered.
    pub answered: bool,
}

/// What a status is gathered from.
pub struct Sources<'a> {
    /// The store.
    pub store: &'a Store,
    /// The rules in force.
    pub ruleset: &'a Ruleset,
    /// The connections that are configured.
    pub connections: &'a [ConnectionId],
    /// Where CRMs call us.
    pub web: Option<&'a config::Web>,
    /// The daemon, while one runs in this process.
    pub runtime: Option<&'a Runtime>,
    /// The present instant.
    pub now: Instant,
}

/// Gathers the status.
pub fn gather(sources: &Sources<'_>) -> Result<Status, StoreError> {
    let Sources { store, ruleset, connections, runtime, now, .. } = *sources;
    let counts = store.outbox_counts()?;
    let rules = ruleset.rules.by_key.values();
    let rules = rules.map(|rule| RuleLine { rule: rule.key.to_string(), title: rule.title.clone() }).collect();
    Ok(Status {
        at: now,
        running: runtime.is_some(),
        store: store.health()?,
        inbox: store.inbox_len()?,
        rules,
        rules_refused: None,
        stopped: StoppedLine::all(&Stopped::recall(store)?),
        mail: waiting(&counts, &Lane::Mail),
        connections: connections.iter().map(|id| connection_status(sources, &counts, id)).collect::<Result<_, _>>()?,
    })
}

fn waiting(counts: &BTreeMap<Lane, OutboxCounts>, lane: &Lane) -> Waiting {
    counts.get(lane).map_or_else(Waiting::default, |counts| Waiting {
        waiting: counts.waiting,
        begun: counts.begun,
        locked: counts.locked,
    })
}

fn connection_status(
    sources: &Sources<'_>,
    counts: &BTreeMap<Lane, OutboxCounts>,
    id: &ConnectionId,
) -> Result<ConnectionStatus, StoreError> {
    let store = sources.store;
    let account: Option<crate::runtime::KnownAccount> = store.meta(&names::account(id))?;
    let running = sources.runtime.and_then(|runtime| runtime.connections().get(id));
    let (as_of, troubles) = match running {
        Some(connection) => {
            let state = connection.state();
            (state.as_of, state.troubles.iter().map(|(work, trouble)| ((*work).to_owned(), trouble.clone())).collect())
        }
        None => (None, BTreeMap::new()),
    };
    Ok(ConnectionStatus {
        connection: id.to_string(),
        phase: store.meta(&names::phase(id))?.unwrap_or_default(),
        as_of,
        once: account.as_ref().map(|account| account.once.clone()),
        problems: account.as_ref().map(|account| account.problems.clone()).unwrap_or_default(),
        account: account.map(|account| account.id),
        troubles,
        outbox: waiting(counts, &Lane::Crm(id.clone())),
        desk: desk(store, id)?,
        refused: store.meta(&names::refused(id))?,
        parked: store.meta(&names::parked(id))?,
        next_timer: store.next_timer_on(id, None)?,
        reconciled: store.meta(&names::reconciled(id))?,
        hooks: hooks(sources, id, running)?,
        unheard: sources.web.is_some() && running.is_some_and(|running| running.spec.connector.webhooks().is_none()),
        calls: running.and_then(|connection| calls(connection, sources.now)),
    })
}

/// What the CRM sends to us; nothing where it cannot send, or nobody listens.
fn hooks(sources: &Sources<'_>, id: &ConnectionId, running: Option<&Connection>) -> Result<Option<Hooks>, StoreError> {
    let sends = running.is_none_or(|connection| connection.spec.connector.webhooks().is_some());
    let Some(config) = sources.web.filter(|_| sends) else { return Ok(None) };
    Ok(Some(Hooks {
        address: web::address(config, sources.store, id)?,
        hints: sources.store.hints_len(id)?,
        counts: running.map(|connection| connection.state().hooks),
    }))
}

/// Cases that are looked at in one page.
const CASES: usize = 100;

fn desk(store: &Store, id: &ConnectionId) -> Result<Desk, StoreError> {
    let mut desk = Desk::default();
    let mut after: Option<CaseId> = None;
    loop {
        let page = store.watched(id, after.as_ref(), CASES)?;
        desk.watched += page.len() as u64;
        for case in &page {
            let case = store.case(case)?;
            let requests = case.as_ref().and_then(Case::as_record).map(|case| &case.requests);
            desk.requests += requests.map_or(0, |all| all.values().filter(|request| request.is_open()).count()) as u64;
        }
        if page.len() < CASES {
            break;
        }
        after = page.last().cloned();
    }
    // The cases of digests lie together, and this one, which no digest has, lies before them.
    let mut after = CaseId::Digest { connection: id.clone(), digest: "".into(), person: "".into() };
    loop {
        let page = store.cases(id, Some(&after), CASES)?;
        for (_, case) in &page {
            match case {
                Case::Digest(digest) => desk.digests += u64::from(digest.next.is_some()),
                Case::Record(_) | Case::Person(_) | Case::Intake(_) | Case::Report(_) => return Ok(desk),
            }
        }
        match page.last() {
            Some((last, _)) if page.len() == CASES => after = last.clone(),
            Some(_) | None => return Ok(desk),
        }
    }
}

fn calls(connection: &Connection, now: Instant) -> Option<Calls> {
    let quota = connection.spec.connector.quota()?;
    Some(Calls { today: quota.today(now), next_poll: connection.next_attempt(now) })
}

/// The storms that are held on some connections.
pub fn held(store: &Store, ruleset: &Ruleset, connections: &[ConnectionId]) -> Result<Vec<HeldStorm>, StoreError> {
    let mut storms = Vec::new();
    for connection in connections {
        for rule in ruleset.rules.about(Object::Opportunity, connection) {
            let id = CaseId::Intake { connection: connection.clone(), rule: rule.key.clone() };
            let Some(Case::Intake(intake)) = store.case(&id)? else { continue };
            storms.extend(intake.storm.map(|storm| HeldStorm {
                connection: connection.to_string(),
                rule: rule.key.to_string(),
                since: storm.since,
                records: storm.held.len() + storm.unlisted as usize,
                answered: storm.answer.is_some(),
            }));
        }
    }
    Ok(storms)
}
