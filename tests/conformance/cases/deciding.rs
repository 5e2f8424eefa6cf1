//! Deciding: fields written back, decisions read from tasks, records handed in, and notices of the CRM's own.

use dealclock_connector::PlanState;
use dealclock_model::effect::{Email, NewTask, Notification, RecordUpdate, Submission};
use dealclock_model::{EffectId, Receipt, Ruling, Value, Write};

use super::Listed;
use crate::subject::{Step, TaskEdit, Trouble};
use crate::world::{World, name, reference};

pub const CASES: &[Listed] = &[
    ("deciding", "a field of a record", |world| Box::pin(field_written(world))),
    ("deciding", "a person's field is kept", |world| Box::pin(field_kept(world))),
    ("deciding", "a decision in a task", |world| Box::pin(outcome(world))),
    ("deciding", "a record handed in, answer lost", |world| Box::pin(handed_in(world))),
    ("deciding", "notices and mails of the CRM", |world| Box::pin(told(world))),
];

fn renaming(world: &World, id: &str, seen: &str, wanted: &str) -> (EffectId, Write) {
    let named = |name: &str| [(world.subject.name_field(), Value::text(name))].into();
    let update = RecordUpdate { record: reference(id), expect: named(seen), set: named(wanted) };
    (world.reminder(id, "rename").0, Write::UpdateRecord(update))
}

async fn field_written(world: &World) {
    let id = world.add(1).remove(0);
    world.settle().await;
    let write = renaming(world, &id, "Deal 0", "Deal 0, granted");
    let receipt = world.apply(std::slice::from_ref(&write)).await.remove(0).unwrap();
    assert_eq!((receipt.found, receipt.kept.len()), (false, 0));
    assert_eq!(name(&world.record(&id).await), "Deal 0, granted");
    let again = world.apply(&[write]).await.remove(0).unwrap();
    assert!(again.found, "what holds already counts as written");
}

async fn field_kept(world: &World) {
    let id = world.add(1).remove(0);
    world.settle().await;
    world.subject.rename(&id, "A person was here");
    world.subject.pass(60);
    let receipt = world.apply(&[renaming(world, &id, "Deal 0", "Ours")]).await.remove(0).unwrap();
    assert!(!receipt.kept.is_empty(), "it says what was left alone");
    assert_eq!(name(&world.record(&id).await), "A person was here");
}

async fn outcome(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let asking = |step: &str| match world.reminder(&ids[0], step) {
        (effect, Write::CreateTask(new)) => (effect, Write::CreateTask(NewTask { asks: true, ..new })),
        other => other,
    };
    let made = world.apply(&[asking("1d"), asking("2d")]).await;
    let tasks: Vec<String> = made.into_iter().map(|made| made.unwrap().id.unwrap()).collect();
    world.subject.pass(60);
    world.subject.edit_task(&tasks[1], TaskEdit::Approve);
    world.subject.pass(60);
    let seen = world.crm.outcomes().unwrap().look(&tasks).await.unwrap();
    let said: Vec<_> = seen.iter().flatten().map(|seen| (seen.done, seen.outcome)).collect();
    assert_eq!(said, [(false, None), (true, Some(Ruling::Approve))]);
    world.subject.edit_task(&tasks[0], TaskEdit::Delete);
    world.subject.pass(60);
    assert_eq!(world.crm.outcomes().unwrap().look(&tasks[..1]).await.unwrap(), [None]);
}

async fn handed_in(world: &World) {
    let id = world.add(1).remove(0);
    world.settle().await;
    let submission = Submission {
        record: reference(&id),
        submitter: None,
        approvers: Vec::new(),
        process: None,
        comment: "Three more days, please.".to_owned(),
    };
    let write = [(world.reminder(&id, "native").0, Write::SubmitApproval(submission))];
    assert_eq!(world.crm.find(&write).await.unwrap(), [None]);
    world.subject.befall(Step::HandIn, Trouble::LostAfter);
    world.apply(&write).await.remove(0).unwrap_err();
    world.subject.heal();
    let found = world.crm.find(&write).await.unwrap().remove(0).unwrap();
    assert!(found.found, "it was handed in once, and is not again");
    let runs = world.crm.approvals().unwrap().observe(&[reference(&id)]).await.unwrap();
    assert_eq!(runs[0].iter().map(|run| run.effect).collect::<Vec<_>>(), [Some(write[0].0)]);
}

async fn told(world: &World) {
    let id = world.add(1).remove(0);
    world.settle().await;
    let provision = world.crm.provision().unwrap();
    for item in provision.plan(&[]).await.unwrap().items.iter().filter(|item| item.state == PlanState::Missing) {
        provision.make(&[], item).await.unwrap();
    }
    let to = world.subject.owner();
    let notice = Notification {
        to: to.clone(),
        title: "late ".repeat(200),
        body: "A long story. ".repeat(1_000),
        record: Some(reference(&id)),
    };
    let mail = Email { to, subject: "Your deals".to_owned(), body: "b".repeat(1 << 20), link: None, question: None };
    let writes = [
        (world.reminder(&id, "notice").0, Write::Notify(notice)),
        (world.reminder(&id, "mail").0, Write::SendCrmEmail(mail)),
    ];
    let done: Vec<Receipt> = world.apply(&writes).await.into_iter().map(Result::unwrap).collect();
    assert!(done.iter().all(|receipt| !receipt.found), "{done:?}");
    assert_eq!(world.subject.sent(), 2);
}
