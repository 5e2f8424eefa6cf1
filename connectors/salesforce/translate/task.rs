//! A reminder into a task, and what an update of one may write.

use dealclock_model::effect::{NewTask, TaskFields, TaskStatus};
use dealclock_model::{EffectId, Instant};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::value::{date, iso};
use crate::api::{KEY, TASK, common, task};
use crate::ids;
use crate::schema::Statuses;
use crate::wire::Row;

/// Most characters of a subject.
const LONGEST_SUBJECT: usize = 255;

/// Most characters of a text.
const LONGEST_TEXT: usize = 32_000;

/// A task to create, as a record of a collection.
#[derive(Clone, Debug, Serialize)]
pub struct Creation {
    attributes: Attributes,
    #[serde(flatten)]
    fields: Map<String, Json>,
}

#[derive(Clone, Debug, Serialize)]
struct Attributes {
    #[serde(rename = "type")]
    object: &'static str,
}

/// The record that creates a task, linked to its opportunity.
///
/// The due date is a [plain date](https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm)
/// that no zone may shift; the popup is an instant.
pub fn create(effect: &EffectId, new: &NewTask, statuses: &Statuses, now: Instant) -> Creation {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Json| fields.insert(name.to_owned(), value);
    put(task::SUBJECT, cut(&one_line(&new.subject), LONGEST_SUBJECT).into());
    put(task::TEXT, cut(&plain(&new.body), LONGEST_TEXT).into());
    put(task::STATUS, statuses.open.as_str().into());
    put(common::OWNER, new.owner.as_str().into());
    put(task::DUE, new.due_date.to_string().into());
    if now < new.due_at {
        // A popup in the past would come at once, whatever the recipient's quiet hours.
        put(task::IS_REMINDER_SET, true.into());
        put(task::REMINDER, iso(new.due_at).into());
    }
    if let Some(record) = &new.record {
        put(task::ABOUT, record.id.as_str().into());
    }
    put(KEY, effect.to_string().into());
    Creation { attributes: Attributes { object: TASK }, fields }
}

/// What an update writes, and what it leaves alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdatePlan {
    /// Fields to write; empty when nothing is left to do.
    pub fields: Map<String, Json>,
    /// What a person had changed, in words.
    pub kept: Vec<String>,
}

/// The fields of a task that an update compares.
pub const COMPARED: &[&str] = &[
    common::ID,
    common::IS_DELETED,
    common::MODIFIED,
    common::OWNER,
    task::STATUS,
    task::IS_CLOSED,
    task::DUE,
    task::TEXT,
];

/// Compares a task with what we last wrote: each field is written only while it still holds that.
///
/// A field that already holds what is to be written was written by an earlier attempt whose answer was lost.
pub fn plan_update(
    current: &Row<'_>,
    expect: &TaskFields,
    set: &TaskFields,
    statuses: &Statuses,
    now: Instant,
) -> UpdatePlan {
    let mut plan = UpdatePlan::default();
    let is_done = current.flag(task::IS_CLOSED);
    if is_done && set.status != Some(TaskStatus::Done) {
        plan.kept.push("the task was completed".to_owned());
        return plan;
    }
    if let (Some(expected), Some(wanted)) = (expect.status, set.status) {
        // Whatever else a person chose, such as waiting for someone, is theirs.
        let holds = |status| match status {
            TaskStatus::Open => current.text(task::STATUS) == Some(&statuses.open),
            TaskStatus::Done => is_done,
        };
        plan.decide(
            "the status",
            holds(wanted),
            holds(expected),
            [(task::STATUS, status_text(wanted, statuses).into())],
        );
    }
    if let (Some(expected), Some(wanted)) = (&expect.owner, &set.owner) {
        let holds = |owner: &str| ids::same(current.text(common::OWNER).unwrap_or_default(), owner);
        let write = [(common::OWNER, wanted.as_str().into())];
        plan.decide("the owner", holds(wanted.as_str()), holds(expected.as_str()), write);
    }
    if let (Some((expected, _)), Some((wanted, at))) = (expect.due, set.due) {
        let due = current.text(task::DUE).and_then(date);
        let popup = match now < at {
            true => vec![(task::IS_REMINDER_SET, true.into()), (task::REMINDER, iso(at).into())],
            false => Vec::new(),
        };
        let write = std::iter::once((task::DUE, wanted.to_string().into())).chain(popup);
        plan.decide("the due date", due == Some(wanted), due == Some(expected), write);
    }
    if let (Some(expected), Some(wanted)) = (&expect.body, &set.body) {
        let text = current.text(task::TEXT).unwrap_or_default();
        let stored = |body: &str| cut(&plain(body), LONGEST_TEXT);
        let holds = |body: &str| text.split_whitespace().eq(stored(body).split_whitespace());
        plan.decide("the text", holds(wanted), holds(expected), [(task::TEXT, stored(wanted).into())]);
    }
    plan
}

impl UpdatePlan {
    fn decide(
        &mut self,
        what: &str,
        is_done: bool,
        is_ours: bool,
        write: impl IntoIterator<Item = (&'static str, Json)>,
    ) {
        if is_done {
            return;
        }
        if is_ours {
            self.fields.extend(write.into_iter().map(|(name, value)| (name.to_owned(), value)));
        } else {
            self.kept.push(format!("{what} was changed"));
        }
    }
}

/// The key of ours on a task.
pub fn key_of(row: &Row<'_>) -> Option<EffectId> {
    row.text(KEY)?.parse().ok()
}

fn status_text(status: TaskStatus, statuses: &Statuses) -> &str {
    match status {
        TaskStatus::Open => &statuses.open,
        TaskStatus::Done => &statuses.done,
    }
}

/// Text on one line.
pub fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text without the control characters that Salesforce's JSON parser refuses.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// At most so many characters; Salesforce counts UTF-16 units, and refuses a longer text as a whole.
pub fn cut(text: &str, longest: usize) -> String {
    const MARK: &str = "...";
    if text.encode_utf16().count() <= longest {
        return text.to_owned();
    }
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units + MARK.len() <= longest
    };
    text.chars().take_while(fits).chain(MARK.chars()).collect()
}

