//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dealclock_engine::rules::ReportKind;

use super::exit::TABLE;
use crate::report::Format;

/// Puts clocks on the deals in the CRM that you already have.
#[derive(Debug, Parser)]
#[command(name = "dealclock", version, arg_required_else_help = true, after_help = TABLE, after_long_help = TABLE)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The configuration file [default: dealclock.toml in this directory, when there is one].
    #[arg(long, short, global = true, env = "DEALCLOCK_CONFIG", value_name = "FILE", display_order = 100)]
    pub config: Option<PathBuf>,
    /// Print one JSON document instead of text.
    #[arg(long, global = true, display_order = 101)]
    pub json: bool,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", display_order = 102)]
    pub color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show it all: a sandbox CRM with a company in it, the real daemon, and fast time.
    #[command(
        after_help = "Examples:\n  dealclock demo\n  dealclock demo --days 30 --seed 7 --json\n\nReminders doubled or missing: exit code 1."
    )]
    Demo(DemoArgs),
    /// Run the daemon.
    #[command(
        after_help = "Examples:\n  dealclock run --config /etc/dealclock/dealclock.toml\n  DEALCLOCK__LOG__LEVEL=debug dealclock run\n\nIt stops in order on SIGTERM and SIGINT, and reads the rules again on SIGHUP."
    )]
    Run(RunArgs),
    /// Check configuration and rules; with --online also against the CRM.
    #[command(after_help = "Examples:\n  dealclock check\n  dealclock check --online --json")]
    Check(CheckArgs),
    /// Make the fields in the CRM that the rules need; never changes what exists.
    #[command(
        after_help = "Examples:\n  dealclock setup --connection acme --dry-run\n  dealclock setup --connection acme --yes"
    )]
    Setup(SetupArgs),
    /// Log a connection in, show how its login stands, or take it back.
    #[command(
        after_help = "Examples:\n  dealclock auth acme\n  dealclock auth acme --paste\n  dealclock auth acme --status --json\n  dealclock auth acme --revoke\n\nRun it as the user that runs the daemon; the daemon takes a new login up by itself."
    )]
    Auth(AuthArgs),
    /// Run the tests that stand in rule files.
    #[command(
        after_help = "Examples:\n  dealclock test\n  dealclock test rules/proposal.toml\n\nA test that fails: exit code 1."
    )]
    Test(TestArgs),
    /// Tell what happened to a record, why, why not, and what comes next.
    #[command(
        after_help = "Examples:\n  dealclock explain 12345\n  dealclock explain acme/12345\n  dealclock explain https://app.example.com/record/12345\n\nAn unknown record: exit code 1."
    )]
    Explain(ExplainArgs),
    /// Tell how the daemon is faring.
    #[command(after_help = "Asks the running daemon, and reads the store itself when none runs.")]
    Status(StatusArgs),
    /// Stop a rule, an approval, a connection or everything; it stays stopped until it is started, over any restart.
    #[command(
        after_help = "Examples:\n  dealclock stop proposal\n  dealclock stop approval/discount\n  dealclock stop connection:acme\n  dealclock stop all\n\nWithout a running daemon the next one starts so. `dealclock status` shows what is stopped.\nAn unknown rule, approval or connection: exit code 1."
    )]
    Stop(SwitchArgs),
    /// Start again what was stopped; what fell due meanwhile is treated as after a time without a daemon.
    #[command(
        after_help = "Examples:\n  dealclock start proposal\n  dealclock start all\n\n`start all` takes `stop all` back; what was stopped by its own name stays so."
    )]
    Start(SwitchArgs),
    /// Make a report over any period.
    #[command(
        after_help = "Examples:\n  dealclock report compliance --from 2026-10-01 --to 2026-10-31\n  dealclock report complex-share --from 2026-10-01 --to 2026-10-31 --format csv --out share.csv\n\nDates are those of the connection's zone, both included."
    )]
    Report(ReportArgs),
    /// Show storms that are held, and answer them.
    #[command(subcommand)]
    Held(HeldCommand),
    /// Run a CRM of our own on this machine, for trying things out.
    #[command(
        after_help = "Examples:\n  dealclock sandbox --listen 127.0.0.1:8080 --deals 50\n  dealclock sandbox --listen 127.0.0.1:0 --time lockstep --days 10"
    )]
    Sandbox(SandboxArgs),
    /// Look after the store.
    #[command(subcommand)]
    Store(StoreCommand),
}

/// Arguments of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// The kind of CRM that the sandbox speaks like.
    #[arg(long, value_name = "KIND", default_value = super::FIRST_SANDBOX)]
    pub crm: String,
    /// How many days pass.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub days: u32,
    /// What happens in the company; the same seed, the same story.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Keep everything that the demo made in this directory, for a look afterwards.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {}

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Ask the CRM as well: rights, fields, picklists, stages, people.
    #[arg(long)]
    pub online: bool,
}

