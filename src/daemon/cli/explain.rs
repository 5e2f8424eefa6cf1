//! `dealclock explain`: what happened to a record, why, why not, and what comes next.

use owo_colors::OwoColorize;
use serde_json::Value;

use super::{Context, Exit, ExplainArgs, Failure, no_answer};
use crate::control::{Asked, Request, ask};
use crate::explain::{ExplainError, explain, find};
use crate::launch::open_store;
use crate::runtime::recall_people;

/// Carries the command out: asks the daemon, or opens the store itself when none runs.
pub(super) async fn run(args: ExplainArgs, context: Context) -> Result<Exit, Failure> {
    let config = context.config()?;
    let told = match ask(&config.socket, &Request::Explain { record: args.record.clone() }).await.map_err(no_answer)? {
        Asked::Answer(told) => told,
        Asked::Refused(reason) => return Err(Failure::new(Exit::Found, reason)),
        Asked::NoDaemon => {
            let loaded = context.load()?;
            let store = open_store(&loaded.config)?;
            let connections: Vec<_> = loaded.config.connections.keys().cloned().collect();
            let record = find(&store, &connections, &args.record)?;
            let people = recall_people(&store, &record.connection)?
                .ok_or_else(|| Failure::new(Exit::Found, "the people of this connection are not known yet"))?;
            let told = explain(&store, &loaded.ruleset, &people, record, context.clock().now())?;
            serde_json::to_value(told).map_err(|error| Failure::new(Exit::Broken, error.to_string()))?
        }
    };
    context.output.document(&told);
    print(&told, &context);
    Ok(Exit::Ok)
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Failure {
        match error {
            ExplainError::Unknown(_) | ExplainError::Ambiguous { .. } => Failure::new(Exit::Found, error.to_string()),
            ExplainError::Store(error) => error.into(),
        }
    }
}

fn print(told: &Value, context: &Context) {
    let output = context.output;
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let name = word(&told["name"]);
    output.text(format_args!(
        "{} ({}/{}), owner {}",
        name.bold(),
        word(&told["record"]["connection"]),
        word(&told["record"]["id"]),
        word(&told["owner"])
    ));
    if let Some(url) = told["url"].as_str() {
        output.text(url);
    }
    for waiting in told["waiting"].as_array().into_iter().flatten() {
        output.text(word(waiting));
    }
    for rule in told["rules"].as_array().into_iter().flatten() {
        output.text(format_args!("\n{} ({})", word(&rule["title"]).bold(), word(&rule["rule"])));
        output.text(format_args!("  now    {}", word(&rule["now"])));
        if let Some(clock) = rule["clock"].as_object() {
            output.text(format_args!(
                "  clock  {}, episode {}, round {}, from {} to {}",
                word(&clock["state"]),
                clock["episode"],
                clock["round"],
                word(&clock["zero"]),
                word(&clock["deadline"])
            ));
        }
        for next in rule["next"].as_array().into_iter().flatten() {
            output.text(format_args!("  next   {}  {}", word(&next["at"]), word(&next["what"])));
        }
    }
    output.text("");
    for entry in told["journal"].as_array().into_iter().flatten() {
        let what = word(&entry["what"]);
        let step = entry["step"].as_str().map(|step| format!(" {step}")).unwrap_or_default();
        output.text(format_args!("{}  {}{step}  {}", word(&entry["at"]), what.cyan(), word(&entry["why"])));
    }
}
