//! The sandboxes of a demo: one company in each CRM, all in one virtual time.

use dealclock_daemon::cli::Failure;
use dealclock_sandbox::audit::{
    AuditReport, AuditedRule, Message, Story, Tolerance, audit, digests, messages, stories,
};
use dealclock_sandbox::company::{Company, CompanyOptions};
use dealclock_sandbox::time::{Director, TimeMode, VirtualTime, routes};
use dealclock_sandbox::{App, Crm, Sandbox, serve_with};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::files::{Entrance, Link};

/// The token of the demo's account; worth nothing anywhere else.
const TOKEN: &str = "pat-na1-demo";

/// What people call the report of the demo's rule file.
const REPORT: &str = "Complex share";

/// A company in one CRM.
pub struct Scene {
    /// The name of the connection to it.
    pub connection: &'static str,
    /// The CRM that the sandbox speaks like.
    pub crm: Crm,
    /// Who works there.
    pub company: Company,
    /// The CRM.
    pub sandbox: Sandbox,
    /// Where it is served.
    pub address: String,
    app: App,
}

/// What the auditor finds in a CRM, and what people saw there.
pub struct Judged {
    /// What the auditor finds.
    pub audited: AuditReport,
    /// What people saw, in order.
    pub stories: Vec<Story>,
    /// The digests that managers read, in order.
    pub digests: Vec<Message>,
    /// The reports that the director read, in order.
    pub reports: Vec<Message>,
}

/// Everything that plays in one virtual time, for as long as it is not dropped.
pub struct Play {
    /// The companies, in order; never empty.
    pub scenes: Vec<Scene>,
    /// The time that they share.
    pub time: VirtualTime,
    _servers: JoinSet<std::io::Result<()>>,
}

impl Play {
    /// Lets a company of this seed live in each of the CRMs, and serves them; time passes when the daemon rests.
    pub async fn open(crms: &[Crm], seed: u64, days: u32) -> Result<Play, Failure> {
        let mut scenes = Vec::new();
        let mut listeners = Vec::new();
        for crm in crms {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = format!("http://{}", listener.local_addr()?);
            scenes.push(Scene::new(*crm, crms.len() > 1, seed, days, address));
            listeners.push(listener);
        }
        let time = shared_time(&scenes)?;
        let mut servers = JoinSet::new();
        for (scene, listener) in scenes.iter().zip(listeners) {
            servers.spawn(serve_with(scene.sandbox.clone(), routes(time.clone()), listener));
        }
        Ok(Play { scenes, time, _servers: servers })
    }

    /// The connections to configure.
    pub fn links(&self) -> Vec<Link<'_>> {
        self.scenes.iter().map(Scene::link).collect()
    }
}

/// The past is played at once; what comes then happens in step with one daemon.
fn shared_time(scenes: &[Scene]) -> Result<VirtualTime, Failure> {
    let cast = |scene: &Scene| (scene.sandbox.clone(), scene.company.timeline.clone());
    let (first, others) = scenes.split_first().ok_or_else(|| std::io::Error::other("no CRM is named"))?;
    let (sandbox, timeline) = cast(first);
    let directed = others.iter().map(cast);
    let mut director = directed
        .fold(Director::new(sandbox, timeline), |director, (sandbox, timeline)| director.with(sandbox, timeline));
    director.advance_to(first.company.start);
    Ok(VirtualTime::new(director, TimeMode::Lockstep { expected_followers: 1 }, Some(first.company.end)))
}

impl Scene {
    fn new(crm: Crm, one_of_several: bool, seed: u64, days: u32, address: String) -> Scene {
        let company = Company::new(seed, &CompanyOptions { days, ..CompanyOptions::default() });
        let connection = match crm {
            _ if !one_of_several => "acme",
            Crm::HubSpot => "acme-hubspot",
            Crm::Salesforce => "acme-salesforce",
        };
        let sandbox = crate::sandbox::company_sandbox(crm, &company, seed, TOKEN);
        Scene { connection, crm, company, sandbox, address, app: App::default() }
    }

    fn link(&self) -> Link<'_> {
        let entrance = match self.crm {
            Crm::HubSpot => Entrance::Token(TOKEN),
            Crm::Salesforce => Entrance::App { id: &self.app.client_id, secret: &self.app.client_secret },
        };
        let Scene { connection: name, crm, company, address, .. } = self;
        Link { name, crm: *crm, company, address, entrance }
    }

    /// What the auditor finds, and what people saw.
    pub fn judge(&self) -> Judged {
        let dump = self.sandbox.dump();
        let rule = AuditedRule::running_example(&self.company, &dump);
        let tolerance = Tolerance::usual(self.company.start);
        Judged {
            audited: audit(&dump, &rule, &tolerance),
            stories: stories(&dump, &rule, &tolerance),
            digests: digests(&dump, &rule),
            reports: messages(&dump, &rule, REPORT),
        }
    }
}
