//! What a scenario shows: writes as acts that a person would see, and what the CRM says of requests.

use dealclock_model::case::{RecordCase, TamperingState};
use dealclock_model::effect::{Channel, TaskFields, TaskStatus};
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{CaseId, Effect, PersonId, Write};

use super::crm::Crm;
use super::script::Act;

/// What a write that was carried out shows.
pub(super) fn acts(effect: &Effect) -> Vec<Act> {
    let step = effect.step.to_string();
    let digest = |to: &PersonId, via, subject: &str, body: &str| {
        let urgent = step.starts_with("urgent");
        Act::Digest { to: to.to_string(), urgent, via, text: format!("{subject}\n\n{body}") }
    };
    match (&effect.case, &effect.write) {
        (CaseId::Digest { .. }, Write::CreateTask(task)) => {
            vec![digest(&task.owner, Channel::Task, &task.subject, &task.body)]
        }
        (CaseId::Digest { .. }, Write::SendEmail(mail)) => {
            vec![digest(&mail.to, Channel::Email, &mail.subject, &mail.body)]
        }
        (CaseId::Digest { .. }, Write::SendCrmEmail(mail)) => {
            vec![digest(&mail.to, Channel::CrmEmail, &mail.subject, &mail.body)]
        }
        (CaseId::Digest { .. }, Write::Notify(notice)) => {
            vec![digest(&notice.to, Channel::Notification, &notice.title, &notice.body)]
        }
        (_, Write::CreateTask(task)) if task.record.is_none() => vec![Act::List { to: task.owner.to_string() }],
        (_, Write::CreateTask(task)) => vec![Act::Task { step, to: task.owner.to_string(), due: task.due_date }],
        (_, Write::SendEmail(mail) | Write::SendCrmEmail(mail)) => vec![Act::Mail { step, to: mail.to.to_string() }],
        (_, Write::Notify(notice)) => vec![Act::Notified { to: notice.to.to_string() }],
        (_, Write::SubmitApproval(submission)) => {
            vec![Act::HandedIn { to: submission.approvers.iter().map(ToString::to_string).collect() }]
        }
        (_, Write::UpdateRecord(update)) => {
            let fields = update.set.iter();
            fields.map(|(field, value)| Act::Field { field: field.to_string(), value: value.clone() }).collect()
        }
        (_, Write::UpdateTask(update)) => changes(&step, &update.set),
    }
}

/// What a change of a task shows, under the step that the task is about.
fn changes(step: &str, set: &TaskFields) -> Vec<Act> {
    let step = step.rsplit_once('/').map_or(step, |(base, _)| base);
    let TaskFields { status, owner, due, body: _ } = set;
    let done = (*status == Some(TaskStatus::Done)).then(|| Act::Done { step: step.to_owned() });
    let handed = owner.as_ref().map(|owner| Act::HandedOver { step: step.to_owned(), to: owner.to_string() });
    let moved = due.map(|(due, _)| Act::Moved { step: step.to_owned(), due });
    [done, handed, moved].into_iter().flatten().collect()
}

/// What the CRM says of a record's requests.
#[derive(PartialEq)]
pub(super) struct Look {
    pub(super) native: Vec<NativeSeen>,
    pub(super) tasks: Vec<TaskSeen>,
    /// How often a granted checkbox was ticked without a grant, while the CRM's own process is still to be asked.
    suspected: u32,
}

impl Look {
    pub(super) fn at(case: &RecordCase, id: &CaseId, crm: &Crm) -> Look {
        let asking = case.requests.values().flat_map(|request| request.tasks.values());
        let tasks = asking.filter_map(|task| crm.completed(task.id.as_deref()?)).collect();
        let native = id.record().map(|record| crm.runs(&record.id)).unwrap_or_default();
        let suspected = case.tampering.values().filter(|tampering| tampering.state == TamperingState::Suspected);
        Look { native, tasks, suspected: suspected.map(|tampering| tampering.count).sum() }
    }

    /// Whether there is anything to tell.
    pub(super) fn tells(&self) -> bool {
        self.suspected > 0 || !self.tasks.is_empty() || self.native.iter().any(|run| run.ruling.is_some())
    }
}
