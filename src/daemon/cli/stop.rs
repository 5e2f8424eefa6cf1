//! `dealclock stop` and `dealclock start`: the kill switches.

use dealclock_engine::Ruleset;
use dealclock_model::{ConnectionId, Instant};
use serde::{Deserialize, Serialize};

use super::{Context, Exit, Failure, SwitchArgs, no_answer};
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
    /// Whether it was started rather than stopped.
    started: bool,
    /// Whether that changed anything.
    changed: bool,
    /// What is stopped now.
    stopped: Vec<StoppedLine>,
}

impl Turned {
    pub(super) fn new(switch: &Switch, started: bool, changed: bool, stopped: &Stopped) -> Turned {
        Turned { what: switch.to_string(), started, changed, stopped: StoppedLine::all(stopped) }
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
            let switch = match find(&args.name, &config, &connections, &stopped) {
                Ok(switch) => switch,
                Err(failure) => return Err(failure),
            };
            let changed = stopped.turn(&switch, stop(&args.name, start, context.clock().now()));
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
    let output = context.output;
    let Turned { what, started, changed, stopped } = turned;
    output.text(match (started, changed) {
        (false, true) => format!("Stopped: {what}. `dealclock start` starts it again."),
        (false, false) => format!("Was stopped already: {what}."),
        (true, true) => format!("Started again: {what}."),
        (true, false) => format!("Was not stopped: {what}."),
    });
    for line in stopped.iter().filter(|line| *started || line.what != *what) {
        output.text(format!("Still stopped: {}.", line.told()));
    }
}