#[cfg(test)]
mod tests {
    use dealclock_model::effect::{Channel, Subject};

    use super::*;
    use crate::translate::record;

    fn effect() -> EffectId {
        let record = record::reference(&"acme".into(), "006A");
        let (rule, step) = ("proposal".into(), "1d".into());
        EffectId::new(&"acme".into(), &rule, Subject::Record(&record), 1, 0, &step, "owner", Channel::Task)
    }

    fn due() -> Instant {
        "2026-03-06T08:00:00Z".parse().unwrap()
    }

    fn new_task() -> NewTask {
        NewTask {
            record: Some(record::reference(&"acme".into(), "006A")),
            owner: "005A".into(),
            subject: "Prepare a proposal\nfor \"Größe\" 🙂".to_owned(),
            body: "Why: <b>5 days</b> & more.\u{0}\n\nOpen https://app.example/1?a=1&b=2 now.".to_owned(),
            due_date: "2026-03-06".parse().unwrap(),
            due_at: due(),
            asks: false,
        }
    }

    fn current(json: &str) -> Row<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_new_task_is_linked_keyed_and_pops_up_while_that_is_ahead() {
        let statuses = Statuses::default();
        insta::assert_json_snapshot!(
            "create",
            create(&effect(), &new_task(), &statuses, due() - chrono::Duration::hours(1))
        );
        let late = NewTask { record: None, ..new_task() };
        insta::assert_json_snapshot!("create_late", create(&effect(), &late, &statuses, due()));
    }

    #[test]
    fn a_text_too_long_for_salesforce_is_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo...");
        assert_eq!(cut("🙂🙂🙂", 5), "🙂...", "each of these counts twice");
        let subject = NewTask { subject: "ü".repeat(300), ..new_task() };
        let created = create(&effect(), &subject, &Statuses::default(), due());
        let subject = created.fields[task::SUBJECT].as_str().unwrap();
        assert!(subject.ends_with("ü...") && subject.chars().count() == LONGEST_SUBJECT);
    }

    fn done() -> (TaskFields, TaskFields) {
        let expect = TaskFields { status: Some(TaskStatus::Open), owner: Some("005A".into()), ..TaskFields::default() };
        let set = TaskFields { status: Some(TaskStatus::Done), owner: Some("005B".into()), ..TaskFields::default() };
        (expect, set)
    }

    #[test]
    fn a_field_is_written_only_while_it_holds_what_we_wrote() {
        let (expect, set) = done();
        let check = |json: &str, written: &[(&str, &str)], kept: &[&str]| {
            let plan = plan_update(&current(json), &expect, &set, &Statuses::default(), due());
            let written = written.iter().map(|(name, value)| ((*name).to_owned(), Json::from(*value))).collect();
            let kept = kept.iter().map(|what| (*what).to_owned()).collect();
            assert_eq!(plan, UpdatePlan { fields: written, kept }, "{json}");
        };
        let (status, owner) = ((task::STATUS, "Completed"), (common::OWNER, "005B"));
        check(r#"{"Status":"Not Started","OwnerId":"005A"}"#, &[status, owner], &[]);
        check(r#"{"Status":"Completed","IsClosed":true,"OwnerId":"005B"}"#, &[], &[]);
        check(r#"{"Status":"Abgeschlossen","IsClosed":true,"OwnerId":"005A"}"#, &[owner], &[]);
        check(r#"{"Status":"Waiting on someone else","OwnerId":"005A"}"#, &[owner], &["the status was changed"]);
        check(r#"{"Status":"Not Started","OwnerId":"005C"}"#, &[status], &["the owner was changed"]);
    }

    #[test]
    fn a_completed_task_is_left_alone_and_a_due_date_moves_with_its_popup() {
        let later = due() + chrono::Duration::days(2);
        let expect = TaskFields { due: Some(("2026-03-06".parse().unwrap(), due())), ..TaskFields::default() };
        let set = TaskFields { due: Some(("2026-03-08".parse().unwrap(), later)), ..TaskFields::default() };
        let plan = |json: &str| plan_update(&current(json), &expect, &set, &Statuses::default(), due());
        let moved = plan(r#"{"Status":"Not Started","ActivityDate":"2026-03-06"}"#).fields;
        assert_eq!(
            (&moved[task::DUE], &moved[task::REMINDER]),
            (&"2026-03-08".into(), &"2026-03-08T08:00:00.000Z".into())
        );
        assert_eq!(plan(r#"{"ActivityDate":"2026-03-20"}"#).kept, ["the due date was changed"]);
        let done = plan(r#"{"IsClosed":true,"ActivityDate":"2026-03-06"}"#);
        assert_eq!((done.fields.len(), done.kept), (0, vec!["the task was completed".to_owned()]));
    }

    #[test]
    fn a_text_is_compared_by_its_words() {
        let body = |text: &str| TaskFields { body: Some(text.to_owned()), ..TaskFields::default() };
        let plan = |text: &str| {
            let json = serde_json::json!({ "Description": text }).to_string();
            plan_update(&current(&json), &body("One\n\ntwo"), &body("Three"), &Statuses::default(), due())
        };
        assert_eq!(plan("One\r\n\r\ntwo ").fields[task::TEXT], "Three");
        assert_eq!(plan("Mine").kept, ["the text was changed"]);
        assert_eq!(plan("Three"), UpdatePlan::default());
    }
}
