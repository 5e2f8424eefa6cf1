//! `dealclock demo`: a company in the sandbox, the real daemon against it over HTTP, and fast time.

mod files;
mod play;
mod report;
mod story;
mod tally;

use std::path::{Path, PathBuf};

use dealclock_connector::Clock;
use dealclock_daemon::cli::{Context, DemoArgs, Exit, Failure, Output, serve};
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::patience::patiently;
use dealclock_daemon::{clock, connect, log, needs};

use play::Play;
use report::{Count, Outcome};

/// Carries the command out.
pub async fn run(args: DemoArgs, output: Output) -> Result<Exit, Failure> {
    let crms = crate::kit::crms(&args.crm)?;
    let play = Play::open(&crms, args.seed, args.days).await?;
    let place = Place::new(args.keep.clone())?;
    files::write(place.path(), &play.links())?;
    report::introduce(&play, &args, output);

    let config = place.path().join(files::CONFIG);
    let context =
        Context { kit: crate::kit::kit(), environment: Environment::of_process(), config: Some(config), output };
    let loaded = context.load()?;
    log::start(&loaded.config.log);
    make_fields(&loaded, &context).await?;
    let company = &play.scenes[0].company;
    let progress = tokio::spawn(report::show_progress(play.time.clone(), company.start, company.end));
    let served = serve(loaded, &context).await;
    progress.abort();
    // The bar is taken off the terminal when its task has ended, before anything else is printed.
    let _ = progress.await;
    served?;
    judge(&play, &args, &context, &place)
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

fn judge(play: &Play, args: &DemoArgs, context: &Context, place: &Place) -> Result<Exit, Failure> {
    let loaded = context.load()?;
    let counted = report::count_violations(&loaded)?;
    let tallies = tally::count(&loaded)?;
    let (mut counts, mut told) = (Vec::new(), Vec::new());
    for scene in &play.scenes {
        let judged = scene.judge();
        let violations = counted.get(scene.connection).copied().unwrap_or_default();
        let tally = tallies.get(scene.connection).copied().unwrap_or_default();
        let audited = judged.audited.clone();
        counts.push(Count { scene, audited, violations, tally, calls: scene.sandbox.calls() });
        told.push(judged);
    }
    let outcome = Outcome { args, counts };
    context.output.document(&outcome.document());
    report::tell(&told, &outcome, place.kept(), context.output);
    Ok(if outcome.is_right() { Exit::Ok } else { Exit::Found })
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
