//! A reminder into a task, and the little that is read back of one.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use dealclock_connector::approval::ruling;
use dealclock_model::effect::{NewTask, TaskFields, TaskStatus};
use dealclock_model::request::TaskSeen;
use dealclock_model::{EffectId, Instant};
use serde_json::{Map, Value, json};

use super::value::instant;
use crate::api::{self, task};
use crate::wire;

/// The longest HTML that we send; HubSpot takes 65,536 characters and refuses the whole task beyond.
const LONGEST_BODY: usize = 60_000;

/// The most characters of a subject: nobody reads more in a list, and an endless one is no reason to give a reminder up.
const LONGEST_SUBJECT: usize = 1_000;

/// Where a task's key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the unique property: HubSpot refuses a second task with it.
    Property,
    /// As `ref ...` at the end of the text: comments in HTML may be stripped, so it is visible.
    Body,
}

/// The input that creates a task, linked to its deal.
pub fn create(effect: &EffectId, new: &NewTask, place: KeyPlace, now: Instant) -> Value {
    let key = effect.to_string();
    let mut properties: Map<String, Value> = Map::new();
    let mut put = |name: &str, value: String| properties.insert(name.to_owned(), Value::String(value));
    put(task::DUE, iso(new.due_at));
    put(task::SUBJECT, one_line(&new.subject));
    put(task::BODY, html(&new.body, (place == KeyPlace::Body).then_some(key.as_str())));
    put(task::STATUS, task::NOT_STARTED.to_owned());
    put(task::TYPE, "TODO".to_owned());
    put(task::OWNER, new.owner.as_str().to_owned());
    if now < new.due_at {
        // A popup in the past would come at once, whatever the recipient's quiet hours.
        put(task::REMINDERS, new.due_at.timestamp_millis().to_string());
    }
    if place == KeyPlace::Property {
        put(api::KEY, key.clone());
    }
    let mut input = json!({ "properties": properties, "objectWriteTraceId": key });
    if let Some(record) = &new.record {
        input["associations"] = json!([{
            "to": { "id": record.id.as_str() },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": api::TASK_TO_DEAL }],
        }]);
    }
    input
}

/// What an update writes, and what it leaves alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatePlan {
    /// Properties to write; empty when nothing is left to do.
    pub properties: BTreeMap<&'static str, String>,
    /// What a person had changed, in words.
    pub kept: Vec<String>,
}

/// Compares a task with what we last wrote: each field is written only while it still holds that.
///
/// A field that already holds what is to be written was written by an earlier attempt whose answer was lost.
pub fn plan_update(current: &wire::Object, expect: &TaskFields, set: &TaskFields, now: Instant) -> UpdatePlan {
    let mut plan = UpdatePlan::default();
    let status = current.get(task::STATUS);
    let completed = status == Some(task::COMPLETED);
    if completed && set.status != Some(TaskStatus::Done) {
        plan.kept.push("the task was completed".to_owned());
        return plan;
    }
    if let (Some(expected), Some(wanted)) = (expect.status, set.status) {
        let holds = |wanted: TaskStatus| status.is_some_and(|status| status_is(status, wanted));
        plan.decide("the status", holds(wanted), holds(expected), || {
            vec![(task::STATUS, status_text(wanted).to_owned())]
        });
    }
    if let (Some(expected), Some(wanted)) = (&expect.owner, &set.owner) {
        let owner = current.get(task::OWNER).unwrap_or_default();
        let write = || vec![(task::OWNER, wanted.as_str().to_owned())];
        plan.decide("the owner", owner == wanted.as_str(), owner == expected.as_str(), write);
    }
    if let (Some((_, expected)), Some((_, wanted))) = (expect.due, set.due) {
        let due = current.get(task::DUE).and_then(instant).map(|at| at.timestamp_millis());
        let holds = |at: Instant| due == Some(at.timestamp_millis());
        plan.decide("the due date", holds(wanted), holds(expected), || {
            let reminder = (now < wanted).then(|| (task::REMINDERS, wanted.timestamp_millis().to_string()));
            [Some((task::DUE, iso(wanted))), reminder].into_iter().flatten().collect()
        });
    }
    if let (Some(expected), Some(wanted)) = (&expect.body, &set.body) {
        let body = current.get(task::BODY).unwrap_or_default();
        let key = reference(body).map(|key| key.to_string());
        let holds = |text: &str| words(body) == words(&html(text, key.as_deref()));
        plan.decide("the text", holds(wanted), holds(expected), || vec![(task::BODY, html(wanted, key.as_deref()))]);
    }
    plan
}

