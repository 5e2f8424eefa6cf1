//! What the demo prints: progress, what people in the company saw, and the auditor's count.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dealclock_daemon::cli::{DemoArgs, Failure, Output, table};
use dealclock_daemon::config::Loaded;
use dealclock_daemon::launch::open_store;
use dealclock_model::{CaseId, Entry, Object, RecordId, RecordRef, What};
use dealclock_sandbox::Calls;
use dealclock_sandbox::audit::AuditReport;
use dealclock_sandbox::time::VirtualTime;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::play::{Judged, Play, Scene};
use super::story;
use super::tally::Tally;

/// The rule that the auditor judges; another one is on trial.
const RULE: &str = "proposal";

/// What came of the demo.
pub struct Outcome<'a> {
    /// How it was asked for.
    pub args: &'a DemoArgs,
    /// What came of each connection; never empty.
    pub counts: Vec<Count<'a>>,
}

/// What came of one connection.
pub struct Count<'a> {
    /// Where it leads.
    pub scene: &'a Scene,
    /// What the auditor found.
    pub audited: AuditReport,
    /// Violations that the daemon counted.
    pub violations: u64,
    /// What else the daemon counted.
    pub tally: Tally,
    /// Calls by endpoint.
    pub calls: Calls,
}

impl Outcome<'_> {
    /// Whether every reminder that was due is there once.
    pub fn is_right(&self) -> bool {
        let right = |count: &Count<'_>| count.audited.reminders_duplicate == 0 && count.audited.reminders_missing == 0;
        self.counts.iter().all(right)
    }

    /// The JSON document: what came of all connections together, and of each where there are several.
    pub fn document(&self) -> Value {
        let mut document = json!({ "crm": self.args.crm, "days": self.args.days, "seed": self.args.seed });
        let counts = self.counts.iter().map(|count| (count.scene.connection, count.document()));
        let counts: BTreeMap<_, _> = counts.collect();
        counts.values().for_each(|count| add(&mut document, count));
        if counts.len() > 1 {
            document["connections"] = json!(counts);
        }
        document
    }
}

impl Count<'_> {
    fn document(&self) -> Value {
        let audited = &self.audited;
        let mut document = json!({
            "reminders_due": audited.reminders_due,
            "reminders_created": audited.reminders_created,
            "reminders_duplicate": audited.reminders_duplicate,
            "reminders_missing": audited.reminders_missing,
            "reminders_unexpected": audited.reminders_unexpected,
            "reminders_late": audited.reminders_late,
            "reminders_borderline": audited.borderline,
            "tasks_completed": audited.tasks_completed,
            "tasks_left_open": audited.tasks_left_open,
            "violations": self.violations,
            "violations_audited": audited.violations,
            "violations_borderline": audited.violations_borderline,
            "requests_for_time_asked_audited": audited.requests.asked,
            "requests_for_time_granted_audited": audited.requests.granted,
            "discounts_granted_audited": audited.requests.discounts_granted,
            "discounts_two_step_audited": audited.requests.discounts_granted_twice,
            "tampering_reverted_audited": audited.requests.set_back,
            "calls": self.calls.calls,
            "faults": audited.faults().collect::<Vec<_>>(),
        });
        if let Value::Object(document) = &mut document {
            document.extend(self.tally.document());
        }
        document
    }
}

/// Adds up numbers, puts lists one after another, and does the same for what lies within; what is alone stays.
fn add(sum: &mut Value, other: &Value) {
    match (sum, other) {
        (Value::Object(sum), Value::Object(other)) => {
            for (key, value) in other {
                match sum.get_mut(key) {
                    Some(known) => add(known, value),
                    None => drop(sum.insert(key.clone(), value.clone())),
                }
            }
        }
        (Value::Array(sum), Value::Array(other)) => sum.extend(other.iter().cloned()),
        (sum, other) => {
            if let (Some(one), Some(more)) = (sum.as_u64(), other.as_u64()) {
                *sum = (one + more).into();
            }
        }
    }
}

/// Says what is about to happen.
pub fn introduce(play: &Play, args: &DemoArgs, output: Output) {
    output.text("Dealclock demo".bold());
    for Scene { crm, company, address, .. } in &play.scenes {
        output.text(format_args!(
            "A company of {} people works in a sandbox CRM that speaks\n{}'s dialect at {address}.",
            company.cast.members().count(),
            crm.label(),
        ));
    }
    output.text(format_args!(
        "Dealclock runs beside {}: a proposal within 5 days for every deal of\n\
         50,000 and more, more time for complex ones if the manager agrees, discounts\n\
         that are approved in one step or two, digests and a report.\n\
         {}, from {} (seed {}).\n",
        if play.scenes.len() > 1 { "them" } else { "it" },
        if args.days == 1 { "One day passes".to_owned() } else { format!("{} days pass", args.days) },
        play.scenes[0].company.start.format("%A %-d %B %Y"),
        args.seed,
    ));
}

