//! `dealclock held`: the storms that wait for an administrator, and the answers to them.

use dealclock_model::event::StormAnswer;

use super::args::{HeldCommand, StormArgs};
use super::{Context, Exit, Failure, no_answer, table};
use crate::control::{Asked, Request, ask};

/// Carries the command out, which only a running daemon can.
pub(super) async fn run(command: HeldCommand, context: &Context) -> Result<Exit, Failure> {
    let config = context.config()?;
    let request = request(command);
    if let Request::Answer { connection, .. } = &request
        && !config.connections.contains_key(connection.as_str())
    {
        return Err(Failure::no_connection(connection, &config));
    }
    match ask(&config.socket, &request).await {
        Ok(Asked::Answer(answer)) => {
            print(&answer, context);
            context.output.document(&answer);
            Ok(Exit::Ok)
        }
        Ok(Asked::Refused(reason)) => Err(Failure::new(Exit::Found, reason)),
        Ok(Asked::NoDaemon) => {
            let message = format!("no daemon runs on {}; start it with `dealclock run`", config.store.path.display());
            Err(Failure::new(Exit::NoDaemon, message))
        }
        Err(error) => Err(no_answer(error)),
    }
}

fn request(command: HeldCommand) -> Request {
    let answered = |StormArgs { connection, rule }: StormArgs, answer| Request::Answer { connection, rule, answer };
    match command {
        HeldCommand::List => Request::Held,
        HeldCommand::Start(storm) => answered(storm, StormAnswer::Start),
        HeldCommand::Spread(storm) => answered(storm, StormAnswer::Spread),
        HeldCommand::Ignore(storm) => answered(storm, StormAnswer::Ignore),
    }
}

fn print(answer: &serde_json::Value, context: &Context) {
    let Some(storms) = answer.as_array() else { return context.output.text("The daemon has taken the answer.") };
    if storms.is_empty() {
        return context.output.text("Nothing is held.");
    }
    let mut rows = table(&["connection", "rule", "since", "records"]);
    for storm in storms {
        let shown = |key: &str| match &storm[key] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        rows.add_row([shown("connection"), shown("rule"), shown("since"), shown("records")]);
    }
    context.output.text(rows);
    context.output.text("\nAnswer with: dealclock held start|spread|ignore --connection NAME --rule RULE");
}