impl UpdatePlan {
    fn decide(
        &mut self,
        what: &str,
        is_done: bool,
        is_ours: bool,
        write: impl FnOnce() -> Vec<(&'static str, String)>,
    ) {
        if is_done {
            return;
        }
        if is_ours {
            self.properties.extend(write());
        } else {
            self.kept.push(format!("{what} was changed"));
        }
    }
}

/// The key of ours on a task, wherever it stands.
pub fn key_of(found: &wire::Object) -> Option<EffectId> {
    let in_property = found.get(api::KEY).and_then(|key| key.parse().ok());
    let in_trace = || found.object_write_trace_id.as_str().and_then(|key| key.parse().ok());
    in_property.or_else(|| found.get(task::BODY).and_then(reference)).or_else(in_trace)
}

/// A task as it stands; `None` for one without an id or without the time of its state.
pub fn seen(found: &wire::Object) -> Option<TaskSeen> {
    let changed = found.get(task::MODIFIED).or(found.updated_at.as_str());
    Some(TaskSeen {
        task: found.id.as_str()?.to_owned(),
        done: found.get(task::STATUS) == Some(task::COMPLETED),
        outcome: found.get(api::OUTCOME).and_then(ruling),
        owner: found.get(task::OWNER).map(Into::into),
        at: changed.and_then(instant)?,
    })
}

/// The key at the end of a task's text.
fn reference(html: &str) -> Option<EffectId> {
    let words = words(html);
    match words.as_slice() {
        [.., marker, key] if marker == "ref" => key.parse().ok(),
        _ => None,
    }
}

fn status_is(text: &str, status: TaskStatus) -> bool {
    match status {
        TaskStatus::Open => text == task::NOT_STARTED,
        TaskStatus::Done => text == task::COMPLETED,
    }
}

fn status_text(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Open => task::NOT_STARTED,
        TaskStatus::Done => task::COMPLETED,
    }
}

fn iso(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_SUBJECT) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

/// Plain text as HTML: a paragraph for each, escaped, addresses of the web as links, the key last.
fn html(text: &str, key: Option<&str>) -> String {
    let mut out = String::new();
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let lines: Vec<String> = paragraph.lines().map(line).collect();
        let html = format!("<p>{}</p>", lines.join("<br>"));
        if out.len() + html.len() > LONGEST_BODY {
            out.push_str("<p>...</p>");
            break;
        }
        out.push_str(&html);
    }
    if let Some(key) = key {
        out.push_str(&format!("<p>ref {key}</p>"));
    }
    out
}

fn line(text: &str) -> String {
    let parts: Vec<String> = text.split(' ').map(linked).collect();
    parts.join(" ")
}

