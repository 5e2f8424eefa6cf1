//! The org's own approval processes: hand an opportunity in, see how it stands, decide where we are the one who is asked.
//!
//! [Approvals over REST](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_process_approvals.htm).
//! New "Flow approval processes" keep their runs elsewhere and are not seen here.

mod run;

use std::collections::HashMap;

use async_trait::async_trait;
use dealclock_connector::{
    Error, ErrorKind, IfLost, NativeApproval, NativeApprovals, Priority, Problem, Result, WorkItem,
};
use dealclock_model::effect::Submission;
use dealclock_model::{EffectId, Instant, Object, PersonId, Receipt, RecordId, RecordRef, Ruling, Write};
use serde::Serialize;

use crate::Salesforce;
use crate::api::{self, OPPORTUNITY, common};
use crate::approvals::run::{Runs, mark, opened, standing};
use crate::client::Call;
use crate::errors::{Asked, Refusal, item_refused};
use crate::ids;
use crate::queries::{Query, Run};
use crate::soql;
use crate::translate::value;
use crate::wire::approval::{Outcome, Processes};
use crate::wire::{Code, Failure, Page};
use crate::write::Outcomes;

/// Most records whose runs one query asks for: their steps come in the same page, of which a row holds few.
const RECORDS: usize = 200;

const RUNS: &str = "SELECT Id, Status, TargetObjectId, CreatedDate, CompletedDate, LastActorId, \
    (SELECT Id, StepStatus, ActorId, Comments, CreatedDate FROM StepsAndWorkitems ORDER BY CreatedDate, Id) \
    FROM ProcessInstance WHERE TargetObjectId IN ";

const ITEMS: &str = "SELECT Id, ActorId, ProcessInstanceId FROM ProcessInstanceWorkitem \
    WHERE ProcessInstance.TargetObjectId IN ";

/// One request to the approval processes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    action_type: &'static str,
    context_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_actor_id: Option<&'a str>,
    comments: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_approver_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_definition_name_or_id: Option<&'a str>,
}

#[async_trait]
impl NativeApprovals for Salesforce {
    async fn submit(&self, id: &EffectId, submission: &Submission) -> Result<NativeApproval> {
        self.hand_in(id, submission).await.map(|(run, _)| run)
    }

    async fn observe(&self, records: &[RecordRef]) -> Result<Vec<Vec<NativeApproval>>> {
        let wanted: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let mut queries = Vec::new();
        for list in soql::lists(&wanted, RECORDS, RUNS) {
            let list = soql::list(list.iter().copied());
            queries.push(Query::live(format!("{RUNS}{list} ORDER BY CreatedDate DESC, Id DESC")));
            queries.push(Query::live(format!("{ITEMS}{list} ORDER BY CreatedDate, Id")));
        }
        let mut runs = Runs::default();
        let steps = self.client.steps("approvals");
        let run = Run::new("read approvals").priority(Priority::Write).steps(&steps);
        self.run(run, &queries, |query, row| if query % 2 == 0 { runs.add(row) } else { runs.add_item(row) }).await?;
        let asked = Asked { what: "read approvals", if_lost: IfLost::AskAgain, now: self.client.now() };
        while let Some((instance, link)) = runs.unread_steps() {
            let path = self.client.page_of(asked, &link).await?;
            let answer = steps.ask(Call::get(asked.what, path).priority(Priority::Write)).await?;
            let page: Page<'_> = answer.read()?;
            runs.add_steps(&instance, &page);
        }
        steps.finish();
        Ok(records.iter().map(|record| runs.of(record)).collect())
    }

    async fn decide(&self, item: &WorkItem, ruling: Ruling, comment: &str) -> Result<NativeApproval> {
        let (instance, record, submitted_at) = self.open_item(item).await?;
        let action_type = match ruling {
            Ruling::Approve => "Approve",
            Ruling::Reject => "Reject",
        };
        let request = Request {
            action_type,
            context_id: &item.id,
            context_actor_id: None,
            comments: run::shorten(comment),
            next_approver_ids: Vec::new(),
            process_definition_name_or_id: None,
        };
        let (outcome, now) = self.request("decide an approval", &request).await?.map_err(explained)?;
        let waiting = opened(&outcome);
        let standing = standing(outcome.instance_status.as_deref(), waiting.is_empty());
        Ok(NativeApproval {
            id: instance,
            record,
            effect: None,
            standing,
            completed_at: waiting.is_empty().then_some(now),
            waiting,
            decided_by: Some(item.actor.clone()),
            comment: (!comment.is_empty()).then(|| comment.to_owned()),
            submitted_at,
        })
    }
}

