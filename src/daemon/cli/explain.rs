//! `dealclock explain`: what happened to a record, why, why not, and what comes next.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use dealclock_model::{Instant, What};
use owo_colors::OwoColorize;
use serde_json::Value;

use super::legend::meaning;
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
    for stopped in told["stopped"].as_array().into_iter().flatten() {
        output.text(format_args!("\n{}", word(stopped)));
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
        said.extend(serde_json::from_value::<What>(entry["what"].clone()).ok());
    }
    if !said.is_empty() {
        output.text("");
    }
    for what in said {
        output.text(format_args!("{}: {}", what.as_str().cyan(), meaning(what)));
    }
}

fn print_request(request: &Value, zone: Tz, context: &Context) {
    let output = context.output;
    let (title, rule) = (word(&request["title"]), word(&request["rule"]));
    output.text(format_args!("\nRequest: {} ({rule})", title.bold()));
    for line in told_request(request, zone) {
        output.text(format_args!("  {line}"));
    }
}

/// How a request stands, who was asked, and how it ended.
fn told_request(request: &Value, zone: Tz) -> Vec<String> {
    let state = word(&request["state"]).replace('_', " ");
    let by = request["requester"].as_str().map(|name| format!(" by {name}")).unwrap_or_default();
    let mut lines = vec![format!("state  {state}, asked for{by} since {}", moment(&request["opened_at"], zone))];
    for asked in request["asked"].as_array().into_iter().flatten() {
        let acts_for = asked["acts_for"].as_str().map(|other| format!(" for {other}")).unwrap_or_default();
        let said = match (asked["said"].as_str(), asked["until"].as_str()) {
            (Some(said), _) => format!(": said {said}"),
            (None, None) => ": no word yet".to_owned(),
            // Whoever said nothing by then need not any more.
            (None, Some(_)) => String::new(),
        };
        let (step, person) = (word(&asked["step"]), word(&asked["person"]));
        lines.push(format!("asked  {person}{acts_for} in {step} since {}{said}", moment(&asked["since"], zone)));
    }
    if let Some(decided) = request.get("decided").filter(|decided| !decided.is_null()) {
        lines.push(format!("ended  {}  {}", moment(&decided["at"], zone), told_decision(decided)));
    }
    lines
}

/// What was decided, by whom, and in which way; of what a CRM keeps for itself, where it stands there.
fn told_decision(decided: &Value) -> String {
    let ruling = match word(&decided["ruling"]).as_str() {
        "approve" => "approved".to_owned(),
        "reject" => "rejected".to_owned(),
        other => other.to_owned(),
    };
    let (by, field) = (decided["by"].as_str(), decided["field"].as_str());
    match (word(&decided["way"]).as_str(), by, field) {
        ("timeout", _, _) => format!("{ruling}, as nobody decided in time"),
        ("field", Some(by), Some(field)) => format!("{ruling} by {by}, in the field {field}"),
        ("field", None, Some(field)) => format!("{ruling} by the field {field}"),
        ("native", by, _) => {
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            format!("{ruling}{by}, in the CRM's approval process")
        }
        (way, Some(by), _) => format!("{ruling} by {by}, way: {way}"),
        (way, None, _) => format!("{ruling}, way: {way}"),
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

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
    use serde_json::json;

    use super::*;

    fn request(state: &str, until: &Value, decided: &Value) -> Vec<String> {
        let since = "2026-03-02T08:00:00Z";
        let asked = |person: &str, said: Option<&str>, until: &Value| json!({ "step": "one", "person": person, "since": since, "said": said, "until": until });
        let asked = [asked("Ann", Some("approve"), until), asked("Bea", None, until)];
        let request = json!({
            "state": state, "requester": "Rep", "opened_at": since, "asked": asked, "decided": decided,
        });
        told_request(&request, Tz::UTC)
    }

    #[test]
    fn whoever_need_not_answer_any_more_is_not_said_to_be_silent() {
        let first = "state  open, asked for by Rep since 2026-03-02 08:00";
        let ann = "asked  Ann in one since 2026-03-02 08:00: said approve";
        let bea = "asked  Bea in one since 2026-03-02 08:00";
        assert_eq!(request("open", &Value::Null, &Value::Null), [first, ann, &format!("{bea}: no word yet")]);
        let done = json!("2026-03-03T08:00:00Z");
        assert_eq!(request("open", &done, &Value::Null), [first, ann, bea]);
    }

    #[test]
    fn a_decision_tells_whose_it_was_or_where_it_stands() {
        let decided = |way: &str, by: Option<&str>, field: Option<&str>| {
            told_decision(&json!({ "ruling": "approve", "way": way, "by": by, "field": field }))
        };
        assert_eq!(decided("task", Some("Ann"), None), "approved by Ann, way: task");
        assert_eq!(decided("field", None, Some("manager_decision")), "approved by the field manager_decision");
        assert_eq!(decided("native", None, None), "approved, in the CRM's approval process");
        assert_eq!(decided("timeout", None, None), "approved, as nobody decided in time");
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
