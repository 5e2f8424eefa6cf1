//! What a program may be asked beyond what every program can: outcomes, notices, mails.

use dealclock_connector::ErrorKind;
use dealclock_model::effect::{Channel, Email, Notification, Submission};
use dealclock_model::{EffectId, Ruling, Write};

use crate::support::{Tiny, deal, reminder};

fn writes() -> [(EffectId, Write); 3] {
    let (key, _) = reminder("7");
    let other = |step: &str| format!("b613f36e3cbcb3146043-e1-r0-{step}").parse().unwrap();
    let notice = Notification { to: "ada".into(), title: "t".into(), body: "b".into(), record: Some(deal("7")) };
    let mail = Email { to: "ada".into(), subject: "s".into(), body: "b".into(), link: None, question: None };
    let submission =
        Submission { record: deal("7"), submitter: None, approvers: Vec::new(), process: None, comment: String::new() };
    [
        (other("77ab0c21d9e0"), Write::Notify(notice)),
        (other("1f0e9d8c7b6a"), Write::SendCrmEmail(mail)),
        (key, Write::SubmitApproval(submission)),
    ]
}

#[tokio::test]
async fn a_program_is_asked_for_what_it_says_it_can_and_for_nothing_else() {
    let plain = Tiny::with("");
    plain.connector.check().await.unwrap();
    assert!(plain.connector.outcomes().is_none() && plain.connector.descriptor().channels.is_empty());
    for outcome in plain.connector.apply(&writes()).await {
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Rejected);
    }
    assert!(!plain.methods().contains(&"apply".to_owned()), "it is not even asked");
    let able = Tiny::able("notify send_mail outcomes", "");
    able.connector.check().await.unwrap();
    assert_eq!(able.connector.descriptor().channels, [Channel::Notification, Channel::CrmEmail]);
    let outcomes = able.connector.apply(&writes()).await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[2].as_ref().unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn outcomes_come_in_the_order_asked_and_one_that_is_left_out_fails_the_question() {
    let able = Tiny::able("outcomes", "");
    able.connector.check().await.unwrap();
    let tasks = ["1", "gone", "3"].map(str::to_owned);
    let seen = able.connector.outcomes().unwrap().look(&tasks).await.unwrap();
    assert_eq!(seen[0].as_ref().map(|seen| (seen.done, seen.outcome)), Some((true, Some(Ruling::Approve))));
    assert_eq!(seen[1], None);
    assert_eq!(seen[2].as_ref().map(|seen| seen.task.as_str()), Some("3"));
    let forgetful = Tiny::able("outcomes", "outcomes=missing");
    forgetful.connector.check().await.unwrap();
    let error = forgetful.connector.outcomes().unwrap().look(&tasks).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Transient { .. }), "{error:?}");
}
