//! `dealclock explain`: what happened to a record, why, why not, and what comes next.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use dealclock_model::Instant;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::{Context, Exit, ExplainArgs, Failure, no_answer, time};
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
            let now = time::now(&loaded.config, &store, &context).await?;
            let told = explain(&store, &loaded.ruleset, &people, record, now)?;
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
            ExplainError::Unknown(_) | ExplainError::Ambiguous { .. } | ExplainError::NoConnection { .. } => {
                Failure::new(Exit::Found, error.to_string())
            }
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
    let zone: Tz = serde_json::from_value(told["zone"].clone()).unwrap_or(Tz::UTC);
    let moment = |value: &Value| moment(value, zone);
    output.text(format_args!("Times are those of {zone}."));
    for waiting in told["waiting"].as_array().into_iter().flatten() {
        output.text(word(waiting));
    }
    for rule in told["rules"].as_array().into_iter().flatten() {
        output.text(format_args!("\n{} ({})", word(&rule["title"]).bold(), word(&rule["rule"])));
        output.text(format_args!("  now    {}", word(&rule["now"])));
        if let Some(stopped) = rule["stopped"].as_str() {
            output.text(format_args!("  now    {stopped}"));
        }
        if let Some(clock) = rule["clock"].as_object() {
            let (state, from, to) = (word(&clock["state"]), moment(&clock["zero"]), moment(&clock["deadline"]));
            let often = often(clock["episode"].as_u64(), clock["round"].as_u64());
            output.text(format_args!("  clock  {state}, from {from} to {to}{often}"));
        }
        for next in rule["next"].as_array().into_iter().flatten() {
            output.text(format_args!("  next   {}  {}", moment(&next["at"]), word(&next["what"])));
        }
    }
    for request in told["requests"].as_array().into_iter().flatten() {
        print_request(request, zone, context);
    }
    output.text("");
    let mut said = BTreeSet::new();
    for entry in told["journal"].as_array().into_iter().flatten() {
        let what = word(&entry["what"]);
        let step = entry["step"].as_str().map(|step| format!(" {step}")).unwrap_or_default();
        output.text(format_args!("{}  {}{step}  {}", moment(&entry["at"]), what.cyan(), word(&entry["why"])));
        said.insert(what);
    }
    let unusual: Vec<_> = LEGEND.iter().filter(|(what, _)| said.contains(*what)).collect();
    if !unusual.is_empty() {
        output.text("");
    }
    for (what, meaning) in unusual {
        output.text(format_args!("{}: {meaning}", what.cyan()));
    }
}

fn print_request(request: &Value, zone: Tz, context: &Context) {
    let output = context.output;
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let (title, rule, state) = (word(&request["title"]), word(&request["rule"]), word(&request["state"]));
    let opened = moment(&request["opened_at"], zone);
    output.text(format_args!("\nRequest: {} ({rule})", title.bold()));
    output.text(format_args!("  state  {state}, asked for by {} since {opened}", word(&request["requester"])));
    for asked in request["asked"].as_array().into_iter().flatten() {
        let acts_for = asked["acts_for"].as_str().map(|other| format!(" for {other}")).unwrap_or_default();
        let said = asked["said"].as_str().map_or_else(|| "no word yet".to_owned(), |said| format!("said {said}"));
        let (step, person) = (word(&asked["step"]), word(&asked["person"]));
        output.text(format_args!(
            "  asked  {person}{acts_for} in {step} since {}: {said}",
            moment(&asked["since"], zone)
        ));
    }
    if let Some(decided) = request.get("decided").filter(|decided| !decided.is_null()) {
        let (ruling, by, way) = (word(&decided["ruling"]), word(&decided["by"]), word(&decided["way"]));
        output.text(format_args!("  ended  {}  {ruling} by {by}, way: {way}", moment(&decided["at"], zone)));
    }
}

/// Words of the journal that do not explain themselves.
const LEGEND: [(&str, &str); 10] = [
    ("fired", "the step is due; it is written next"),
    ("applied", "the CRM, or the mail server, has it"),
    ("refused", "the CRM, or the mail server, does not take it, and it is not tried again"),
    ("superseded", "it is not sent, for the reason that is given"),
    ("rerouted", "it goes to somebody else than the rule names"),
    ("void", "the clock ended without a result: the rule does not apply any more"),
    ("replanned", "the deadline or the steps were reckoned anew"),
    ("wiggled", "it left the rule and came back before anybody looked"),
    ("stale", "it was known already, or newer facts were"),
    ("absorbed", "the steps of the record that was merged into this one count as sent"),
];

/// An instant of the document to the minute, in a zone.
fn moment(value: &Value, zone: Tz) -> String {
    let at: Option<Instant> = serde_json::from_value(value.clone()).ok();
    at.map_or_else(|| "-".to_owned(), |at| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
}

/// How often the rule began to apply, and how often it was planned anew since, where that is worth a word.
fn often(episode: Option<u64>, round: Option<u64>) -> String {
    let mut words = String::new();
    if let Some(episode) = episode.filter(|episode| *episode > 1) {
        words.push_str(&format!("; it is the rule's start number {episode} for this record"));
    }
    match round.unwrap_or_default() {
        0 => {}
        1 => words.push_str("; planned anew once"),
        round => words.push_str(&format!("; planned anew {round} times")),
    }
    words
}

#[cfg(test)]
mod tests {
    use dealclock_model::What;

    use super::*;

    #[test]
    fn the_legend_explains_words_of_the_journal() {
        let words = What::ALL.map(|what| serde_json::to_value(what).unwrap());
        for (word, _) in LEGEND {
            assert!(words.contains(&Value::from(word)), "{word}");
        }
    }

    #[test]
    fn instants_are_shown_in_the_records_zone_to_the_minute() {
        let at = Value::from("2026-03-02T00:00:00.123456789Z");
        assert_eq!(moment(&at, Tz::Europe__Berlin), "2026-03-02 01:00");
        assert_eq!(moment(&Value::Null, Tz::UTC), "-");
    }

    #[test]
    fn a_first_start_that_was_never_planned_anew_is_not_worth_a_word() {
        assert_eq!(often(Some(1), Some(0)), "");
        assert_eq!(often(Some(2), Some(1)), "; it is the rule's start number 2 for this record; planned anew once");
    }
}
