//! `dealclock sandbox`: a CRM of our own on this machine, alone in its process.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use dealclock_connector::Clock;
use dealclock_daemon::cli::{Exit, Failure, Output, SandboxArgs, SandboxTime};
use dealclock_daemon::clock::SystemClock;
use dealclock_sandbox::company::{ACCOUNT_ZONE, Company, CompanyOptions};
use dealclock_sandbox::time::{Director, TimeMode, VirtualTime, routes};
use dealclock_sandbox::{App, Crm, HubSpotApp, Identity, Options, OrgOptions, OrgUser, Sandbox, serve_tls, serve_with};
use serde_json::json;
use tokio::net::TcpListener;

/// How long a change takes to reach the search index, as in a real account on a quiet day.
const INDEX_LAG: Duration = Duration::from_secs(10);

/// How long a person's change takes to become visible, since it bears the time at which its transaction began.
const COMMIT_LAG: Duration = Duration::from_secs(5);

/// Carries the command out; runs until it is stopped.
pub async fn run(args: SandboxArgs, output: Output) -> Result<Exit, Failure> {
    let crm = crate::kit::crm(&args.crm)?;
    let token = args.token.clone().unwrap_or_else(|| make_token(crm, args.seed));
    let (sandbox, time) = open(crm, &args, &token)?;
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::new(Exit::Broken, format!("failed to listen on {}: {error}; choose another port", args.listen))
    })?;
    let identity = if args.tls { Some(make_identity(&args.cert_out)?) } else { None };
    let scheme = if args.tls { "https" } else { "http" };
    let address = format!("{scheme}://{}", listener.local_addr()?);
    introduce(crm, &args, &address, &token, &time, output);
    let routes = routes(time.clone());
    let served = async {
        match identity {
            None => serve_with(sandbox, routes, listener).await,
            Some(identity) => serve_tls(sandbox, routes, listener, identity).await,
        }
    };
    tokio::select! {
        served = served => served?,
        () = pass(&time) => {}
        stopped = stop_signal() => stopped?,
    }
    Ok(Exit::Ok)
}

/// Says where the sandbox is and what lets callers in.
fn introduce(crm: Crm, args: &SandboxArgs, address: &str, token: &str, time: &VirtualTime, output: Output) {
    let mut document = json!({ "address": address, "token": token, "now": time.now() });
    output.text(format_args!("A {} sandbox listens on {address}\n  token      {token}", args.crm));
    match crm {
        Crm::HubSpot => {
            let app = HubSpotApp::default();
            output.text(format_args!(
                "  app        client_id = \"{}\", client_secret = \"{}\"",
                app.client_id, app.client_secret
            ));
            document["client_id"] = app.client_id.into();
            document["client_secret"] = app.client_secret.into();
        }
        Crm::Salesforce => {
            let (app, user) = (App::default(), OrgUser::default());
            output.text(format_args!(
                "  app        client_id = \"{}\", client_secret = \"{}\"\n  user       {}, password {}",
                app.client_id, app.client_secret, user.username, user.password
            ));
            document["client_id"] = app.client_id.into();
            document["client_secret"] = app.client_secret.into();
            document["username"] = user.username.into();
            document["password"] = user.password.into();
        }
    }
    let mut keys = format!("base_url = \"{address}\" and allow_local = true");
    if args.tls {
        let file = args.cert_out.display().to_string();
        keys = format!("base_url = \"{address}\", ca_file = \"{file}\" and allow_local = true");
        output.text(format_args!("  authority  {file}"));
        document["ca_file"] = file.into();
    }
    output.text(format_args!(
        "  control    {address}/sandbox/ (time, edit, {}, faults, calls)\n  time       {}{}\nPoint a connection at it with \
         {keys}, and let its daemon live by its time with `[clock] follow = \"{address}\"`. Stop it with Ctrl-C.",
        match crm {
            Crm::HubSpot => "webhooks",
            Crm::Salesforce => "outbound",
        },
        time.now().to_rfc3339(),
        match args.time {
            SandboxTime::Manual => ", and stands still until it is told to move",
            SandboxTime::Lockstep | SandboxTime::Paced => "",
        },
    ));
    output.document(&document);
}

/// Makes who the sandbox is over TLS, and writes down what callers are to trust.
fn make_identity(file: &Path) -> Result<Identity, Failure> {
    let identity = Identity::make()?;
    std::fs::write(file, identity.authority()).map_err(|error| {
        let message = format!("failed to write the certificate to {}: {error}", file.display());
        Failure::new(Exit::Broken, message)
    })?;
    Ok(identity)
}

/// Lets paced time pass; any other moves only when it is told, or when its followers rest.
async fn pass(time: &VirtualTime) {
    time.run().await;
    std::future::pending().await
}

fn open(crm: Crm, args: &SandboxArgs, token: &str) -> Result<(Sandbox, VirtualTime), Failure> {
    let mode = match args.time {
        SandboxTime::Manual => TimeMode::Manual,
        SandboxTime::Lockstep => TimeMode::Lockstep { expected_followers: args.followers as usize },
        SandboxTime::Paced => TimeMode::Paced { seconds_per_second: whole_pace(args.pace)? },
    };
    let Some(days) = args.days else {
        let start = match args.time {
            SandboxTime::Manual | SandboxTime::Lockstep => usual_start(),
            SandboxTime::Paced => SystemClock.now(),
        };
        let sandbox = fresh(crm, args.seed, token, start);
        sandbox.seed_deals(args.deals, args.seed);
        return Ok((sandbox.clone(), VirtualTime::new(Director::new(sandbox, Vec::new()), mode, None)));
    };
    let company = Company::new(args.seed, &CompanyOptions { days, ..CompanyOptions::default() });
    let sandbox = company_sandbox(crm, &company, args.seed, token);
    sandbox.seed_deals(args.deals, args.seed);
    let mut director = Director::new(sandbox.clone(), company.timeline.clone());
    director.advance_to(company.start);
    Ok((sandbox, VirtualTime::new(director, mode, Some(company.end))))
}

/// An account in which a company can live.
pub fn company_sandbox(crm: Crm, company: &Company, seed: u64, token: &str) -> Sandbox {
    fresh(crm, seed, token, company.founded)
}

fn fresh(crm: Crm, seed: u64, token: &str, start: DateTime<Utc>) -> Sandbox {
    match crm {
        Crm::HubSpot => {
            let time_zone = ACCOUNT_ZONE.to_owned();
            Sandbox::new(Options { seed, time_zone, index_lag: INDEX_LAG, ..Options::new(token, start) })
        }
        Crm::Salesforce => Sandbox::org(&OrgOptions { seed, commit_lag: COMMIT_LAG, ..OrgOptions::new(token, start) }),
    }
}

/// A token that looks like a real one, so that nothing that searches logs for tokens overlooks it.
fn make_token(crm: Crm, seed: u64) -> String {
    let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
    match crm {
        Crm::HubSpot => format!("pat-na1-sandbox-{random:016x}"),
        Crm::Salesforce => format!("00DSandbox00001!AQ{random:016x}"),
    }
}

fn whole_pace(pace: f64) -> Result<u32, Failure> {
    if pace >= 1.0 && pace.fract() == 0.0 {
        // The command line admits at most a million.
        Ok(pace as u32)
    } else {
        Err(Failure::new(Exit::Usage, "--pace takes a whole number of virtual seconds a second, from 1"))
    }
}

fn usual_start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 6, 0, 0).single().expect("UTC has no gaps")
}

async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}
