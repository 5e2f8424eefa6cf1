//! `dealclock stop` and `dealclock start`: the kill switches.

use dealclock_engine::Ruleset;
use dealclock_model::{ConnectionId, Instant};
use serde::{Deserialize, Serialize};

use super::{Context, Exit, Failure, SwitchArgs, no_answer, time};
use crate::config::read_rules;
use crate::control::{Asked, Request, ask};
use crate::launch::open_store;
use crate::runtime::stopped::{Stop, Stopped, Switch};
use crate::status::StoppedLine;

/// What a switch came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Turned {
    /// What was switched, in words.
    what: String,
    /// What a command names it by.
    argument: String,
    /// Whether it was started rather than stopped.
    started: bool,
    /// Whether that changed anything.
    changed: bool,
    /// What is stopped now.
    stopped: Vec<StoppedLine>,
}

impl Turned {
    pub(super) fn new(switch: &Switch, started: bool, changed: bool, stopped: &Stopped) -> Turned {
        Turned {
            what: switch.to_string(),
            argument: switch.argument(),
            started,
            changed,
            stopped: StoppedLine::all(stopped),
        }
    }
}

/// How something is stopped by a command; `None` starts it.
pub(super) fn stop(name: &str, start: bool, now: Instant) -> Option<Stop> {
    (!start).then(|| Stop { since: now, by: format!("dealclock stop {name}") })
}

/// Carries the command out: asks the daemon, or writes to the store itself when none runs.
pub(super) async fn run(args: SwitchArgs, start: bool, context: Context) -> Result<Exit, Failure> {
    let config = context.config()?;
    let request = Request::Switch { name: args.name.clone(), start };
    let turned: Turned = match ask(&config.socket, &request).await.map_err(no_answer)? {
        Asked::Answer(turned) => {
            serde_json::from_value(turned).map_err(|error| Failure::new(Exit::Broken, error.to_string()))?
        }
        Asked::Refused(reason) => return Err(Failure::new(Exit::Found, reason)),
        Asked::NoDaemon => {
            let connections: Vec<ConnectionId> = config.connections.keys().cloned().collect();
            let store = open_store(&config)?;
            let mut stopped = Stopped::recall(&store)?;
            let switch = find(&args.name, &config, &connections, &stopped)?;
            let now = time::now(&config, &store, &context).await?;
            let changed = stopped.turn(&switch, stop(&args.name, start, now));
            stopped.keep(&store)?;
            store.durable_blocking()?;
            Turned::new(&switch, start, changed, &stopped)
        }
    };
    print(&turned, &context);
    context.output.document(&turned);
    Ok(Exit::Ok)
}

/// Rules with faults must not keep anybody from stopping a connection, or everything.
fn find(
    name: &str,
    config: &crate::config::Config,
    connections: &[ConnectionId],
    stopped: &Stopped,
) -> Result<Switch, Failure> {
    let unknown = |error: crate::runtime::stopped::NoSwitch| Failure::new(Exit::Found, error.to_string());
    match read_rules(config) {
        Ok(ruleset) => Switch::find(name, &ruleset, connections, stopped).map_err(unknown),
        Err(faults) => Switch::find(name, &Ruleset::default(), connections, stopped).map_err(|_| faults.into()),
    }
}

fn print(turned: &Turned, context: &Context) {
    for line in told(turned) {
        context.output.text(line);
    }
}

/// What a person reads: what was done, and what is stopped beside it.
fn told(turned: &Turned) -> Vec<String> {
    let Turned { what, argument, started, changed, stopped } = turned;
    let others: Vec<&StoppedLine> = stopped.iter().filter(|line| *started || line.what != *what).collect();
    let rest = if *started && *what == Switch::All.to_string() && !others.is_empty() { " else" } else { "" };
    let first = match (started, changed) {
        (false, true) => format!("Stopped: {what}. `dealclock start {argument}` starts it again."),
        (false, false) => format!("Was stopped already: {what}."),
        (true, true) => format!("Started again: {what}{rest}."),
        (true, false) => format!("Was not stopped: {what}{rest}."),
    };
    let still = others.iter().map(|line| {
        let again = line.argument.as_ref().map(|name| format!("; `dealclock start {name}` starts it again"));
        format!("Still stopped: {}{}.", line.told(), again.unwrap_or_default())
    });
    std::iter::once(first).chain(still).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_everything_names_what_stays_stopped_and_how_to_start_it() {
        let now = Instant::UNIX_EPOCH;
        let mut stopped = Stopped::default();
        stopped.turn(&Switch::Rule("approval/discount".into()), stop("discount", false, now));
        stopped.turn(&Switch::All, stop("all", false, now));
        let before = told(&Turned::new(&Switch::All, false, true, &stopped));
        assert_eq!(before[0], "Stopped: everything. `dealclock start all` starts it again.");
        let changed = stopped.turn(&Switch::All, stop("all", true, now));
        let still = "Still stopped: approval `discount` since 1970-01-01 00:00:00Z by `dealclock stop discount`; \
                     `dealclock start approval/discount` starts it again.";
        assert_eq!(
            told(&Turned::new(&Switch::All, true, changed, &stopped)),
            ["Started again: everything else.", still]
        );
        assert_eq!(told(&Turned::new(&Switch::All, true, true, &Stopped::default())), ["Started again: everything."]);
    }
}
