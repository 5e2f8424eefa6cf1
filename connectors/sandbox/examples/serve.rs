//! Serves a sandbox with seeded deals, without a daemon: `serve --listen 127.0.0.1:8080 --token secret --deals 250`,
//! and an org that speaks Salesforce's dialect with `--crm salesforce`.

use std::env::args;
use std::error::Error;

use chrono::DateTime;
use dealclock_sandbox::time::{Director, TimeMode, VirtualTime, routes};
use dealclock_sandbox::{Options, OrgOptions, Sandbox, serve_with};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = option("--listen").unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let token = option("--token").ok_or("--token is missing")?;
    let deals = option("--deals").map_or(Ok(0), |deals| deals.parse())?;
    let start = DateTime::parse_from_rfc3339("2026-03-02T07:00:00Z")?.to_utc();
    let sandbox = match option("--crm").as_deref() {
        Some("salesforce") => Sandbox::org(&OrgOptions::new(token, start)),
        Some(_) | None => Sandbox::new(Options::new(token, start)),
    };
    sandbox.seed_deals(deals, 1);
    let director = Director::new(sandbox.clone(), Vec::new());
    let time = VirtualTime::new(director, TimeMode::Paced { seconds_per_second: 1 }, None);
    let listener = TcpListener::bind(listen).await?;
    tokio::select! {
        served = serve_with(sandbox, routes(time.clone()), listener) => Ok(served?),
        () = time.run() => Ok(()),
    }
}

/// The argument after a name; others are left alone.
fn option(name: &str) -> Option<String> {
    args().skip_while(|argument| argument != name).nth(1)
}
