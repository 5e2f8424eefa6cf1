//! How a question of a link stands: still to be answered, answered, or not to be answered any more.

use dealclock_model::case::RecordCase;
use dealclock_model::effect::Question;
use dealclock_model::request::{Approver, Decision};
use dealclock_model::{Instant, Request, RequestState, Ruling};

/// How a question stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The person is asked, and may answer.
    Asked,
    /// The person has answered, and others have still to.
    Answered(Ruling),
    /// The request is decided.
    Decided(Decision),
    /// The request was closed without a decision.
    Closed(RequestState),
    /// The question was asked anew since; the newer link answers it.
    AskedAnew,
    /// Somebody else decides now.
    NotAsked,
    /// The link has ended.
    Expired,
    /// The record or its request is not there any more.
    Gone,
    /// The person has answered a moment ago, and the answer is still to be looked at.
    Kept,
}

/// How a question stands in the record's case.
pub(super) fn stand(question: &Question, case: Option<&RecordCase>, now: Instant) -> Standing {
    let Some(request) = case.and_then(|case| case.requests.get(&question.rule)) else { return Standing::Gone };
    if (request.episode, request.round) != (question.episode, question.round) {
        return match request.is_open() {
            true => Standing::AskedAnew,
            false => closed(request),
        };
    }
    if !request.is_open() {
        return closed(request);
    }
    if question.expires <= now {
        return Standing::Expired;
    }
    let Some(step) = request.steps.last() else { return Standing::NotAsked };
    let of_person = |approver: &&Approver| {
        approver.person == question.person || approver.acts_for.as_ref() == Some(&question.person)
    };
    let said = |approver: &Approver| approver.ruling;
    if step.name != question.step {
        let passed = request.steps.iter().find(|step| step.name == question.step);
        let own = passed.and_then(|step| step.approvers.iter().find(of_person)).and_then(said);
        return own.map_or(Standing::NotAsked, Standing::Answered);
    }
    match step.approvers.iter().find(of_person) {
        Some(approver) => approver.ruling.map_or(Standing::Asked, Standing::Answered),
        None => Standing::NotAsked,
    }
}

fn closed(request: &Request) -> Standing {
    match (&request.decision, request.state) {
        (Some(decision), RequestState::Granted | RequestState::Refused | RequestState::TimedOut) => {
            Standing::Decided(decision.clone())
        }
        (_, state) => Standing::Closed(state),
    }
}

#[cfg(test)]
mod tests {
    use dealclock_model::request::{StepProgress, Way};
    use dealclock_model::{Object, RecordRef};

    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn approver(person: &str, acts_for: Option<&str>, ruling: Option<Ruling>) -> Approver {
        Approver { slot: "owner.manager".into(), person: person.into(), acts_for: acts_for.map(Into::into), ruling }
    }

    fn request(state: RequestState, approvers: Vec<Approver>) -> Request {
        let since = at("2026-06-03T12:00:00Z");
        let step = StepProgress { name: "step-1".into(), since, until: None, approvers, reminded: 0, escalated: false };
        Request {
            approval: "more-time".into(),
            episode: 1,
            round: 0,
            state,
            opened_at: since,
            closed_at: None,
            open_before_secs: 0,
            requester: Some("rep".into()),
            wanted_until: None,
            step: 0,
            steps: vec![step],
            decision: None,
            basis: Default::default(),
            tasks: Default::default(),
            pending: Default::default(),
            mails: Default::default(),
            native: None,
            told_decided: false,
            lapsed: false,
            on_trial: false,
            approval_version: 0,
        }
    }

    fn check(request: Option<Request>, person: &str, expected: Standing) {
        let case = RecordCase {
            requests: request.map(|request| ("proposal".into(), request)).into_iter().collect(),
            ..RecordCase::default()
        };
        let question = Question {
            record: RecordRef { connection: "acme".into(), object: Object::Opportunity, id: "1".into() },
            rule: "proposal".into(),
            episode: 1,
            round: 0,
            step: "step-1".into(),
            person: person.into(),
            expires: at("2026-06-08T09:00:00Z"),
        };
        assert_eq!(stand(&question, Some(&case), at("2026-06-03T15:00:00Z")), expected);
    }

    #[test]
    fn only_who_is_asked_and_has_not_answered_may_answer() {
        let open = |approvers| Some(request(RequestState::Open, approvers));
        check(open(vec![approver("boss", None, None)]), "boss", Standing::Asked);
        check(open(vec![approver("vera", Some("boss"), None)]), "boss", Standing::Asked);
        check(open(vec![approver("vera", Some("boss"), None)]), "vera", Standing::Asked);
        check(open(vec![approver("boss", None, None)]), "rep", Standing::NotAsked);
        let approved = Some(Ruling::Approve);
        check(open(vec![approver("boss", None, approved)]), "boss", Standing::Answered(Ruling::Approve));
    }

    #[test]
    fn what_is_over_is_not_asked() {
        let decision = Decision {
            ruling: Ruling::Reject,
            by: Some("legal".into()),
            way: Way::Task,
            at: at("2026-06-03T14:00:00Z"),
            comment: None,
        };
        let decided = Request { decision: Some(decision.clone()), ..request(RequestState::Refused, Vec::new()) };
        check(Some(decided), "boss", Standing::Decided(decision));
        let withdrawn = request(RequestState::Withdrawn, Vec::new());
        check(Some(withdrawn), "boss", Standing::Closed(RequestState::Withdrawn));
        check(None, "boss", Standing::Gone);
    }

    #[test]
    fn a_later_round_is_asked_by_a_newer_link() {
        let anew = Request { round: 1, ..request(RequestState::Open, vec![approver("boss", None, None)]) };
        check(Some(anew), "boss", Standing::AskedAnew);
    }

    #[test]
    fn a_link_ends() {
        let case = RecordCase {
            requests: [("proposal".into(), request(RequestState::Open, vec![approver("boss", None, None)]))].into(),
            ..RecordCase::default()
        };
        let question = Question {
            record: RecordRef { connection: "acme".into(), object: Object::Opportunity, id: "1".into() },
            rule: "proposal".into(),
            episode: 1,
            round: 0,
            step: "step-1".into(),
            person: "boss".into(),
            expires: at("2026-06-08T09:00:00Z"),
        };
        assert_eq!(stand(&question, Some(&case), at("2026-06-08T08:59:59Z")), Standing::Asked);
        assert_eq!(stand(&question, Some(&case), at("2026-06-08T09:00:00Z")), Standing::Expired);
    }
}
