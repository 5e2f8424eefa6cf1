//! `dealclock status`: how the daemon is faring.

use dealclock_connector::Today;
use dealclock_model::Instant;
use serde_json::Value;

use super::{Context, Exit, Failure, StatusArgs, no_answer, table, time};
use crate::control::{Asked, Request, ask};
use crate::launch::open_store;
use crate::runtime::connection::Trouble;
use crate::runtime::mishaps::Mishaps;
use crate::status::{Calls, ConnectionStatus, Desk, Hooks, Sources, StoppedLine, gather};

/// Carries the command out: asks the daemon, or opens the store itself when none runs.
pub(super) async fn run(_args: StatusArgs, context: Context) -> Result<Exit, Failure> {
    let config = context.config()?;
    let status = match ask(&config.socket, &Request::Status).await.map_err(no_answer)? {
        Asked::Answer(status) => status,
        Asked::Refused(reason) => return Err(Failure::new(Exit::NoDaemon, reason)),
        Asked::NoDaemon => {
            let loaded = context.load()?;
            let store = open_store(&loaded.config)?;
            let connections: Vec<_> = loaded.config.connections.keys().cloned().collect();
            let now = time::now(&loaded.config, &store, &context).await?;
            let status = gather(&Sources {
                store: &store,
                ruleset: &loaded.ruleset,
                connections: &connections,
                web: loaded.config.web.as_ref(),
                runtime: None,
                now,
            })?;
            serde_json::to_value(status).map_err(|error| Failure::new(Exit::Broken, error.to_string()))?
        }
    };
    context.output.document(&status);
    print(&status, &context);
    Ok(Exit::Ok)
}

fn print(status: &Value, context: &Context) {
    let output = context.output;
    let running =
        if status["running"] == true { "The daemon is running." } else { "No daemon is running on this store." };
    let number = |value: &Value| value.as_array().map_or(0, Vec::len) as u64;
    output.text(format_args!(
        "{running} {}, {} to decide, store {:.1} MB.",
        counted(number(&status["rules"]), "rule", "rules"),
        counted(status["inbox"].as_u64().unwrap_or_default(), "event", "events"),
        status["store"]["size_on_disk"].as_f64().unwrap_or_default() / 1e6,
    ));
    if let Some(refused) = status["rules_refused"].as_str() {
        output.text(format_args!("The rule files have faults; the rules before them are in force:\n{refused}"));
    }
    let stopped: Vec<StoppedLine> = serde_json::from_value(status["stopped"].clone()).unwrap_or_default();
    for line in &stopped {
        output.text(format_args!("Stopped: {}", line.told()));
    }
    let connections: Vec<ConnectionStatus> = serde_json::from_value(status["connections"].clone()).unwrap_or_default();
    let mut rows = table(&["connection", "phase", "data as of", "to write", "next timer", "tasks"]);
    for connection in &connections {
        let phase = match &connection.phase {
            crate::runtime::Phase::FirstRead if connection.account.is_none() => "not begun",
            crate::runtime::Phase::FirstRead => "first read",
            crate::runtime::Phase::ReadBack { .. } => "reading back",
            crate::runtime::Phase::Live => "live",
        };
        let once = match &connection.once {
            None => "not checked yet",
            Some(dealclock_connector::Once::Exactly) => "exactly once",
            Some(dealclock_connector::Once::AtLeastOnce(_)) => "at least once",
        };
        rows.add_row([
            connection.connection.clone(),
            phase.to_owned(),
            if status["running"] == true { shown(connection.as_of) } else { "known while it runs".to_owned() },
            (connection.outbox.waiting + connection.outbox.begun + connection.outbox.locked).to_string(),
            shown(connection.next_timer),
            once.to_owned(),
        ]);
    }
    output.text(rows);
    for connection in &connections {
        for (work, Trouble { message, retry_at, failures, .. }) in &connection.troubles {
            let again = retry_at.format("%H:%M:%SZ");
            output.text(format_args!(
                "{}: {work} has failed {}, tried again at {again}: {message}",
                connection.connection,
                counted(u64::from(*failures), "time", "times"),
            ));
        }
        print_traffic(connection, context);
        let Desk { requests, watched, digests } = connection.desk;
        if watched + digests > 0 {
            output.text(format_args!(
                "{}: {} to decide, {} watched, {} planned",
                connection.connection,
                counted(requests, "request", "requests"),
                counted(watched, "record", "records"),
                counted(digests, "digest", "digests"),
            ));
        }
        for problem in &connection.problems {
            output.text(format_args!("{}: {}\n  help: {}", connection.connection, problem.what, problem.way_out));
        }
    }
}

/// Calls, webhooks and writes that wait, each on a line of its own where there is something to say.
fn print_traffic(connection: &ConnectionStatus, context: &Context) {
    let (name, output) = (&connection.connection, context.output);
    if let Some(Calls { today, next_poll }) = &connection.calls {
        output.text(format_args!("{name}: {}", told_calls(today, *next_poll)));
    }
    if let Some(Hooks { address, hints, counts }) = &connection.hooks {
        let address = address.as_deref().unwrap_or("known once a daemon has listened");
        output.text(format_args!("{name}: webhook address {address}"));
        if let Some(counts) = counts {
            output.text(format_args!(
                "{name}: webhooks {} received, {} again, {} refused, {} about other accounts, last {}; {hints} hints wait",
                counts.received,
                counts.replayed,
                counts.refused,
                counts.foreign,
                shown(counts.last),
            ));
        }
    }
    if connection.unheard {
        output.text(format_args!("{name}: takes no webhooks; a CRM that signs them needs `webhook_secret`"));
    }
    if let Some(Mishaps { count, at, record, reason }) = &connection.refused {
        output.text(format_args!(
            "{name}: {} refused since the store began, the last at {} for {record}: {reason}",
            counted(*count, "write was", "writes were"),
            shown(Some(*at)),
        ));
    }
    if let Some(Mishaps { count, record, reason, .. }) = &connection.parked {
        output.text(format_args!(
            "{name}: {} cannot be judged, the latest {record}: {reason}",
            counted(*count, "record", "records"),
        ));
    }
    if connection.outbox.locked > 0 {
        let waiting = counted(connection.outbox.locked, "write waits", "writes wait");
        output.text(format_args!("{name}: {waiting}: the record is locked"));
    }
}

/// The day's calls as far as they are known, and when the next one comes.
fn told_calls(today: &Today, next_poll: Option<Instant>) -> String {
    let mut words = format!("{} in 24 hours", counted(today.ours, "call", "calls"));
    if let Some(budget) = today.budget {
        words.push_str(&format!(" of {budget} that may be ours"));
    }
    if let (Some(all), Some(limit)) = (today.all, today.limit) {
        words.push_str(&format!("; the account's: {all} of {limit}"));
    }
    if let Some(at) = next_poll {
        words.push_str(&format!("; next poll {}", shown(Some(at))));
    }
    words
}

/// A number with its noun.
fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn shown(at: Option<Instant>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_of_the_days_calls_is_told() {
        let poll = Instant::from_timestamp(0, 0);
        let known = Today { ours: 3, budget: Some(57), all: Some(40), limit: Some(1_000) };
        for (today, next, told) in [
            (Today { ours: 1, ..Today::default() }, None, "1 call in 24 hours"),
            (Today { ours: 3, ..Today::default() }, poll, "3 calls in 24 hours; next poll 1970-01-01 00:00:00Z"),
            (known, None, "3 calls in 24 hours of 57 that may be ours; the account's: 40 of 1000"),
        ] {
            assert_eq!(told_calls(&today, next), told);
        }
    }
}
