//! One run of an approval process, put together from its instance, its steps and its open items.

use std::collections::HashMap;

use dealclock_connector::{NativeApproval, Standing, WorkItem};
use dealclock_model::{EffectId, Instant, PersonId, RecordRef};

use crate::api::common;
use crate::ids;
use crate::translate::value;
use crate::wire::approval::Outcome;
use crate::wire::{Page, Row};

/// The most bytes of a comment.
const COMMENT: usize = 4_000;

/// What stands before the effect's id in a comment.
const MARK: &str = "[dealclock ";

/// The child relationship of steps and open items together.
const STEPS: &str = "StepsAndWorkitems";

/// The runs of some records.
#[derive(Default)]
pub(crate) struct Runs {
    instances: Vec<Instance>,
    items: HashMap<String, Vec<WorkItem>>,
}

struct Instance {
    id: String,
    record: String,
    status: Option<String>,
    last_actor: Option<PersonId>,
    created: Instant,
    completed: Option<Instant>,
    steps: Vec<Step>,
    more_steps: Option<String>,
}

struct Step {
    status: String,
    actor: Option<PersonId>,
    comment: Option<String>,
}

impl Runs {
    /// Adds an instance with the steps that came with it.
    pub(crate) fn add(&mut self, row: &Row<'_>) {
        let (Some(record), Some(created)) = (row.text("TargetObjectId"), instant(row, common::CREATED)) else { return };
        self.instances.push(Instance {
            id: ids::long(row.id()),
            record: ids::long(record),
            status: row.text("Status").map(str::to_owned),
            last_actor: row.text("LastActorId").map(person),
            created,
            completed: instant(row, "CompletedDate"),
            steps: row.children(STEPS).map(step).collect(),
            more_steps: row.more_children(STEPS).map(str::to_owned),
        });
    }

    /// Adds an open item.
    pub(crate) fn add_item(&mut self, row: &Row<'_>) {
        let (Some(instance), Some(actor)) = (row.text("ProcessInstanceId"), row.text("ActorId")) else { return };
        let item = WorkItem { id: ids::long(row.id()), actor: person(actor) };
        self.items.entry(ids::long(instance)).or_default().push(item);
    }

    /// An instance with more steps than came with it, and where they are.
    pub(crate) fn unread_steps(&mut self) -> Option<(String, String)> {
        self.instances.iter_mut().find_map(|instance| Some((instance.id.clone(), instance.more_steps.take()?)))
    }

    /// Adds the steps of a further page.
    pub(crate) fn add_steps(&mut self, instance: &str, page: &Page<'_>) {
        if let Some(instance) = self.instances.iter_mut().find(|known| known.id == instance) {
            instance.steps.extend(page.records.iter().map(step));
            // An empty page that has a successor would be followed for ever.
            instance.more_steps = page.next_records_url.clone().filter(|_| !page.records.is_empty());
        }
    }

    /// The runs of a record, the newest first.
    pub(crate) fn of(&self, record: &RecordRef) -> Vec<NativeApproval> {
        let of_record = |instance: &&Instance| ids::same(&instance.record, record.id.as_str());
        let mut runs: Vec<NativeApproval> =
            self.instances.iter().filter(of_record).map(|instance| self.run(instance, record)).collect();
        runs.sort_by(|left, right| (right.submitted_at, &right.id).cmp(&(left.submitted_at, &left.id)));
        runs
    }

    fn run(&self, instance: &Instance, record: &RecordRef) -> NativeApproval {
        let standing = standing(instance.status.as_deref(), instance.completed.is_some());
        let is_open = standing == Standing::Pending;
        let decided = instance.steps.iter().rev().find(|step| matches!(step.status.as_str(), "Approved" | "Rejected"));
        let decided_by = decided.and_then(|step| step.actor.clone());
        NativeApproval {
            id: instance.id.clone(),
            record: record.clone(),
            effect: instance.steps.iter().find_map(|step| marked(step.comment.as_deref()?)),
            standing,
            waiting: self.items.get(&instance.id).filter(|_| is_open).cloned().unwrap_or_default(),
            decided_by: decided_by.or_else(|| instance.last_actor.clone().filter(|_| !is_open)),
            comment: instance.steps.iter().rev().find_map(|step| step.comment.clone()),
            submitted_at: instance.created,
            completed_at: instance.completed.filter(|_| !is_open),
        }
    }
}

/// How a run stands by its status; a status that is neither open nor a decision counts by whether the run has ended.
pub(crate) fn standing(status: Option<&str>, has_ended: bool) -> Standing {
    match status {
        Some("Approved") => Standing::Approved,
        Some("Rejected") => Standing::Rejected,
        Some("Removed") => Standing::Recalled,
        Some(_) | None if has_ended => Standing::Recalled,
        Some(_) | None => Standing::Pending,
    }
}

/// The decisions that an answer says are open.
pub(crate) fn opened(outcome: &Outcome) -> Vec<WorkItem> {
    let items = outcome.new_workitem_ids.iter().flatten();
    let actors = outcome.actor_ids.iter().flatten();
    items.zip(actors).map(|(item, actor)| WorkItem { id: ids::long(item), actor: person(actor) }).collect()
}

/// A comment that bears the effect's id, by which the run is known again.
pub(crate) fn mark(comment: &str, id: &EffectId) -> String {
    let mark = format!("{MARK}{id}]");
    let comment = cut(comment, COMMENT - mark.len() - 1);
    if comment.is_empty() { mark } else { format!("{comment}\n{mark}") }
}

/// A comment that fits.
pub(crate) fn shorten(comment: &str) -> &str {
    cut(comment, COMMENT)
}

