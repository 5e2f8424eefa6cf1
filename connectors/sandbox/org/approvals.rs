//! Approvals: records are handed in and locked, somebody decides, and every step can be read afterwards.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_process_approvals_post.htm>

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::cell::Cell;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::process::{ApprovalProcess, Approver};
use super::row::{Author, Row, Via};

#[derive(Deserialize)]
struct Requests {
    requests: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    action_type: String,
    context_id: String,
    context_actor_id: Option<String>,
    comments: Option<String>,
    #[serde(default)]
    next_approver_ids: Option<Vec<String>>,
    process_definition_name_or_id: Option<String>,
}

/// How a run stands after a request was carried out.
#[derive(Debug)]
struct Standing {
    instance: Id,
    record: Id,
    status: &'static str,
    /// The decision that is open now, and whose it is.
    open: Option<(Id, Id)>,
}

/// A process that is defined, with its id.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    pub(crate) id: Id,
    pub(crate) process: ApprovalProcess,
}

impl Org {
    /// Adds an approval process; it is active at once.
    pub(crate) fn define_process(&mut self, process: &ApprovalProcess) {
        let cells = [
            ("Name", Cell::text(&process.label)),
            ("DeveloperName", Cell::text(&process.name)),
            ("TableEnumOrId", Cell::text(Kind::Opportunity.name())),
            ("Type", Cell::text("Approval")),
            ("State", Cell::text("Active")),
            ("LockType", Cell::text("Total")),
        ];
        let id = self.insert_raw(Kind::ProcessDefinition, cells, self.itself());
        self.processes.push(Defined { id, process: process.clone() });
    }

    /// Tells which processes there are.
    pub(super) fn list_approvals(&self) -> Answer {
        let listed = |(order, defined): (usize, &Defined)| {
            json!({
                "description": null,
                "id": defined.id.to_string(),
                "name": defined.process.label,
                "object": Kind::Opportunity.name(),
                "sortOrder": order + 1,
            })
        };
        let listed: Vec<Value> = self.processes.iter().enumerate().map(listed).collect();
        let mut approvals = Map::new();
        if !listed.is_empty() {
            approvals.insert(Kind::Opportunity.name().to_owned(), listed.into());
        }
        Answer::ok(&json!({ "approvals": approvals }))
    }

    /// Carries requests out; those that are good are kept whatever becomes of the others.
    pub(super) fn approve(&mut self, call: &Call<'_>) -> Outcome {
        let Requests { requests } = call.json()?;
        let plainly = self.processes.first().is_none_or(|defined| defined.process.refuses_plainly);
        let mut results = Vec::new();
        for request in &requests {
            match self.transact(|org| org.carry_out(request, call.author), Result::is_ok) {
                Ok(standing) => results.push(standing.to_result()),
                Err(failure) if plainly && requests.len() == 1 => return Err(failure),
                Err(failure) => results.push(refused(request, &failure)),
            }
        }
        Ok(Answer::ok(&results.into()))
    }

    fn carry_out(&mut self, request: &Request, by: Author) -> Result<Standing, Failure> {
        let comment = request.comments.as_deref().unwrap_or_default();
        if comment.len() > 4_000 {
            return Err(Failure::invalid("STRING_TOO_LONG", "Comments: data value too large"));
        }
        let id = Id::parse(&request.context_id).ok_or_else(Failure::bad_reference)?;
        match request.action_type.as_str() {
            "Submit" => self.submit(request, id, comment, by),
            "Approve" => self.decide(id, true, comment, by),
            "Reject" => self.decide(id, false, comment, by),
            other => Err(Failure::invalid("INVALID_ENUM_VALUE", format!("actionType: {other} is no action"))),
        }
    }