impl Salesforce {
    /// Hands one record in; the run, and whether it was there already because of us.
    async fn hand_in(&self, id: &EffectId, submission: &Submission) -> Result<(NativeApproval, bool)> {
        let comments = mark(&submission.comment, id);
        let request = Request {
            action_type: "Submit",
            context_id: submission.record.id.as_str(),
            context_actor_id: submission.submitter.as_ref().map(PersonId::as_str),
            comments: &comments,
            next_approver_ids: submission.approvers.iter().map(PersonId::as_str).collect(),
            process_definition_name_or_id: submission.process.as_deref(),
        };
        match self.request("hand in an opportunity", &request).await? {
            Ok((outcome, now)) => {
                let run = NativeApproval {
                    id: ids::long(outcome.instance_id.as_deref().unwrap_or_default()),
                    record: submission.record.clone(),
                    effect: Some(*id),
                    standing: standing(outcome.instance_status.as_deref(), false),
                    waiting: opened(&outcome),
                    decided_by: None,
                    comment: Some(comments),
                    submitted_at: now,
                    completed_at: None,
                };
                Ok((run, false))
            }
            Err(refusal) if says(&refusal, "ALREADY_IN_PROCESS") => {
                self.running(id, submission, refusal).await.map(|run| (run, true))
            }
            Err(refusal) => Err(explained(refusal)),
        }
    }

    /// Hands records in, one after another: no call takes several with an answer to each that is certain.
    pub(crate) async fn hand_in_all(&self, submissions: &[(EffectId, &Submission)], outcomes: &mut Outcomes) {
        for (effect, submission) in submissions {
            let outcome = self.hand_in(effect, submission).await.map(|(run, found)| receipt(run, found));
            outcomes.insert(*effect, outcome);
        }
    }

    /// Which submissions were carried out, whatever became of their runs since.
    pub(crate) async fn find_submissions(&self, effects: &[(EffectId, Write)]) -> Result<HashMap<EffectId, Receipt>> {
        let records: Vec<RecordRef> = effects
            .iter()
            .filter_map(|(_, write)| match write {
                Write::SubmitApproval(submission) => Some(submission.record.clone()),
                Write::CreateTask(_)
                | Write::UpdateTask(_)
                | Write::UpdateRecord(_)
                | Write::SendEmail(_)
                | Write::Notify(_)
                | Write::SendCrmEmail(_) => None,
            })
            .collect();
        if records.is_empty() {
            return Ok(HashMap::new());
        }
        let runs = self.observe(&records).await?.into_iter().flatten();
        Ok(runs.filter_map(|run| Some((run.effect?, receipt(run, true)))).collect())
    }

