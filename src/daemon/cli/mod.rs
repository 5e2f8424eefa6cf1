//! The command line: every command, its output, and its exit code.

mod args;
mod asked;
mod auth;
mod check;
mod exit;
mod explain;
mod findings;
mod held;
mod legend;
mod listing;
mod online;
mod output;
mod report;
mod run;
mod setup;
mod status;
mod stop;
mod store;
mod test;
mod time;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, FromArgMatches};
use dealclock_connector::Clock;

pub use args::{
    AuthArgs, CheckArgs, Color, DemoArgs, ExplainArgs, Global, ReportArgs, RunArgs, SandboxArgs, SandboxTime,
    SetupArgs, StatusArgs, StormArgs, SwitchArgs, TestArgs,
};
pub use exit::{Exit, Failure};
pub use output::{Output, table};
pub use run::serve;

use crate::config::{Config, Environment, Loaded};
use crate::connect::judge;
use crate::kit::Kit;
use args::{Cli, Command};

/// What `--crm` is when it is not given; replaced by the first kind that the kit has.
const FIRST_SANDBOX: &str = "sandbox";

/// What `demo --crm` is for a company in every kind of CRM at once.
pub const BOTH: &str = "both";

/// The configuration file that is taken when none is named.
const USUAL_CONFIG: &str = "dealclock.toml";

/// What every command works with.
pub struct Context {
    /// What the binary can do.
    pub kit: Kit,
    /// The environment at the start.
    pub environment: Environment,
    /// The configuration file, when there is one.
    pub config: Option<PathBuf>,
    /// Where to print.
    pub output: Output,
}

impl Context {
    /// Reads the configuration alone.
    pub fn config(&self) -> Result<Config, Failure> {
        let config = Config::load(self.config.as_deref(), &self.environment, &self.kit.kinds())?;
        judge(&config, &self.kit)?;
        Ok(config)
    }

    /// Reads configuration and rules; the faults of all files come together.
    pub fn load(&self) -> Result<Loaded, Failure> {
        let loaded = Loaded::load(self.config.as_deref(), &self.environment, &self.kit.kinds())?;
        judge(&loaded.config, &self.kit)?;
        Ok(loaded)
    }

    /// The machine's clock, for commands that speak to a CRM.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(crate::clock::SystemClock)
    }
}

/// Runs the program: reads the command line, carries the command out, prints, and gives the exit code.
pub fn main(kit: Kit) -> ExitCode {
    let cli = match parse(&kit, std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8));
        }
    };
    choose_color(cli.global.color);
    let output = Output::new(cli.global.json);
    let config = cli.global.config.or_else(|| PathBuf::from(USUAL_CONFIG).exists().then(|| USUAL_CONFIG.into()));
    let context = Context { kit, environment: Environment::of_process(), config, output };
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(dispatch(cli.command, context)),
        Err(error) => Err(Failure::from(error)),
    };
    let exit = ended.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    exit.into()
}

async fn dispatch(command: Command, context: Context) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => (context.kit.demo)(args, context.output).await,
        Command::Run(args) => run::run(args, context).await,
        Command::Check(args) => check::run(&args, &context).await,
        Command::Auth(args) => auth::run(&args, &context).await,
        Command::Setup(args) => setup::run(&args, &context).await,
        Command::Test(args) => test::run(&args, &context),
        Command::Explain(args) => explain::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Stop(args) => stop::run(args, false, context).await,
        Command::Start(args) => stop::run(args, true, context).await,
        Command::Report(args) => report::run(args, context).await,
        Command::Held(command) => held::run(command, &context).await,
        Command::Sandbox(args) => (context.kit.sandbox)(args, context.output).await,
        Command::Store(command) => store::run(command, &context).await,
    }
}

/// Reads a command line; the kinds of CRM that it may name are the kit's.
fn parse(kit: &Kit, line: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let one = kit.sandboxes;
    // A demo can also have a sandbox of each kind.
    let all = one.iter().copied().chain((one.len() > 1).then_some(BOTH));
    let crm = |kinds: Vec<&'static str>| {
        move |command: clap::Command| {
            command.mut_arg("crm", |arg| {
                let arg = arg.value_parser(PossibleValuesParser::new(&kinds));
                kinds.first().map_or(arg.clone(), |first| arg.default_value(*first))
            })
        }
    };
    let command =
        Cli::command().mut_subcommand("demo", crm(all.collect())).mut_subcommand("sandbox", crm(one.to_vec()));
    Cli::from_arg_matches(&command.try_get_matches_from(line)?)
}

/// A daemon that holds the socket and does not answer.
fn no_answer(error: std::io::Error) -> Failure {
    Failure::new(Exit::NoDaemon, format!("the daemon did not answer: {error}"))
}

fn choose_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

#[cfg(test)]
mod tests;