    fn submit(&mut self, request: &Request, record: Id, comment: &str, by: Author) -> Result<Standing, Failure> {
        self.live(Kind::Opportunity, record).map_err(|_| Failure::bad_reference())?;
        let process = self.process_for(record, request.process_definition_name_or_id.as_deref())?;
        if self.open_run(record).is_some() {
            return Err(Failure::invalid("ALREADY_IN_PROCESS", "Cannot submit object already in process."));
        }
        let submitter = match request.context_actor_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => self.user_id(id).ok_or_else(Failure::bad_reference)?,
            None => by.user,
        };
        let actor = self.approver(&process.process, submitter, request.next_approver_ids.as_deref())?;
        let cells = [
            ("ProcessDefinitionId", Cell::Id(process.id)),
            ("TargetObjectId", Cell::Id(record)),
            ("Status", Cell::text("Pending")),
            ("SubmittedById", Cell::Id(submitter)),
        ];
        let instance = self.insert_raw(Kind::ProcessInstance, cells, by);
        self.note_step(instance, record, "Started", submitter, comment, by);
        let item = self.ask(instance, record, actor, by);
        self.locks.insert(record);
        Ok(Standing { instance, record, status: "Pending", open: Some((item, actor)) })
    }

    /// The first process that takes the record, or the one that is named.
    fn process_for(&self, record: Id, name: Option<&str>) -> Result<Defined, Failure> {
        let opportunities = self.table(Kind::Opportunity);
        let takes = |defined: &&Defined| {
            let process = &defined.process;
            let is_named = name.is_none_or(|name| process.name == name || Id::parse(name) == Some(defined.id));
            let fits = process.needs.as_deref().is_none_or(|needed| {
                let field = opportunities.schema.find(needed);
                field.zip(opportunities.get(record)).is_some_and(|(field, row)| row.get(field).is_true())
            });
            is_named && fits
        };
        self.processes
            .iter()
            .find(takes)
            .cloned()
            .ok_or_else(|| Failure::invalid("NO_APPLICABLE_PROCESS", "No applicable approval process was found."))
    }

    fn approver(&self, process: &ApprovalProcess, submitter: Id, named: Option<&[String]>) -> Result<Id, Failure> {
        match &process.approver {
            Approver::Manager => {
                let users = self.table(Kind::User);
                let manager = users.get(submitter).and_then(|user| user.get(users.schema.known("ManagerId")).as_id());
                manager.ok_or_else(|| Failure::invalid("MANAGER_NOT_DEFINED", "manager undefined."))
            }
            Approver::User(name) => self.user_named(name).ok_or_else(Failure::bad_reference),
            Approver::Chosen => match named {
                Some([first, ..]) => self.user_id(first).ok_or_else(Failure::bad_reference),
                Some([]) | None => {
                    let message = "Required fields are missing: [nextApproverIds]";
                    Err(Failure::invalid("REQUIRED_FIELD_MISSING", message).with_fields(["nextApproverIds"]))
                }
            },
        }
    }

    fn decide(&mut self, item: Id, grants: bool, comment: &str, by: Author) -> Result<Standing, Failure> {
        let items = self.table(Kind::ProcessInstanceWorkitem);
        let row = items.get(item).ok_or_else(Failure::bad_reference)?;
        let actor = row.get(items.schema.known("ActorId")).as_id();
        let instance = row.get(items.schema.known("ProcessInstanceId")).as_id().ok_or_else(Failure::bad_reference)?;
        if actor != Some(by.user) && by.user != self.admin {
            let message = "insufficient access rights on cross-reference id";
            return Err(Failure::invalid("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", message));
        }
        let instances = self.table(Kind::ProcessInstance);
        let run = instances.get(instance).ok_or_else(Failure::bad_reference)?;
        let known = |name| run.get(instances.schema.known(name)).as_id();
        let record = known("TargetObjectId").ok_or_else(Failure::bad_reference)?;
        let definition = known("ProcessDefinitionId");
        let status = if grants { "Approved" } else { "Rejected" };
        self.erase(Kind::ProcessInstanceWorkitem, item);
        self.forget_pending(instance);
        self.note_step(instance, record, status, by.user, comment, by);
        self.end_run(instance, status, by);
        self.locks.remove(&record);
        if grants {
            self.tick(record, definition)?;
        }
        Ok(Standing { instance, record, status, open: None })
    }

    /// Carries out what follows from a grant.
    fn tick(&mut self, record: Id, definition: Option<Id>) -> Result<(), Failure> {
        let defined = self.processes.iter().find(|defined| Some(defined.id) == definition);
        let ticks = defined.map(|defined| defined.process.ticks.clone()).unwrap_or_default();
        if ticks.is_empty() {
            return Ok(());
        }
        let values = ticks.into_iter().map(|field| (field, Value::Bool(true))).collect();
        self.update(Kind::Opportunity, record, &values, self.itself())
    }

    fn end_run(&mut self, instance: Id, status: &str, by: Author) {
        let at = self.stamp();
        let instances = self.table(Kind::ProcessInstance);
        let Some(mut run) = instances.get(instance).cloned() else { return };
        let known = |name| instances.schema.known(name);
        let cells = [
            (known("Status"), Cell::text(status)),
            (known("CompletedDate"), Cell::Instant(at)),
            (known("LastActorId"), Cell::Id(by.user)),
        ];
        for (field, cell) in cells {
            run.set(field, cell, at, by);
        }
        run.touch(at, by);
        self.store(Kind::ProcessInstance, run);
    }

    fn ask(&mut self, instance: Id, record: Id, actor: Id, by: Author) -> Id {
        let cells = [
            ("ProcessInstanceId", Cell::Id(instance)),
            ("OriginalActorId", Cell::Id(actor)),
            ("ActorId", Cell::Id(actor)),
        ];
        let item = self.insert_raw(Kind::ProcessInstanceWorkitem, cells, by);
        self.note_history(instance, record, "Pending", actor, "", by);
        item
    }

    fn note_step(&mut self, instance: Id, record: Id, status: &str, actor: Id, comment: &str, by: Author) {
        let cells = [
            ("ProcessInstanceId", Cell::Id(instance)),
            ("StepStatus", Cell::text(status)),
            ("OriginalActorId", Cell::Id(actor)),
            ("ActorId", Cell::Id(actor)),
            ("Comments", words(comment)),
        ];
        self.insert_raw(Kind::ProcessInstanceStep, cells, by);
        self.note_history(instance, record, status, actor, comment, by);
    }

    /// Steps and open items are read together under one name.
    fn note_history(&mut self, instance: Id, record: Id, status: &str, actor: Id, comment: &str, by: Author) {
        let cells = [
            ("ProcessInstanceId", Cell::Id(instance)),
            ("TargetObjectId", Cell::Id(record)),
            ("StepStatus", Cell::text(status)),
            ("OriginalActorId", Cell::Id(actor)),
            ("ActorId", Cell::Id(actor)),
            ("Comments", words(comment)),
        ];
        self.insert_raw(Kind::ProcessInstanceHistory, cells, by);
    }

    fn forget_pending(&mut self, instance: Id) {
        let history = self.table(Kind::ProcessInstanceHistory);
        let (of, status) = (history.schema.known("ProcessInstanceId"), history.schema.known("StepStatus"));
        let pending = history.holders(of, &Cell::Id(instance));
        let pending: Vec<Id> =
            pending.filter(|row| row.get(status).as_text() == Some("Pending")).map(|row| row.id).collect();
        for id in pending {
            self.erase(Kind::ProcessInstanceHistory, id);
        }
    }

    /// The run of a record that nobody has decided yet.
    fn open_run(&self, record: Id) -> Option<&Row> {
        let instances = self.table(Kind::ProcessInstance);
        let (target, status) = (instances.schema.known("TargetObjectId"), instances.schema.known("Status"));
        instances.holders(target, &Cell::Id(record)).find(|run| run.get(status).as_text() == Some("Pending"))
    }

    /// A person decides about a record in the CRM's pages; nothing where nobody is asked.
    pub(crate) fn decide_in_page(&mut self, record: Id, grants: bool, comment: &str, by: Id) -> Result<(), Failure> {
        let items = self.table(Kind::ProcessInstanceWorkitem);
        let of = items.schema.known("ProcessInstanceId");
        let item = self.open_run(record).and_then(|run| items.holders(of, &Cell::Id(run.id)).next());
        let Some(item) = item.map(|item| item.id) else { return Ok(()) };
        let by = Author { user: by, via: Via::Page };
        self.transact(|org| org.decide(item, grants, comment, by), Result::is_ok).map(drop)
    }
}

impl Standing {
    fn to_result(&self) -> Value {
        let open = self.open.iter();
        let items: Vec<String> = open.clone().map(|(item, _)| item.to_string()).collect();
        let actors: Vec<String> = open.map(|(_, actor)| actor.to_string()).collect();
        json!({
            "actorIds": if actors.is_empty() { Value::Null } else { actors.into() },
            "entityId": self.record.to_string(),
            "errors": null,
            "instanceId": self.instance.to_string(),
            "instanceStatus": self.status,
            "newWorkitemIds": items,
            "success": true,
        })
    }
}

fn refused(request: &Request, failure: &Failure) -> Value {
    json!({
        "actorIds": null,
        "entityId": request.context_id,
        "errors": failure.to_result()["errors"],
        "instanceId": null,
        "instanceStatus": null,
        "newWorkitemIds": null,
        "success": false,
    })
}

fn words(text: &str) -> Cell {
    if text.is_empty() { Cell::Null } else { Cell::text(text) }
}