    /// Sends one request alone: a composite call is not documented to take it.
    ///
    /// The outer error is one of reading the answer, the inner one a refusal, which comes with 200 or with 400.
    async fn request(
        &self,
        what: &'static str,
        request: &Request<'_>,
    ) -> Result<std::result::Result<(Outcome, Instant), Refusal>> {
        let body = serde_json::json!({ "requests": [request] });
        let call = Call::post(what, api::data("/process/approvals"), &body).priority(Priority::Write).creates();
        let answer = match self.client.ask(call).await {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let outcomes: Vec<Outcome> = answer.read()?;
        let Some(outcome) = outcomes.into_iter().next() else {
            return Err(Error::unknown(format!("{what}: Salesforce said nothing about it")));
        };
        if outcome.success {
            return Ok(Ok((outcome, answer.date())));
        }
        let failures = outcome.errors.unwrap_or_default();
        let error = item_refused(answer.asked(), &failures);
        Ok(Err(Refusal { failures, ..Refusal::ours(error) }))
    }

    /// The record is in an approval already: that is a success where it is there because of this effect, or of one before
    /// it: a run that was not recalled when a request was taken back goes on for the next.
    async fn running(&self, id: &EffectId, submission: &Submission, refusal: Refusal) -> Result<NativeApproval> {
        let runs = self.observe(std::slice::from_ref(&submission.record)).await?;
        let mut open = runs.into_iter().flatten().filter(|run| !run.waiting.is_empty());
        open.find(|run| run.effect.is_some_and(|effect| effect.is_beside(id))).ok_or_else(|| explained(refusal))
    }

    /// The run and the record of an open item that the integration's own user is asked about, and when it was handed in.
    async fn open_item(&self, item: &WorkItem) -> Result<(String, RecordRef, Instant)> {
        let me = self.identity().await?.user;
        let query = format!(
            "SELECT ActorId, ProcessInstanceId, ProcessInstance.TargetObjectId, ProcessInstance.CreatedDate \
             FROM ProcessInstanceWorkitem WHERE Id = {}",
            soql::text(&item.id)
        );
        let run = Run::new("decide an approval").priority(Priority::Write);
        let (mut found, mut actor) = (None, None);
        self.run(run, &[Query::live(query)], |_, row| {
            actor = row.text("ActorId").map(str::to_owned);
            let instance = row.related("ProcessInstance");
            let record = instance.and_then(|instance| instance.text("TargetObjectId"));
            let created = instance.and_then(|instance| instance.text(common::CREATED)).and_then(value::instant);
            found = row.text("ProcessInstanceId").map(ids::long).zip(record.map(ids::long)).zip(created);
        })
        .await?;
        let Some(((instance, record), submitted_at)) = found else {
            return Err(Error::new(
                ErrorKind::Conflict,
                "decide an approval: it is not open any more; somebody decided it, or took it back",
            ));
        };
        if !actor.is_some_and(|actor| ids::same(&actor, me.as_str()) && ids::same(&actor, item.actor.as_str())) {
            return Err(Error::rejected(format!(
                "decide an approval: it is {} who is asked, not the integration user; it must be decided in Salesforce",
                item.actor
            )));
        }
        Ok((instance, self.record_ref(&record), submitted_at))
    }

    fn record_ref(&self, id: &str) -> RecordRef {
        RecordRef { connection: self.connection.clone(), object: Object::Opportunity, id: RecordId::from(id) }
    }
}

/// What stands in the way of deciding in approval processes; nothing where no process is about opportunities, and
/// nothing that keeps reminders from being delivered.
pub(crate) async fn ability(salesforce: &Salesforce, user: &PersonId) -> Vec<Problem> {
    let problem = |what: String, way_out: &str| Problem { what, way_out: way_out.to_owned(), fatal: false };
    match asked_anywhere(salesforce, user).await {
        Ok(true) => Vec::new(),
        Ok(false) => vec![problem(
            "the integration user is no approver of any open request, so it cannot grant or refuse one in Salesforce's \
             approval process; it hands in and watches"
                .to_owned(),
            "nothing, where people are to decide in Salesforce; else name the integration user as an approver",
        )],
        Err(error) => vec![problem(
            format!("approval processes cannot be read: {error}"),
            "let the integration user see the objects of approval processes",
        )],
    }
}

/// Whether the user is asked in an open request, or there is no process in which anybody could be.
async fn asked_anywhere(salesforce: &Salesforce, user: &PersonId) -> Result<bool> {
    let call = Call::get("read approval processes", api::data("/process/approvals")).priority(Priority::Write);
    let answer = salesforce.client.ask(call).await?;
    let processes: Processes = answer.read()?;
    if processes.approvals.get(OPPORTUNITY).is_none_or(Vec::is_empty) {
        return Ok(true);
    }
    let query = format!("SELECT Id FROM ProcessInstanceWorkitem WHERE ActorId = {} LIMIT 1", soql::text(user.as_str()));
    let mut is_asked = false;
    let run = Run::new("read open approvals").priority(Priority::Write);
    salesforce.run(run, &[Query::live(query)], |_, _| is_asked = true).await?;
    Ok(is_asked)
}

fn receipt(run: NativeApproval, found: bool) -> Receipt {
    Receipt { id: Some(run.id).filter(|id| !id.is_empty()), found, kept: Vec::new() }
}

fn says(refusal: &Refusal, code: &str) -> bool {
    refusal.says(&Code::of(code))
}

/// The refusal with its way out, where the code is one of approvals alone.
fn explained(refusal: Refusal) -> Error {
    let way_out = refusal.failures.iter().find_map(way_out);
    let mut error = Error::from(refusal);
    if let Some(way_out) = way_out {
        error.message = format!("{}; {way_out}", error.message);
    }
    error
}

fn way_out(failure: &Failure) -> Option<&'static str> {
    match failure.code.as_str() {
        "NO_APPLICABLE_PROCESS" => {
            Some("activate an approval process on opportunities whose entry criteria the record meets")
        }
        "ALREADY_IN_PROCESS" => Some("an approval that was not handed in by this rule is open; it must end first"),
        "MANAGER_NOT_DEFINED" => {
            Some("the process asks the submitter's manager: fill in Manager on the submitter's user")
        }
        "REQUIRED_FIELD_MISSING" => Some("the process leaves open who decides: name the approvers"),
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" | "INVALID_CROSS_REFERENCE_KEY" => {
            Some("the item was decided meanwhile, or somebody else is asked")
        }
        _ => None,
    }
}
