//! A write into what the program is asked for, and its receipt back.

use dealclock_model::effect::{Email, NewTask, Notification, RecordUpdate, TaskFields, TaskUpdate};
use dealclock_model::{EffectId, Receipt, RecordRef, Write};

use super::value::json;
use crate::wire::{self, question};

/// The write on the line; `None` for one that no CRM carries out.
pub fn write(key: EffectId, write: &Write) -> Option<question::Write> {
    let what = match write {
        Write::CreateTask(new) => question::What::CreateTask(new_task(new)),
        Write::UpdateTask(update) => question::What::UpdateTask(task_update(update)),
        Write::UpdateRecord(update) => question::What::UpdateRecord(record_update(update)),
        Write::Notify(notice) => question::What::Notify(self::notice(notice)),
        Write::SendCrmEmail(mail) => question::What::SendMail(self::mail(mail)),
        Write::SendEmail(_) | Write::SubmitApproval(_) => return None,
    };
    Some(question::Write { key, what })
}

/// The receipt. A creation without the id of what it made is no proof.
pub fn receipt(sent: wire::Receipt, is_creation: bool) -> Option<Receipt> {
    let id = sent.id.filter(|id| !id.is_empty());
    (id.is_some() || !is_creation).then_some(Receipt { id, found: sent.found, kept: sent.kept })
}

/// Names a record on the line.
pub fn named(record: &RecordRef) -> question::Named {
    question::Named { object: record.object, id: record.id.to_string() }
}

fn new_task(new: &NewTask) -> question::NewTask {
    question::NewTask {
        record: new.record.as_ref().map(named),
        owner: new.owner.to_string(),
        subject: new.subject.clone(),
        body: new.body.clone(),
        due_date: new.due_date,
        due_at: new.due_at,
        asks: new.asks,
    }
}

fn notice(notice: &Notification) -> question::Notice {
    question::Notice {
        to: notice.to.to_string(),
        title: notice.title.clone(),
        body: notice.body.clone(),
        record: notice.record.as_ref().map(named),
    }
}

fn mail(mail: &Email) -> question::Mail {
    question::Mail {
        to: mail.to.to_string(),
        subject: mail.subject.clone(),
        body: mail.body.clone(),
        link: mail.link.clone(),
    }
}

fn task_update(update: &TaskUpdate) -> question::TaskUpdate {
    question::TaskUpdate {
        task: update.task.clone(),
        expect: task_fields(&update.expect),
        set: task_fields(&update.set),
    }
}

fn task_fields(fields: &TaskFields) -> question::TaskFields {
    question::TaskFields {
        status: fields.status,
        owner: fields.owner.as_ref().map(ToString::to_string),
        due_date: fields.due.map(|(date, _)| date),
        due_at: fields.due.map(|(_, at)| at),
        body: fields.body.clone(),
    }
}

fn record_update(update: &RecordUpdate) -> question::RecordUpdate {
    let plain = |fields: &std::collections::BTreeMap<dealclock_model::FieldName, dealclock_model::Value>| {
        fields.iter().map(|(name, value)| (name.to_string(), json(value))).collect()
    };
    question::RecordUpdate { record: named(&update.record), expect: plain(&update.expect), set: plain(&update.set) }
}