/// The effect that a comment bears.
fn marked(comment: &str) -> Option<EffectId> {
    let (_, rest) = comment.rsplit_once(MARK)?;
    rest.split_once(']')?.0.parse().ok()
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn step(row: &Row<'_>) -> Step {
    Step {
        status: row.text("StepStatus").unwrap_or_default().to_owned(),
        actor: row.text("ActorId").map(person),
        comment: row.text("Comments").map(str::to_owned),
    }
}

fn person(id: &str) -> PersonId {
    PersonId::from(ids::long(id))
}

fn instant(row: &Row<'_>, field: &str) -> Option<Instant> {
    row.text(field).and_then(value::instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFECT: &str = "0123456789abcdef0123-e1-r2-0123456789ab";

    fn record() -> RecordRef {
        RecordRef {
            connection: "acme".into(),
            object: dealclock_model::Object::Opportunity,
            id: "006D000000CpOSyIAN".into(),
        }
    }

    fn runs(instances: &str, items: &str) -> Vec<NativeApproval> {
        let instances = format!(r#"{{"records":[{instances}]}}"#);
        let items = format!(r#"{{"records":[{items}]}}"#);
        let instances: Page<'_> = serde_json::from_str(&instances).unwrap();
        let items: Page<'_> = serde_json::from_str(&items).unwrap();
        let mut runs = Runs::default();
        instances.records.iter().for_each(|row| runs.add(row));
        items.records.iter().for_each(|row| runs.add_item(row));
        runs.of(&record())
    }

    fn instance(id: &str, status: &str, completed: &str, steps: &str) -> String {
        format!(
            r#"{{"Id":"{id}","Status":"{status}","TargetObjectId":"006D000000CpOSyIAN",
            "CreatedDate":"2026-01-05T09:12:44.000+0000","CompletedDate":{completed},"LastActorId":"005000000000001AAA",
            "StepsAndWorkitems":{{"totalSize":1,"done":true,"records":[{steps}]}}}}"#
        )
    }

    #[test]
    fn a_pending_run_waits_for_its_items_and_is_known_by_its_mark() {
        let step = format!(
            r#"{{"StepStatus":"Started","ActorId":"005000000000001AAA","Comments":"please\n{MARK}{EFFECT}]"}}"#
        );
        let item = r#"{"Id":"04i000000000001","ActorId":"005000000000002","ProcessInstanceId":"04g000000000001AAA"}"#;
        let step = step.replace('\n', "\\n");
        let read = runs(&instance("04g000000000001AAA", "Pending", "null", &step), item);
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].standing, read[0].decided_by.clone()), (Standing::Pending, None));
        assert_eq!(read[0].effect, Some(EFFECT.parse().unwrap()));
        let waiting = WorkItem { id: "04i000000000001AAA".into(), actor: "005000000000002AAA".into() };
        assert_eq!(read[0].waiting, [waiting]);
    }

    #[test]
    fn a_decided_run_says_who_decided_and_what_they_said() {
        let steps = r#"{"StepStatus":"Started","ActorId":"005000000000001AAA","Comments":"please"},
            {"StepStatus":"Rejected","ActorId":"005000000000002AAA","Comments":"no"}"#;
        let read = runs(&instance("04g000000000001AAA", "Rejected", r#""2026-01-06T09:12:44.000+0000""#, steps), "");
        assert_eq!((read[0].standing, read[0].comment.as_deref()), (Standing::Rejected, Some("no")));
        assert_eq!(read[0].decided_by, Some("005000000000002AAA".into()));
        assert_eq!(read[0].completed_at, Some("2026-01-06T09:12:44Z".parse().unwrap()));
        assert_eq!(read[0].effect, None);
    }

    #[test]
    fn further_steps_are_followed_until_a_page_holds_none() {
        let first = instance("04g000000000001AAA", "Pending", "null", "")
            .replace(r#""done":true"#, r#""done":false,"nextRecordsUrl":"/1""#);
        let mut runs = Runs::default();
        runs.add(&serde_json::from_str(&first).unwrap());
        let mut follow = |page: &str| {
            let (instance, link) = runs.unread_steps()?;
            runs.add_steps(&instance, &serde_json::from_str(page).unwrap());
            Some(link)
        };
        let step = r#"{"StepStatus":"Started","ActorId":"005000000000001AAA"}"#;
        let one = format!(r#"{{"records":[{step}],"nextRecordsUrl":"/2"}}"#);
        assert_eq!(follow(&one).as_deref(), Some("/1"));
        assert_eq!(follow(r#"{"records":[],"nextRecordsUrl":"/2"}"#).as_deref(), Some("/2"));
        assert_eq!(follow("{}"), None, "an empty page is the last one");
    }

    #[test]
    fn every_status_means_something() {
        let check = |status, has_ended, expected| assert_eq!(standing(status, has_ended), expected, "{status:?}");
        check(Some("Approved"), true, Standing::Approved);
        check(Some("Rejected"), true, Standing::Rejected);
        check(Some("Removed"), true, Standing::Recalled);
        check(Some("Fault"), true, Standing::Recalled);
        for open in ["Pending", "Started", "Held", "Reassigned", "NoResponse"] {
            check(Some(open), false, Standing::Pending);
        }
        check(None, false, Standing::Pending);
    }

    #[test]
    fn a_mark_survives_the_longest_comment() {
        let id: EffectId = EFFECT.parse().unwrap();
        for comment in [String::new(), "please".to_owned(), "ä".repeat(5_000)] {
            let comment = mark(&comment, &id);
            assert!(comment.len() <= COMMENT, "{}", comment.len());
            assert_eq!(marked(&comment), Some(id));
        }
        assert_eq!(marked("[dealclock 12]"), None);
    }
}
