//! Asks what became of requests where people decide in the CRM: in its own approval process, and on our tasks.
//!
//! While any record waits for a decision, all that wait are asked about once an interval, in batches. A checkbox that only
//! an approval may tick is asked about at once, and so is a request before its time runs out. What is seen goes through
//! the inbox, like everything that happens.

use std::collections::BTreeMap;

use dealclock_connector::{NativeApproval, Result as CrmResult};
use dealclock_model::case::{RecordCase, TamperingState};
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{Case, CaseId, Event, Instant, RecordRef};
use dealclock_store::{Batch, StoreError};

use super::gate::{Gate, live};
use super::ingest::IngestError;
use super::{CROWDED, Connection, Runtime, RuntimeError, Step};

const WORK: &str = "requests";

/// Cases that are asked about in one step.
pub(super) const CASES: usize = 50;
/// Tasks that are asked about in one call.
const TASKS: usize = 100;

/// What was told of cases, so that nothing is told twice; can be lost without harm.
#[derive(Debug, Default)]
pub struct Asking {
    /// Cases that are asked about at once.
    suspects: Vec<CaseId>,
    /// When all that wait were last asked about.
    last: Option<Instant>,
    /// The last case of the round that is under way.
    after: Option<CaseId>,
    /// What the last round told.
    told: BTreeMap<CaseId, Seen>,
    /// What the round that is under way has told.
    telling: BTreeMap<CaseId, Seen>,
}

/// What the CRM shows of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    native: Vec<NativeSeen>,
    tasks: Vec<TaskSeen>,
}

impl Seen {
    /// Whether a person has decided or done anything.
    fn is_news(&self) -> bool {
        self.native.iter().any(|run| run.ruling.is_some()) || self.tasks.iter().any(|task| task.done)
    }
}

/// What is to be asked about one case.
struct Question {
    case: CaseId,
    record: RecordRef,
    native: bool,
    suspected: bool,
    tasks: Vec<String>,
}

impl Runtime {
    pub(super) async fn requests_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = match self.gate(connection, WORK, live)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        if self.is_crowded()? {
            return Ok(Step::Rest(Some(now + CROWDED)));
        }
        let suspects: Vec<CaseId> = connection.state().asking.suspects.iter().take(CASES).cloned().collect();
        if !suspects.is_empty() {
            let step = self.ask_about(connection, &suspects).await?;
            if step == Step::Again {
                connection.state().asking.suspects.retain(|case| !suspects.contains(case));
            }
            return Ok(step);
        }
        let after = connection.state().asking.after.clone();
        let cases = self.store.watched(connection.id(), after.as_ref(), CASES)?;
        if after.is_none() {
            if cases.is_empty() {
                connection.recovered(WORK);
                return Ok(Step::Rest(None));
            }
            let last = connection.state().asking.last.filter(|last| *last <= now);
            let next = last.map(|last| last + connection.paced(connection.spec.poll, now));
            if let Some(next) = next.filter(|next| *next > now) {
                return Ok(Step::Rest(Some(next)));
            }
        }
        let step = self.ask_about(connection, &cases).await?;
        if step == Step::Again {
            connection.state().asking.pass(&cases, now);
        }
        Ok(step)
    }

    async fn ask_about(&self, connection: &Connection, cases: &[CaseId]) -> Result<Step, RuntimeError> {
        match self.look_at(connection, cases).await {
            Ok(()) => {
                connection.recovered(WORK);
                Ok(Step::Again)
            }
            Err(IngestError::Store(error)) => Err(error.into()),
            Err(IngestError::Crm(error)) => Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
        }
    }

    /// Asks the CRM about some cases, and puts what is new into the inbox.
    pub(super) async fn look_at(&self, connection: &Connection, cases: &[CaseId]) -> Result<(), IngestError> {
        let as_of = self.clock.now();
        let questions = self.questions(cases)?;
        let runs = native_runs(connection, &questions).await?;
        let mut tasks = task_states(connection, &questions).await?;
        let mut events = Vec::new();
        for question in questions {
            let native = runs.get(&question.record).cloned().unwrap_or_default();
            let seen = Seen { native, tasks: question.tasks.iter().filter_map(|id| tasks.remove(id)).collect() };
            let mut state = connection.state();
            // Somebody waits to hear whether the CRM itself holds a grant, also when it holds nothing.
            if question.suspected || state.asking.is_news(&question.case, &seen) {
                let Seen { native, tasks } = seen.clone();
                events.push((question.case.clone(), Event::Looked { native, tasks, as_of }));
            }
            state.asking.telling.insert(question.case, seen);
        }
        self.enqueue(connection, events, Batch::new())?;
        Ok(())
    }

    fn questions(&self, cases: &[CaseId]) -> Result<Vec<Question>, StoreError> {
        let ruleset = self.ruleset();
        let mut questions = Vec::new();
        for id in cases {
            let case = self.store.case(id)?;
            let Some(case) = case.as_ref().and_then(Case::as_record).filter(|case| case.is_watched()) else { continue };
            let Some(record) = id.record().cloned() else { continue };
            let (suspected, mut native, mut tasks) = (is_suspected(case), is_suspected(case), Vec::new());
            for request in case.requests.values().filter(|request| request.is_open()) {
                let approval = ruleset.rules.approvals.get(&request.approval);
                native |= request.native.is_some() || approval.is_some_and(|approval| approval.native.is_some());
                tasks.extend(request.tasks.values().filter(|task| task.open).filter_map(|task| task.id.clone()));
            }
            questions.push(Question { case: id.clone(), record, native, suspected, tasks });
        }
        Ok(questions)
    }
}