fn linked(word: &str) -> String {
    let escaped = escape(word);
    if word.starts_with("https://") { format!("<a href=\"{escaped}\">{escaped}</a>") } else { escaped }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// The words that a person reads: HubSpot rewrites the HTML of a text, so only the words can be compared.
fn words(html: &str) -> Vec<String> {
    let mut text = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        text = text.replace(entity, c);
    }
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use dealclock_model::effect::Channel;
    use dealclock_model::effect::Subject;

    use super::*;
    use crate::translate::record;

    fn effect() -> EffectId {
        let record = record::reference(&"acme".into(), "42");
        let (rule, step) = ("proposal".into(), "1d".into());
        EffectId::new(&"acme".into(), &rule, Subject::Record(&record), 1, 0, &step, "owner", Channel::Task)
    }

    fn due() -> Instant {
        "2026-03-06T08:00:00Z".parse().unwrap()
    }

    fn new_task(body: &str) -> NewTask {
        NewTask {
            record: Some(record::reference(&"acme".into(), "42")),
            owner: "10".into(),
            subject: "Prepare a proposal\nfor \"Größe\" 🙂".to_owned(),
            body: body.to_owned(),
            due_date: "2026-03-06".parse().unwrap(),
            due_at: due(),
            asks: false,
        }
    }

    fn current(properties: &[(&str, &str)]) -> wire::Object {
        serde_json::from_value(
            json!({ "id": "7", "properties": properties.iter().copied().collect::<BTreeMap<_, _>>() }),
        )
        .unwrap()
    }

    #[test]
    fn a_new_task_is_linked_keyed_escaped_and_pops_up_while_that_is_ahead() {
        let body = "Why: <b>5 days</b> & more.\nSecond line.\n\nOpen https://app.example/1?a=1&b=2 now.";
        insta::assert_json_snapshot!(
            "create_keyed",
            create(&effect(), &new_task(body), KeyPlace::Property, due() - chrono::Duration::hours(1))
        );
        insta::assert_json_snapshot!(
            "create_by_reference",
            create(&effect(), &NewTask { record: None, ..new_task("Short.") }, KeyPlace::Body, due())
        );
    }

    #[test]
    fn a_text_too_long_for_hubspot_is_cut_between_paragraphs() {
        let long = "word ".repeat(1_000) + "\n\n";
        let html = html(&long.repeat(50), Some("k"));
        assert!(html.len() < 65_536 && html.ends_with("</p><p>...</p><p>ref k</p>"), "{}", html.len());
    }

    #[test]
    fn a_field_is_written_only_while_it_holds_what_we_wrote() {
        let expect = TaskFields { status: Some(TaskStatus::Open), owner: Some("10".into()), ..TaskFields::default() };
        let set = TaskFields { status: Some(TaskStatus::Done), owner: Some("11".into()), ..TaskFields::default() };
        let check = |properties: &[(&str, &str)], written: &[(&'static str, &str)], kept: &[&str]| {
            let plan = plan_update(&current(properties), &expect, &set, due());
            let written = written.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!((plan.properties, plan.kept), (written, kept.iter().map(|what| (*what).to_owned()).collect()));
        };
        let (open, done) = ((task::STATUS, "NOT_STARTED"), (task::STATUS, "COMPLETED"));
        let (ours, new, other) = ((task::OWNER, "10"), (task::OWNER, "11"), (task::OWNER, "12"));
        check(&[open, ours], &[done, new], &[]);
        check(&[done, new], &[], &[]);
        check(&[open, other], &[done], &["the owner was changed"]);
        check(&[(task::STATUS, "WAITING"), ours], &[new], &["the status was changed"]);
        check(&[done, ours], &[new], &[]);
        check(&[open], &[done], &["the owner was changed"]);
    }

    #[test]
    fn a_completed_task_is_left_alone() {
        let later = due() + chrono::Duration::days(2);
        let date = "2026-03-06".parse().unwrap();
        let expect = TaskFields { due: Some((date, due())), ..TaskFields::default() };
        let set = TaskFields { due: Some((date, later)), ..TaskFields::default() };
        let open = [(task::STATUS, "NOT_STARTED"), (task::DUE, "2026-03-06T08:00:00Z")];
        let plan = plan_update(&current(&open), &expect, &set, due());
        assert_eq!(plan.properties[task::DUE], "2026-03-08T08:00:00.000Z");
        assert_eq!(plan.properties[task::REMINDERS], later.timestamp_millis().to_string());
        let done = [(task::STATUS, "COMPLETED"), (task::DUE, "2026-03-06T08:00:00Z")];
        let plan = plan_update(&current(&done), &expect, &set, due());
        assert_eq!((plan.properties.len(), plan.kept.as_slice()), (0, &["the task was completed".to_owned()][..]));
    }

    #[test]
    fn a_text_is_compared_by_its_words_and_keeps_its_reference() {
        let body = |text: &str| TaskFields { body: Some(text.to_owned()), ..TaskFields::default() };
        let key = effect().to_string();
        let rewritten = format!("<div><p>One &amp; two</p>\n<p>ref&nbsp;{key}</p></div>");
        let plan =
            plan_update(&current(&[(task::BODY, &rewritten)]), &body("One & two"), &body("One, two, three"), due());
        assert_eq!(plan.properties[task::BODY], format!("<p>One, two, three</p><p>ref {key}</p>"));
        let edited = plan_update(&current(&[(task::BODY, "<p>Mine</p>")]), &body("One & two"), &body("x"), due());
        assert_eq!(edited.kept, ["the text was changed"]);
    }

    #[test]
    fn a_key_is_found_in_the_property_or_at_the_end_of_the_text() {
        let key = effect().to_string();
        assert_eq!(key_of(&current(&[(api::KEY, &key)])), Some(effect()));
        assert_eq!(key_of(&current(&[(task::BODY, &html("a", Some(&key)))])), Some(effect()));
        assert_eq!(key_of(&current(&[(task::BODY, &format!("<p>{key} is not last</p>"))])), None);
        assert_eq!(key_of(&current(&[(api::KEY, "someone else's")])), None);
    }
}
