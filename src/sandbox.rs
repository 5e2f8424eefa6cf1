//! `dealclock sandbox`: a CRM of our own on this machine, alone in its process.

use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use dealclock_connector::Clock;
use dealclock_daemon::cli::{Exit, Failure, Output, SandboxArgs, SandboxTime};
use dealclock_daemon::clock::SystemClock;
use dealclock_sandbox::company::{ACCOUNT_ZONE, Company, CompanyOptions};
use dealclock_sandbox::time::{Director, TimeMode, VirtualTime, routes};
use dealclock_sandbox::{Options, Sandbox, serve_with};
use serde_json::json;
use tokio::net::TcpListener;

/// How long a change takes to reach the search index, as in a real account on a quiet day.
pub const INDEX_LAG: Duration = Duration::from_secs(10);

/// Carries the command out; runs until it is stopped.
pub async fn run(args: SandboxArgs, output: Output) -> Result<Exit, Failure> {
    let token = args.token.clone().unwrap_or_else(|| make_token(args.seed));
    let (sandbox, time) = open(&args, &token)?;
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::new(Exit::Broken, format!("failed to listen on {}: {error}; choose another port", args.listen))
    })?;
    let address = format!("http://{}", listener.local_addr()?);
    output.text(format_args!(
        "A {} sandbox listens on {address}\n  token  {token}\n  time   {} ({address}/sandbox/time)\n\
         Point a connection at it with base_url = \"{address}\" and allow_local = true. Stop it with Ctrl-C.",
        args.crm,
        time.now().to_rfc3339(),
    ));
    output.document(&json!({ "address": address, "token": token, "now": time.now() }));
    tokio::select! {
        served = serve_with(sandbox, routes(time.clone()), listener) => served?,
        () = pass(&time) => {}
        stopped = stop_signal() => stopped?,
    }
    Ok(Exit::Ok)
}

/// Lets paced time pass; any other moves only when it is told, or when its followers rest.
async fn pass(time: &VirtualTime) {
    time.run().await;
    std::future::pending().await
}

fn open(args: &SandboxArgs, token: &str) -> Result<(Sandbox, VirtualTime), Failure> {
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
        let sandbox = Sandbox::new(Options { seed: args.seed, index_lag: INDEX_LAG, ..Options::new(token, start) });
        sandbox.seed_deals(args.deals, args.seed);
        return Ok((sandbox.clone(), VirtualTime::new(Director::new(sandbox, Vec::new()), mode, None)));
    };
    let company = Company::new(args.seed, &CompanyOptions { days, ..CompanyOptions::default() });
    let sandbox = company_sandbox(&company, args.seed, token);
    sandbox.seed_deals(args.deals, args.seed);
    let mut director = Director::new(sandbox.clone(), company.timeline.clone());
    director.advance_to(company.start);
    Ok((sandbox, VirtualTime::new(director, mode, Some(company.end))))
}

/// An account in which a company can live.
pub fn company_sandbox(company: &Company, seed: u64, token: &str) -> Sandbox {
    Sandbox::new(Options {
        seed,
        time_zone: ACCOUNT_ZONE.to_owned(),
        index_lag: INDEX_LAG,
        ..Options::new(token, company.founded)
    })
}

/// A token that looks like a real one, so that nothing that searches logs for tokens overlooks it.
fn make_token(seed: u64) -> String {
    format!("pat-na1-sandbox-{:016x}", seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17))
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
