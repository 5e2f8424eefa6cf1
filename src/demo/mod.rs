//! `dealclock demo`: a company in the sandbox, the real daemon against it over HTTP, and fast time.

mod files;
mod report;

use std::path::{Path, PathBuf};

use dealclock_connector::Clock;
use dealclock_daemon::cli::{Context, DemoArgs, Exit, Failure, Output, serve};
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::patience::patiently;
use dealclock_daemon::{clock, connect, log, needs};
use dealclock_sandbox::Sandbox;
use dealclock_sandbox::audit::{AuditedRule, Tolerance, audit, stories};
use dealclock_sandbox::company::{Company, CompanyOptions};
use dealclock_sandbox::time::{Director, TimeMode, VirtualTime, routes};
use tokio::net::TcpListener;

/// The token of the demo's account; worth nothing anywhere else.
const TOKEN: &str = "pat-na1-demo";

/// Carries the command out.
pub async fn run(args: DemoArgs, output: Output) -> Result<Exit, Failure> {
    let company = Company::new(args.seed, &CompanyOptions { days: args.days, ..CompanyOptions::default() });
    let sandbox = crate::sandbox::company_sandbox(&company, args.seed, TOKEN);
    let mut director = Director::new(sandbox.clone(), company.timeline.clone());
    director.advance_to(company.start);
    let time = VirtualTime::new(director, TimeMode::Lockstep { expected_followers: 1 }, Some(company.end));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(dealclock_sandbox::serve_with(sandbox.clone(), routes(time.clone()), listener));
    let place = Place::new(args.keep.clone())?;
    files::write(place.path(), &company, &address, TOKEN)?;
    report::introduce(&company, &args, &address, output);

    let config = place.path().join(files::CONFIG);
    let context =
        Context { kit: crate::kit::kit(), environment: Environment::of_process(), config: Some(config), output };
    let loaded = context.load()?;
    log::start(&loaded.config.log);
    make_fields(&loaded, &context).await?;
    let progress = tokio::spawn(report::show_progress(time, company.start, company.end));
    let served = serve(loaded, &context).await;
    progress.abort();
    // The bar is taken off the terminal when its task has ended, before anything else is printed.
    let _ = progress.await;
    server.abort();
    served?;
    judge(&company, &sandbox, &args, &context, &place)
}

/// Makes the fields that the rules need, as `dealclock setup` does.
async fn make_fields(loaded: &Loaded, context: &Context) -> Result<(), Failure> {
    let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(clock::SystemClock);
    for connection in loaded.config.connections.values() {
        let failed = |error| Failure::crm(connection.id.as_str(), &error);
        let connector = connect::connect(connection, &context.kit, &context.environment, &clock)?;
        let Some(provision) = connector.provision() else { continue };
        let (needs, _) = needs::needs(&connection.mapping);
        let plan = patiently(clock.as_ref(), || provision.plan(&needs)).await.map_err(failed)?;
        for item in plan.items.iter().filter(|item| item.state == dealclock_connector::PlanState::Missing) {
            patiently(clock.as_ref(), || provision.make(&needs, item)).await.map_err(failed)?;
        }
    }
    Ok(())
}

fn judge(
    company: &Company,
    sandbox: &Sandbox,
    args: &DemoArgs,
    context: &Context,
    place: &Place,
) -> Result<Exit, Failure> {
    let dump = sandbox.dump();
    let rule = AuditedRule::running_example(company, &dump);
    let tolerance = Tolerance::usual(company.start);
    let audited = audit(&dump, &rule, &tolerance);
    let loaded = context.load()?;
    let counted = report::count_violations(&loaded)?;
    let outcome = report::Outcome { args, audited: &audited, violations: counted, calls: sandbox.calls() };
    context.output.document(&outcome.document());
    report::tell(&stories(&dump, &rule, &tolerance), &outcome, place.kept(), context.output);
    let right = audited.reminders_duplicate == 0 && audited.reminders_missing == 0;
    Ok(if right { Exit::Ok } else { Exit::Found })
}

/// Where the demo's files are: kept where the person wants them, else gone with the demo.
enum Place {
    Kept(PathBuf),
    Passing(tempfile::TempDir),
}

impl Place {
    fn new(keep: Option<PathBuf>) -> Result<Place, Failure> {
        let Some(path) = keep else { return Ok(Place::Passing(tempfile::tempdir()?)) };
        std::fs::create_dir_all(&path)?;
        if std::fs::read_dir(&path)?.next().is_some() {
            let message = format!("{} is not empty; name a new directory with --keep", path.display());
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(Place::Kept(path))
    }

    fn path(&self) -> &Path {
        match self {
            Place::Kept(path) => path,
            Place::Passing(directory) => directory.path(),
        }
    }

    fn kept(&self) -> Option<&Path> {
        match self {
            Place::Kept(path) => Some(path),
            Place::Passing(_) => None,
        }
    }
}
