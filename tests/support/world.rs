//! A company in the sandbox and a daemon beside it in this process: real store, engine, loops and connector, no sockets,
//! and a clock turned by hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{Clock, Transport, TransportError};
use dealclock_daemon::clock::HandClock;
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::connect::connect_over;
use dealclock_daemon::kit::{Kind, Kit};
use dealclock_daemon::launch::{open_store, spec};
use dealclock_daemon::needs::needs;
use dealclock_daemon::patience::patiently;
use dealclock_daemon::runtime::{Runtime, Step};
use dealclock_model::Instant;
use dealclock_sandbox::audit::{AuditReport, AuditedRule, Tolerance, audit};
use dealclock_sandbox::company::{ACCOUNT_ZONE, Company, CompanyOptions};
use dealclock_sandbox::dump::Dump;
use dealclock_sandbox::time::Director;
use dealclock_sandbox::{ApprovalProcess, Crm, Dropped, Limits, Options, OrgLimits, OrgOptions, OrgUser, Sandbox};

#[path = "../../src/demo/files.rs"]
mod files;

const TOKEN: &str = "pat-na1-simulated";
/// Where the sandbox would be, if anybody asked for it by its address.
const ADDRESS: &str = "http://127.0.0.1:9";
/// How long a person's change takes to be seen.
const LAG: std::time::Duration = std::time::Duration::from_secs(20);

/// Calls the sandbox without sockets, on the daemon's clock.
pub struct Direct {
    sandbox: Sandbox,
    clock: Arc<HandClock>,
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        self.sandbox.set_now(self.clock.now());
        let lost = |dropped: Dropped| TransportError::Lost { host: "sandbox".into(), reason: dropped.to_string() };
        self.sandbox.handle(request).map_err(lost)
    }
}

/// The company, its CRM, and the daemon.
pub struct World {
    /// Who lives in the CRM.
    pub company: Company,
    /// The CRM.
    pub sandbox: Sandbox,
    /// What people do, as time goes on.
    pub director: Director,
    /// The daemon's clock.
    pub clock: Arc<HandClock>,
    /// The daemon.
    pub runtime: Arc<Runtime>,
    directory: tempfile::TempDir,
    store: PathBuf,
    crashes: u32,
}

impl World {
    /// A company of this seed in a CRM, and a daemon that has not taken a step yet.
    pub async fn new(crm: Crm, seed: u64, options: &CompanyOptions) -> World {
        // A process locks what is handed in, so whoever is to tick checkboxes there is usually let.
        World::with_rights(crm, seed, options, options.has_process).await
    }

    /// The same, where the daemon may change records that an approval process locks, or may not.
    pub async fn with_rights(crm: Crm, seed: u64, options: &CompanyOptions, modify_all: bool) -> World {
        let company = Company::new(seed, options);
        let sandbox = sandbox(crm, seed, &company, modify_all);
        let mut director = Director::new(sandbox.clone(), company.timeline.clone());
        director.advance_to(company.start);
        let clock = Arc::new(HandClock::new(company.start));
        let directory = tempfile::tempdir().unwrap();
        let entrance = files::Entrance::Token(TOKEN);
        let link = files::Link { name: "acme", crm, company: &company, address: ADDRESS, entrance };
        files::write(directory.path(), &[link]).unwrap();
        if company.has_process {
            decide_in_process(directory.path());
        }
        let loaded = load(directory.path());
        make_fields(&loaded, &sandbox, &company).await;
        let store = directory.path().join("store");
        let runtime = launch(loaded, &store, &sandbox, &clock);
        World { company, sandbox, director, clock, runtime, directory, store, crashes: 0 }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Turns the clock on; what people do until then happens at its own instants.
    pub fn advance_to(&mut self, to: Instant) {
        self.director.advance_to(to);
        self.clock.set(to);
    }

    /// Kills the daemon and starts another on what a crash would have left: the files as they are, with nothing flushed.
    pub fn crash(&mut self) {
        self.crashes += 1;
        let left = self.directory.path().join(format!("store-{}", self.crashes));
        copy(&self.store, &left);
        self.store.clone_from(&left);
        self.runtime = launch(load(self.directory.path()), &left, &self.sandbox, &self.clock);
    }

    /// Loses the store without an export, and starts a daemon that has to find its way by what stands in the CRM.
    pub fn lose_store(&mut self) {
        self.crashes += 1;
        self.store = self.directory.path().join(format!("store-{}", self.crashes));
        self.runtime = launch(load(self.directory.path()), &self.store, &self.sandbox, &self.clock);
    }

    /// Takes every step that is to be taken now; `crash_after` of so many steps there is a crash.
    pub async fn settle(&mut self, mut crash_after: impl FnMut() -> bool) -> Option<Instant> {
        'settling: loop {
            let (mut earliest, mut again) = (None::<Instant>, false);
            for id in self.runtime.loops().to_vec() {
                match self.runtime.step(&id).await.unwrap() {
                    Step::Again => again = true,
                    Step::Rest(until) => earliest = earliest.into_iter().chain(until).min(),
                }
                if crash_after() {
                    self.crash();
                    continue 'settling;
                }
            }
            if !again {
                return earliest;
            }
        }
    }