/// Arguments of `setup`.
#[derive(Clone, Debug, Args)]
pub struct SetupArgs {
    /// The connection, as configured.
    #[arg(long, value_name = "NAME")]
    pub connection: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Only show the plan.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// Arguments of `auth`.
#[derive(Clone, Debug, Args)]
pub struct AuthArgs {
    /// The connection, as configured.
    #[arg(value_name = "CONNECTION")]
    pub connection: String,
    /// For a machine without a browser: paste the address to which the browser was sent, or the code in it.
    #[arg(long, conflicts_with_all = ["status", "revoke"])]
    pub paste: bool,
    /// The port of this machine to which the browser is sent; http://localhost:PORT/callback is registered with the app.
    #[arg(long, default_value_t = 8914)]
    pub port: u16,
    /// Show how the login stands; never the token.
    #[arg(long, conflicts_with = "revoke")]
    pub status: bool,
    /// Take the token back at the CRM, and forget it here.
    #[arg(long)]
    pub revoke: bool,
}

/// Arguments of `test`.
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Rule files [default: those of the configuration].
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// The record's id, `connection/id`, or its address in the CRM.
    #[arg(value_name = "RECORD")]
    pub record: String,
}

/// Arguments of `stop` and `start`.
#[derive(Clone, Debug, Args)]
pub struct SwitchArgs {
    /// A rule, an approval that asks by its own condition, a connection, or `all`; `rule:NAME`, `approval/NAME` or
    /// `connection:NAME` where several have the name.
    #[arg(value_name = "RULE|APPROVAL|CONNECTION|all")]
    pub name: String,
}

/// Arguments of `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// compliance, complex-share, requests or reasons.
    #[arg(value_name = "KIND", value_parser = super::report::kind)]
    pub kind: ReportKind,
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub from: NaiveDate,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub to: NaiveDate,
    /// The connection [default: the only one].
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// How it is shown [default: what the name of FILE says, else text, or JSON with --json].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// The file to write; its name ends in .html, .csv, .json or .txt [default: the standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {}

/// Which storm is answered.
#[derive(Clone, Debug, Args)]
pub struct StormArgs {
    /// The connection, as configured.
    #[arg(long, value_name = "NAME")]
    pub connection: String,
    /// The rule's key.
    #[arg(long, value_name = "RULE")]
    pub rule: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum HeldCommand {
    /// List the storms that are held.
    List,
    /// Let every held clock run from its own start.
    Start(StormArgs),
    /// Start the held clocks spread over working days, without blame.
    Spread(StormArgs),
    /// Drop the held clocks.
    Ignore(StormArgs),
}

/// Arguments of `sandbox`.
#[derive(Clone, Debug, Args)]
pub struct SandboxArgs {
    /// The kind of CRM that it speaks like.
    #[arg(long, value_name = "KIND", default_value = super::FIRST_SANDBOX)]
    pub crm: String,
    /// Where it listens; only on this machine. Port 0 chooses a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = loopback)]
    pub listen: SocketAddr,
    /// What is in it and what happens in it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many deals it begins with.
    #[arg(long, default_value_t = 0)]
    pub deals: usize,
    /// The token that it accepts [default: one is made and printed].
    #[arg(long)]
    pub token: Option<String>,
    /// How its clock runs.
    #[arg(long, value_enum, default_value_t = SandboxTime::Manual)]
    pub time: SandboxTime,
    /// With a company at work: for so many days.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub days: Option<u32>,
    /// With --time paced: virtual seconds that pass in one second.
    #[arg(long, default_value_t = 1.0, value_parser = pace)]
    pub pace: f64,
    /// Speak HTTPS, with a certificate that is made at the start.
    #[arg(long)]
    pub tls: bool,
    /// With --tls: where to write the certificate that callers are to trust, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls", default_value = "sandbox.pem")]
    pub cert_out: PathBuf,
    /// With --time lockstep: how many daemons follow its clock before it starts.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub followers: u32,
}

/// How a sandbox's clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxTime {
    /// Only when told, by a call to its control interface.
    Manual,
    /// Jumps to the next thing that happens as soon as every following daemon rests.
    Lockstep,
    /// Faster or slower than the wall's.
    Paced,
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Write everything in the store to a file, as lines of JSON.
    #[command(after_help = "Works while the daemon runs: then the daemon writes the file. `-` is the standard output.")]
    Export {
        /// The file; must not exist.
        file: PathBuf,
    },
    /// Make a new store from an export.
    Import {
        /// The file; `-` is the standard input.
        file: PathBuf,
    },
    /// Give space back to the disk; the daemon must not run.
    Compact,
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| "write a day that there is, as in 2026-10-31".to_owned())
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write an address and a port: 127.0.0.1:8080".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the sandbox listens on this machine only: 127.0.0.1:PORT or [::1]:PORT".to_owned())
    }
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pace) if pace > 0.0 && pace <= 1_000_000.0 => Ok(pace),
        Ok(_) | Err(_) => Err("write a number above 0 and at most 1000000".to_owned()),
    }
}