/// Shows how far virtual time has come: a bar on a terminal, a line a day elsewhere.
pub async fn show_progress(time: VirtualTime, start: DateTime<Utc>, end: DateTime<Utc>) {
    let whole = u64::try_from((end - start).num_seconds()).unwrap_or_default();
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(whole) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {msg}  {percent}%  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let plain = !std::io::stderr().is_terminal();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let mut day = None;
    loop {
        tick.tick().await;
        let now = time.now();
        bar.set_position(u64::try_from((now - start).num_seconds()).unwrap_or_default());
        bar.set_message(now.format("%a %-d %b %H:%M").to_string());
        if plain && day != Some(now.date_naive()) {
            day = Some(now.date_naive());
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", now.format("%a %-d %b %Y")));
        }
    }
}

/// Violations of the running example that the daemon counted on each connection, by its journal.
pub fn count_violations(loaded: &Loaded) -> Result<BTreeMap<String, u64>, Failure> {
    let store = open_store(&loaded.config)?;
    let mut counted = BTreeMap::new();
    for connection in loaded.config.connections.keys() {
        let mut after: Option<RecordId> = None;
        let violations: &mut u64 = counted.entry(connection.to_string()).or_default();
        loop {
            let ids = store.record_ids(connection, Object::Opportunity, after.as_ref(), 500)?;
            let Some(last) = ids.last().cloned() else { break };
            for id in ids {
                let record = RecordRef { connection: connection.clone(), object: Object::Opportunity, id };
                let journal = store.journal(&CaseId::Record(record), None, usize::MAX)?;
                let ours = |entry: &Entry| entry.rule.as_ref().is_some_and(|rule| rule.as_str() == RULE);
                let times = |what| journal.iter().filter(|(_, entry)| entry.what == what && ours(entry)).count() as u64;
                *violations += times(What::Violated).saturating_sub(times(What::Withdrawn));
            }
            after = Some(last);
        }
    }
    Ok(counted)
}

/// Tells what people saw on each connection, and the counts.
pub fn tell(told: &[Judged], outcome: &Outcome<'_>, kept: Option<&Path>, output: Output) {
    let several = outcome.counts.len() > 1;
    for (count, judged) in outcome.counts.iter().zip(told) {
        if several {
            output.text(format_args!("{} ({})", count.scene.crm.label().bold(), count.scene.connection));
        }
        story::tell(judged, outcome.counts.len(), output);
    }
    for count in &outcome.counts {
        if several {
            output.text(format_args!("{} ({})", count.scene.crm.label().bold(), count.scene.connection));
        }
        show_count(count, output);
    }
    match kept {
        Some(path) => output.text(format_args!(
            "\nLook further, at what happened to a deal and why, and at how the daemon stood:\n  \
             dealclock explain --config {0}/dealclock.toml DEAL\n  \
             dealclock status --config {0}/dealclock.toml",
            path.display()
        )),
        None => output.text(
            "\nLook further: `dealclock demo --keep DIR` keeps configuration, rules and store,\n\
             for `dealclock explain --config DIR/dealclock.toml DEAL`.\n\
             To run it yourself: `dealclock sandbox --days 10 --time lockstep`, and\n\
             `dealclock run` beside it; README.md shows how.",
        ),
    }
}

fn show_count(count: &Count<'_>, output: Output) {
    let audited = &count.audited;
    let mut rows = table(&["the auditor's count, from the CRM's own history", ""]);
    for (what, number) in [
        ("reminders due", audited.reminders_due),
        ("reminders created", audited.reminders_created),
        ("  of them twice", audited.reminders_duplicate),
        ("  missing", audited.reminders_missing),
        ("tasks completed by themselves", audited.tasks_completed),
        ("violations, by the daemon", count.violations),
        ("violations, by the auditor", audited.violations),
        ("requests for more time granted, by the daemon", count.tally.requests_for_time_granted()),
        ("requests for more time granted, by the auditor", audited.requests.granted),
        ("discounts granted, by the daemon", count.tally.discounts_granted),
        ("discounts granted, by the auditor", audited.requests.discounts_granted),
        ("  that passed two steps", count.tally.discounts_two_step),
        ("requests and discounts refused, or not decided in time", count.tally.requests_refused),
        ("  taken back before a decision", count.tally.requests_withdrawn),
        ("grants ticked by hand and set back", count.tally.tampering_reverted),
        ("reasons given", count.tally.reasons_given),
        ("digests sent", count.tally.digests_sent),
        ("reports made", count.tally.reports_made),
        ("calls to the CRM", count.calls.calls.values().sum()),
    ] {
        rows.add_row([what.to_owned(), number.to_string()]);
    }
    output.text(rows);
    for fault in audited.faults() {
        output.text(format_args!("{} {fault:?}", "wrong:".red().bold()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_several_connections_is_added_up() {
        let mut sum = json!({ "crm": "both" });
        for count in [
            json!({ "due": 3, "calls": { "a": 1, "b": 2 }, "faults": [1] }),
            json!({ "due": 4, "calls": { "b": 5 }, "faults": [2] }),
        ] {
            add(&mut sum, &count);
        }
        assert_eq!(sum, json!({ "crm": "both", "due": 7, "calls": { "a": 1, "b": 7 }, "faults": [1, 2] }));
    }
}
