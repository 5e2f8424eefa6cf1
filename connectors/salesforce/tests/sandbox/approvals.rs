//! Salesforce's own approvals: handed in, watched, and decided only where it is us who are asked.

use std::collections::BTreeMap;

use dealclock_connector::{ErrorKind, Hint, NativeApproval, Standing, WorkItem};
use dealclock_model::Ruling;
use dealclock_model::effect::RecordUpdate;
use dealclock_model::effect::Submission;
use dealclock_model::{FieldName, PersonId, Value, Write};
use dealclock_sandbox::edit::{DealName, Edit};
use dealclock_sandbox::{ApprovalProcess, Approver};

use crate::support::{Account, effect, effect_of, opportunity};

const INTEGRATION: &str = "integration@acme.example";

fn account(process: ApprovalProcess) -> Account {
    Account::adapted(|options| options.approvals = vec![process])
}

fn asks(approver: Approver) -> ApprovalProcess {
    ApprovalProcess { approver, ..ApprovalProcess::complex_deal() }
}

fn asks_us() -> ApprovalProcess {
    asks(Approver::User(INTEGRATION.to_owned()))
}

fn asks_the_administrator() -> ApprovalProcess {
    asks(Approver::User("admin@acme.example".to_owned()))
}

fn user(account: &Account, username: &str) -> PersonId {
    let found = account.query(&format!("SELECT Id FROM User WHERE Username = '{username}'"));
    PersonId::from(found[0]["Id"].as_str().unwrap())
}

fn submission(id: &str) -> Submission {
    Submission {
        record: opportunity(id),
        submitter: None,
        approvers: Vec::new(),
        process: None,
        comment: "three more days, please".to_owned(),
    }
}

async fn submit(account: &Account, id: &str) -> dealclock_connector::Result<NativeApproval> {
    account.connector.approvals().unwrap().submit(&effect(id, "approval"), &submission(id)).await
}

async fn observe(account: &Account, ids: &[&str]) -> Vec<Vec<NativeApproval>> {
    let records: Vec<_> = ids.iter().map(|id| opportunity(id)).collect();
    account.connector.approvals().unwrap().observe(&records).await.unwrap()
}

#[tokio::test]
async fn what_is_handed_in_is_seen_pending_until_somebody_decides() {
    let account = account(asks_the_administrator());
    let [deal, other] = account.add_opportunities(2).try_into().unwrap();
    let handed_in = submit(&account, &deal).await.unwrap();
    let admin = user(&account, "admin@acme.example");
    assert_eq!((handed_in.standing, handed_in.waiting[0].actor.clone()), (Standing::Pending, admin.clone()));
    let seen = observe(&account, &[&other, &deal]).await;
    assert!(seen[0].is_empty());
    assert_eq!(seen[1], std::slice::from_ref(&handed_in));
    assert_eq!(seen[1][0].effect, Some(effect(&deal, "approval")));
    account.pass(3_600);
    let decision = Edit::DecideApproval {
        deal: DealName::Id(deal.clone()),
        granted: false,
        comment: "not this time".to_owned(),
        by: admin.as_str().to_owned(),
    };
    account.sandbox.edit(&decision).unwrap();
    let seen = observe(&account, &[&deal]).await.remove(0).remove(0);
    assert_eq!((seen.standing, seen.decided_by), (Standing::Rejected, Some(admin)));
    assert_eq!((seen.comment.as_deref(), seen.effect), (Some("not this time"), handed_in.effect));
    assert_eq!(seen.completed_at.unwrap() - seen.submitted_at, chrono::Duration::hours(1));
    assert!(seen.waiting.is_empty());
}

#[tokio::test]
async fn a_run_whose_answer_was_lost_is_found_and_not_begun_again() {
    let account = account(asks_the_administrator());
    let deal = account.add_opportunities(1).remove(0);
    let handed_in = submit(&account, &deal).await.unwrap();
    // As after an answer that was lost: the same effect is handed in once more.
    let again = submit(&account, &deal).await.unwrap();
    assert_eq!(again, handed_in);
    assert_eq!(account.query("SELECT Id FROM ProcessInstance").len(), 1);
}

#[tokio::test]
async fn a_run_that_nobody_recalled_serves_the_next_round_of_its_own_rule_and_no_other() {
    let account = account(asks_the_administrator());
    let deal = account.add_opportunities(1).remove(0);
    let handed_in = submit(&account, &deal).await.unwrap();
    let approvals = account.connector.approvals().unwrap();
    let next = approvals.submit(&effect_of(&deal, "proposal", 1, "approval"), &submission(&deal)).await.unwrap();
    assert_eq!(next, handed_in);
    let other = effect_of(&deal, "approval/discount", 0, "approval");
    let error = approvals.submit(&other, &submission(&deal)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("ALREADY_IN_PROCESS") && error.message.contains("must end first"), "{error}");
}

#[tokio::test]
async fn a_submission_that_may_have_arrived_is_unknown() {
    let account = account(asks_us());
    let deal = account.add_opportunities(1).remove(0);
    for (status, body) in [(502, "<html>bad gateway</html>"), (200, "[]"), (200, "{")] {
        account.answer_next(status, body);
        assert_eq!(submit(&account, &deal).await.unwrap_err().kind, ErrorKind::Unknown, "{status} {body}");
    }
    assert!(observe(&account, &[&deal]).await[0].is_empty());
}