impl Asking {
    /// Asks about a case at once.
    pub(super) fn suspect(&mut self, case: CaseId) {
        if !self.suspects.contains(&case) {
            self.suspects.push(case);
        }
    }

    /// Notes that some cases of a round were asked about; a page that is not full ends the round.
    fn pass(&mut self, cases: &[CaseId], now: Instant) {
        self.after = cases.last().filter(|_| cases.len() == CASES).cloned();
        if self.after.is_none() {
            self.last = Some(now);
            self.told = std::mem::take(&mut self.telling);
        }
    }

    /// Whether this tells anything, and more than was told before.
    fn is_news(&self, case: &CaseId, seen: &Seen) -> bool {
        let before = self.telling.get(case).or_else(|| self.told.get(case));
        seen.is_news() && before != Some(seen)
    }
}

/// Whether a checkbox that only an approval may tick is ticked, and nobody knows yet whether the CRM granted it.
pub(super) fn is_suspected(case: &RecordCase) -> bool {
    case.tampering.values().any(|tampering| tampering.state == TamperingState::Suspected)
}

/// The runs of the CRM's own approval process, where it has one.
async fn native_runs(
    connection: &Connection,
    questions: &[Question],
) -> CrmResult<BTreeMap<RecordRef, Vec<NativeSeen>>> {
    let records: Vec<RecordRef> =
        questions.iter().filter(|asked| asked.native).map(|asked| asked.record.clone()).collect();
    let Some(approvals) = connection.spec.connector.approvals().filter(|_| !records.is_empty()) else {
        return Ok(BTreeMap::new());
    };
    let runs = approvals.observe(&records).await?;
    let seen = runs.iter().map(|runs| runs.iter().map(NativeApproval::seen).collect());
    Ok(records.into_iter().zip(seen).collect())
}

/// Our tasks that ask for a decision, where tasks can hold one; those that are gone are left out.
async fn task_states(connection: &Connection, questions: &[Question]) -> CrmResult<BTreeMap<String, TaskSeen>> {
    let Some(outcomes) = connection.spec.connector.outcomes() else { return Ok(BTreeMap::new()) };
    let ids: Vec<String> = questions.iter().flat_map(|asked| asked.tasks.iter().cloned()).collect();
    let mut seen = BTreeMap::new();
    for some in ids.chunks(TASKS) {
        seen.extend(outcomes.look(some).await?.into_iter().flatten().map(|task| (task.task.clone(), task)));
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