    /// Runs until the play ends.
    pub async fn run(&mut self, mut crash_after: impl FnMut() -> bool) {
        let end = self.company.end;
        while self.now() < end {
            let woken = self.settle(&mut crash_after).await;
            let next = woken.into_iter().chain(self.director.next_edit()).chain([end]).min().unwrap_or(end);
            assert!(next > self.now() || self.director.next_edit() == Some(next), "time stands still at {next}");
            self.advance_to(next);
        }
        self.settle(crash_after).await;
    }

    /// What the auditor says, who knows nothing of the daemon.
    pub fn audit(&self, tolerance: &Tolerance) -> AuditReport {
        let dump = self.sandbox.dump();
        audit(&dump, &self.rule(&dump), tolerance)
    }

    /// The rule in plain terms, as an auditor knows it.
    pub fn rule(&self, dump: &Dump) -> AuditedRule {
        AuditedRule::running_example(&self.company, dump)
    }
}

/// An account in which a company can live, whose changes take a while to be seen, and which may be asked anything.
fn sandbox(crm: Crm, seed: u64, company: &Company, modify_all: bool) -> Sandbox {
    match crm {
        Crm::HubSpot => Sandbox::new(Options {
            seed,
            time_zone: ACCOUNT_ZONE.to_owned(),
            index_lag: LAG,
            limits: Limits::NONE,
            ..Options::new(TOKEN, company.founded)
        }),
        Crm::Salesforce => Sandbox::org(&OrgOptions {
            seed,
            commit_lag: LAG,
            limits: OrgLimits { daily: None, tells_bursts: false },
            user: OrgUser { modify_all, ..OrgUser::default() },
            approvals: company.has_process.then(|| process(seed)).into_iter().collect(),
            ..OrgOptions::new(TOKEN, company.founded)
        }),
    }
}

/// Requests for more time go to the manager of whoever asks; in some companies the process ticks the checkbox itself.
fn process(seed: u64) -> ApprovalProcess {
    let ticks = seed.is_multiple_of(4).then(|| "Request_Approved__c".to_owned());
    ApprovalProcess { ticks: ticks.into_iter().collect(), ..ApprovalProcess::complex_deal() }
}

/// Lets the rule file hand requests for more time in at the CRM's own approval process.
fn decide_in_process(directory: &Path) {
    let path = directory.join("rules/proposal.toml");
    let rules = std::fs::read_to_string(&path).unwrap();
    let section = "[approval.more-time]\n";
    assert!(rules.contains(section), "the running example has another way out");
    std::fs::write(path, rules.replace(section, &format!("{section}native = true\n"))).unwrap();
}

fn kit() -> Kit {
    let hubspot = Kind { open: dealclock_hubspot::connect, hosts: dealclock_hubspot::HOSTS, auth: None };
    let salesforce = Kind { open: dealclock_salesforce::connect, hosts: dealclock_salesforce::HOSTS, auth: None };
    Kit {
        connectors: [("hubspot", hubspot), ("salesforce", salesforce)].into(),
        sandboxes: &["hubspot", "salesforce"],
        demo: |_, _| Box::pin(async { unreachable!("nobody asks for a demo here") }),
        sandbox: |_, _| Box::pin(async { unreachable!("nobody asks for a sandbox here") }),
    }
}

fn load(directory: &Path) -> Loaded {
    Loaded::load(Some(&directory.join(files::CONFIG)), &Environment::default(), &["hubspot", "salesforce"]).unwrap()
}

fn launch(mut loaded: Loaded, store: &Path, sandbox: &Sandbox, clock: &Arc<HandClock>) -> Arc<Runtime> {
    loaded.config.store.path = PathBuf::from(store);
    let shown: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let specs = loaded.config.connections.values().map(|connection| {
        let transport = Arc::new(Direct { sandbox: sandbox.clone(), clock: Arc::clone(clock) });
        let connector = connect_over(transport, connection, &kit(), &Environment::default(), &shown).unwrap();
        spec(connection, connector)
    });
    let specs = specs.collect();
    Runtime::new(open_store(&loaded.config).unwrap(), shown, loaded.ruleset, specs, None).unwrap()
}

/// What `dealclock setup` does, before the daemon's time begins.
async fn make_fields(loaded: &Loaded, sandbox: &Sandbox, company: &Company) {
    let clock = Arc::new(HandClock::new(company.start));
    let shown: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    for connection in loaded.config.connections.values() {
        let transport = Arc::new(Direct { sandbox: sandbox.clone(), clock: Arc::clone(&clock) });
        let connector = connect_over(transport, connection, &kit(), &Environment::default(), &shown).unwrap();
        let provision = connector.provision().unwrap();
        let (needs, _) = needs(&connection.mapping);
        let ahead = Ahead(Arc::clone(&clock));
        let plan = patiently(&ahead, || provision.plan(&needs)).await.unwrap();
        for item in plan.items {
            patiently(&ahead, || provision.make(&needs, &item)).await.unwrap();
        }
    }
    sandbox.set_now(company.start);
}

/// A clock that does not keep whoever sleeps waiting.
struct Ahead(Arc<HandClock>);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        self.0.set(until);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
