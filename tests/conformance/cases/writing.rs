//! Writing: every reminder appears once, and what a person did is left alone.

use dealclock_model::effect::{NewTask, TaskFields, TaskStatus, TaskUpdate};
use dealclock_model::{EffectId, Write};

use super::Listed;
use crate::subject::TaskEdit;
use crate::world::{World, reference};

pub const CASES: &[Listed] = &[
    ("writing", "a batch of tasks", |world| Box::pin(batch(world))),
    ("writing", "the same task again", |world| Box::pin(again(world))),
    ("writing", "a deleted task is not made again", |world| Box::pin(deleted(world))),
    ("writing", "a completed task is not reopened", |world| Box::pin(completed(world))),
    ("writing", "a person's edit is kept", |world| Box::pin(edited(world))),
    ("writing", "keys read back after a lost store", |world| Box::pin(written(world))),
    ("writing", "Unicode in a task", |world| Box::pin(unicode(world))),
    ("writing", "1 MB in a task", |world| Box::pin(long_text(world))),
];

async fn batch(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let writes = world.reminders(&ids[0], world.subject.batch() + 1);
    let receipts = world.apply(&writes).await;
    assert!(receipts.iter().all(|receipt| receipt.as_ref().is_ok_and(|receipt| receipt.id.is_some())), "{receipts:?}");
    world.assert_once(&writes);
}

async fn again(world: &mut World) {
    let ids = world.add(1);
    world.settle().await;
    let writes = world.reminders(&ids[0], 3);
    let first = world.apply(&writes).await;
    world.restart();
    world.crm.check().await.unwrap();
    for (once, twice) in first.iter().zip(world.apply(&writes).await) {
        let (once, twice) = (once.as_ref().unwrap(), twice.unwrap());
        assert_eq!((&once.id, once.found, twice.found), (&twice.id, false, true));
    }
    world.assert_once(&writes);
}

async fn deleted(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let writes = world.reminders(&ids[0], 2);
    let made = world.apply(&writes).await;
    let task = made[0].as_ref().unwrap().id.clone().unwrap();
    world.subject.edit_task(&task, TaskEdit::Delete);
    world.subject.pass(60);
    let found = world.crm.find(&writes).await.unwrap();
    assert!(found.iter().all(Option::is_some), "a task that a person deleted was made once");
    assert_eq!(found[0].as_ref().unwrap().id.as_ref(), Some(&task));
}

fn closing(effect: EffectId, task: &str) -> (EffectId, Write) {
    let status = |status| TaskFields { status: Some(status), ..TaskFields::default() };
    let update = TaskUpdate { task: task.to_owned(), expect: status(TaskStatus::Open), set: status(TaskStatus::Done) };
    (effect, Write::UpdateTask(update))
}

fn reopening(effect: EffectId, task: &str) -> (EffectId, Write) {
    let status = |status| TaskFields { status: Some(status), ..TaskFields::default() };
    let update = TaskUpdate { task: task.to_owned(), expect: status(TaskStatus::Open), set: status(TaskStatus::Open) };
    (effect, Write::UpdateTask(update))
}

async fn completed(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let writes = world.reminders(&ids[0], 2);
    let made = world.apply(&writes).await;
    let task = |number: usize| made[number].as_ref().unwrap().id.clone().unwrap();
    // We close the first; a person closes the second.
    let (close, _) = world.reminder(&ids[0], "close");
    let first = world.apply(&[closing(close, &task(0))]).await.remove(0).unwrap();
    assert_eq!(first.kept, Vec::<String>::new());
    let again = world.apply(&[closing(close, &task(0))]).await.remove(0).unwrap();
    assert!(again.found, "what holds already counts as written");
    world.subject.edit_task(&task(1), TaskEdit::Complete);
    world.subject.pass(60);
    let kept = world.apply(&[reopening(close, &task(1))]).await.remove(0).unwrap().kept;
    assert!(!kept.is_empty(), "it says what was left alone");
    world.deliver(&writes).await;
    let tasks = world.subject.tasks();
    assert!(tasks.iter().filter(|task| task.key.is_some()).all(|task| task.is_done), "{tasks:?}");
}

async fn edited(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let writes = world.reminders(&ids[0], 2);
    let made = world.apply(&writes).await;
    let task = |number: usize| made[number].as_ref().unwrap().id.clone().unwrap();
    world.subject.edit_task(&task(0), TaskEdit::Reword);
    world.subject.pass(60);
    let Write::CreateTask(NewTask { body, .. }) = &writes[0].1 else { panic!("a creation") };
    let fields = |body: &str| TaskFields { body: Some(body.to_owned()), ..TaskFields::default() };
    let update = |number| {
        let update = TaskUpdate { task: task(number), expect: fields(body), set: fields("Four days are left.") };
        (world.reminder(&ids[0], &format!("update {number}")).0, Write::UpdateTask(update))
    };
    let receipts = world.apply(&[update(0), update(1)]).await;
    assert!(!receipts[0].as_ref().unwrap().kept.is_empty(), "{receipts:?}");
    assert!(receipts[1].as_ref().unwrap().kept.is_empty(), "{receipts:?}");
    let bodies: Vec<String> = (0..2).map(|number| world.tasks_of(writes[number].0)[0].body.clone()).collect();
    assert!(bodies[0].contains("reworded"), "{bodies:?}");
    assert!(bodies[1].contains("Four days"), "{bodies:?}");
}

async fn written(world: &World) {
    let ids = world.add(3);
    world.settle().await;
    let writes = [world.reminder(&ids[0], "1d"), world.reminder(&ids[0], "2d"), world.reminder(&ids[2], "1d")];
    let made = world.apply(&writes).await;
    let asked: Vec<_> = ids.iter().map(|id| reference(id)).collect();
    let mut found = world.crm.written(&asked).await.unwrap();
    for keys in &mut found {
        keys.sort();
    }
    let mut expected = vec![Vec::new(), Vec::new(), Vec::new()];
    for ((place, (effect, _)), receipt) in [0, 0, 2].into_iter().zip(&writes).zip(&made) {
        expected[place].push((*effect, receipt.as_ref().unwrap().id.clone().unwrap()));
    }
    for keys in &mut expected {
        keys.sort();
    }
    assert_eq!(found, expected);
}

async fn unicode(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let (effect, write) = world.reminder(&ids[0], "1d");
    let Write::CreateTask(mut new) = write else { panic!("a creation") };
    new.subject = "Größe 🚀 عقد <b> & \"so\"".to_owned();
    new.body = "日本の商談\n\nzweite Zeile: €".to_owned();
    let subject = new.subject.clone();
    world.apply(&[(effect, Write::CreateTask(new))]).await.remove(0).unwrap();
    let task = world.tasks_of(effect).remove(0);
    assert_eq!(task.subject, subject);
    assert!(task.body.contains("日本の商談") && task.body.contains("zweite Zeile: €"), "{}", task.body);
}

async fn long_text(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let mut writes = world.reminders(&ids[0], 3);
    let Write::CreateTask(new) = &mut writes[1].1 else { panic!("a creation") };
    new.body = "A long story. ".repeat((1 << 20) / 14);
    new.subject = "s".repeat(1 << 20);
    world.deliver(&writes).await;
    // However much of the text a CRM takes: the reminder appears, and the others with it.
    world.assert_once(&writes);
}