#[tokio::test]
async fn what_cannot_be_handed_in_says_why_whichever_way_salesforce_says_it() {
    let needy = ApprovalProcess { needs: Some("Complex__c".to_owned()), ..asks_us() };
    for (process, words) in [
        (needy, "entry criteria"),
        (ApprovalProcess::complex_deal(), "fill in Manager"),
        (asks(Approver::Chosen), "name the approvers"),
    ] {
        for refuses_plainly in [true, false] {
            let account = account(ApprovalProcess { refuses_plainly, ..process.clone() });
            let deal = account.add_opportunities(1).remove(0);
            let error = submit(&account, &deal).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Rejected, "{error}");
            assert!(error.message.contains(words), "{error}");
        }
    }
}

#[tokio::test]
async fn the_submitter_and_the_approver_are_handed_on() {
    let account = account(ApprovalProcess { name: "Second".to_owned(), ..asks(Approver::Chosen) });
    let deal = account.add_opportunities(1).remove(0);
    let admin = user(&account, "admin@acme.example");
    let submission = Submission {
        submitter: Some(admin.clone()),
        approvers: vec![admin.clone()],
        process: Some("Second".to_owned()),
        ..submission(&deal)
    };
    let approvals = account.connector.approvals().unwrap();
    let run = approvals.submit(&effect(&deal, "approval"), &submission).await.unwrap();
    assert_eq!(run.waiting[0].actor, admin);
    let submitted = account.query("SELECT SubmittedById FROM ProcessInstance");
    assert_eq!(submitted[0]["SubmittedById"], admin.as_str());
}

#[tokio::test]
async fn we_decide_where_we_are_asked_and_nowhere_else() {
    for (ruling, standing) in [(Ruling::Approve, Standing::Approved), (Ruling::Reject, Standing::Rejected)] {
        let account = account(asks_us());
        let deal = account.add_opportunities(1).remove(0);
        let item = submit(&account, &deal).await.unwrap().waiting.remove(0);
        let approvals = account.connector.approvals().unwrap();
        let decided = approvals.decide(&item, ruling, "as agreed").await.unwrap();
        assert_eq!((decided.standing, decided.record), (standing, opportunity(&deal)));
        assert_eq!(decided.decided_by, Some(user(&account, INTEGRATION)));
        let seen = observe(&account, &[&deal]).await.remove(0).remove(0);
        assert_eq!((seen.id, seen.standing, seen.decided_by), (decided.id, standing, decided.decided_by));
        let error = approvals.decide(&item, ruling, "again").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    }
    let account = account(asks_the_administrator());
    let deal = account.add_opportunities(1).remove(0);
    let item = submit(&account, &deal).await.unwrap().waiting.remove(0);
    let us = WorkItem { actor: user(&account, INTEGRATION), ..item.clone() };
    for item in [item, us] {
        let approvals = account.connector.approvals().unwrap();
        let error = approvals.decide(&item, Ruling::Approve, "").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Rejected);
        assert!(error.message.contains("not the integration user"), "{error}");
    }
    assert_eq!(observe(&account, &[&deal]).await[0][0].standing, Standing::Pending);
}

#[tokio::test]
async fn many_records_are_observed_in_few_calls() {
    let account = account(asks_the_administrator());
    let deals = account.add_opportunities(450);
    for deal in deals.iter().step_by(50) {
        submit(&account, deal).await.unwrap();
    }
    account.sent();
    let seen = observe(&account, &deals.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(account.sent(), ["POST /composite", "POST /composite"]);
    let found: Vec<usize> = (0..450).filter(|place| !seen[*place].is_empty()).collect();
    assert_eq!(found, (0..450).step_by(50).collect::<Vec<_>>());
}

#[tokio::test]
async fn check_says_whether_we_could_decide() {
    let told = |account: Account| async move {
        let problems = account.connector.check().await.unwrap().problems;
        let about = problems.into_iter().filter(|problem| problem.what.contains("approver"));
        about.map(|problem| problem.fatal).collect::<Vec<_>>()
    };
    assert_eq!(told(Account::new()).await, [false; 0], "no process, nothing to tell");
    assert_eq!(told(account(asks_the_administrator())).await, [false]);
    let ours = account(asks_us());
    let deal = ours.add_opportunities(1).remove(0);
    submit(&ours, &deal).await.unwrap();
    assert_eq!(told(ours).await, [false; 0]);
}

#[tokio::test]
async fn a_write_waits_for_the_end_of_the_approval_and_a_poll_tells_of_it() {
    let account = account(asks_the_administrator());
    let deal = account.add_opportunities(1).remove(0);
    account.connector.check().await.unwrap();
    let before = account.read_all(None).await.cursor;
    submit(&account, &deal).await.unwrap();
    let fields = |flag| BTreeMap::from([(FieldName::from("complex"), Value::Bool(flag))]);
    let update = RecordUpdate { record: opportunity(&deal), expect: fields(false), set: fields(true) };
    let write = [(effect(&deal, "complex"), Write::UpdateRecord(update))];
    let locked = account.connector.apply(&write).await.remove(0).unwrap_err();
    assert_eq!(locked.kind, ErrorKind::Locked, "{locked}");
    account.pass(3_600);
    let decision = Edit::DecideApproval {
        deal: DealName::Id(deal.clone()),
        granted: true,
        comment: String::new(),
        by: user(&account, "admin@acme.example").as_str().to_owned(),
    };
    account.sandbox.edit(&decision).unwrap();
    let hints = account.read_all(Some(&before)).await.hints;
    assert!(hints.contains(&Hint::Unlocked(opportunity(&deal))), "{hints:?}");
    account.connector.apply(&write).await.remove(0).unwrap();
    assert_eq!(account.opportunity(&deal)["Complex__c"], true);
}
