//! Notices of Salesforce's own and mails that it sends.

use dealclock_connector::{ErrorKind, Result};
use dealclock_model::effect::{Channel, Email, Notification};
use dealclock_model::{EffectId, Receipt, Write};
use dealclock_sandbox::dump::Carrier;
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Account, effect, opportunity};

async fn one(account: &Account, write: (EffectId, Write)) -> Result<Receipt> {
    account.connector.apply(&[write]).await.remove(0)
}

/// An org with the type of our notices.
fn account() -> Account {
    let account = Account::new();
    let kind = json!({ "CustomNotifTypeName": "Dealclock", "DeveloperName": "Dealclock", "MasterLabel": "Dealclock",
        "Desktop": true, "Mobile": true });
    assert_eq!(account.call("POST", "/sobjects/CustomNotificationType", &kind).0, 201);
    account
}

fn notice(to: &str, step: &str, body: &str, about: Option<&str>) -> (EffectId, Write) {
    let notice = Notification {
        to: to.into(),
        title: "A deal of 80,000 is late".to_owned(),
        body: body.to_owned(),
        record: about.map(opportunity),
    };
    (effect("digest", step), Write::Notify(notice))
}

fn mail(to: &str, step: &str) -> (EffectId, Write) {
    let mail = Email {
        to: to.into(),
        subject: "Your deals".to_owned(),
        body: "Two are late.".to_owned(),
        link: Some("https://acme.example/7".to_owned()),
        question: None,
    };
    (effect("digest", step), Write::SendCrmEmail(mail))
}

#[tokio::test]
async fn notices_and_mails_reach_their_readers_and_each_has_an_outcome_of_its_own() {
    let account = account();
    assert_eq!(account.connector.descriptor().channels, [Channel::Notification, Channel::CrmEmail]);
    let (user, deal) = (account.user(), account.add_opportunities(1).remove(0));
    let writes = [
        notice(&user, "1", "b", Some(&deal)),
        notice(&user, "2", &"long ".repeat(500), None),
        mail(&user, "3"),
        mail("005000000000000AAA", "4"),
    ];
    let outcomes = account.connector.apply(&writes).await;
    let done = Ok(Receipt { id: None, found: false, kept: Vec::new() });
    assert_eq!(&outcomes[..3], [done.clone(), done.clone(), done]);
    let nobody = outcomes[3].as_ref().unwrap_err();
    assert!(nobody.kind == ErrorKind::Rejected && nobody.message.contains("no active user"), "{nobody}");
    let sent = account.sandbox.dump().sent;
    let to: Vec<_> = sent.iter().map(|sent| (sent.carrier, sent.to.as_str(), sent.about.as_deref())).collect();
    let expected = [
        (Carrier::Notification, user.as_str(), Some(deal.as_str())),
        (Carrier::Notification, user.as_str(), Some(user.as_str())),
        (Carrier::Email, "admin@acme.example", None),
    ];
    assert_eq!(to, expected);
    assert!(sent[1].body.len() == 750 && sent[1].body.ends_with("..."));
    assert_eq!(sent[2].body, "Two are late.\n\nhttps://acme.example/7");
}

#[tokio::test]
async fn a_lost_answer_leaves_open_whether_a_notice_came_and_there_is_no_key_to_ask_by() {
    let account = account();
    let write = notice(&account.user(), "1", "b", None);
    for (applied, sent) in [(true, 1), (false, 1)] {
        account.sandbox.set_faults(vec![FaultRule::once("sf.actions", Fault::Drop { applied })]);
        assert_eq!(one(&account, write.clone()).await.unwrap_err().kind, ErrorKind::Unknown);
        assert_eq!(account.sandbox.dump().sent.len(), sent);
        assert_eq!(account.connector.find(std::slice::from_ref(&write)).await.unwrap(), [None]);
    }
}

#[tokio::test]
async fn what_the_org_refuses_is_told_with_the_way_out() {
    let account = Account::new();
    let write = notice(&account.user(), "1", "b", None);
    let error = one(&account, write).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("run `dealclock setup`"), "{error}");
    let result = |code: &str| {
        let error = json!({ "statusCode": code, "message": "m", "fields": [] });
        json!([{ "actionName": "emailSimple", "errors": [error], "isSuccess": false, "outputValues": null }])
            .to_string()
    };
    let user = account.user();
    let addresses = json!({ "compositeResponse": [{ "referenceId": "q0", "httpStatusCode": 200, "body": { "totalSize": 1,
        "done": true, "records": [{ "Id": user, "Email": "admin@acme.example" }] } }] });
    for status in [200, 400] {
        for (code, words) in [("NO_MASS_MAIL_PERMISSION", "Deliverability"), ("UNVERIFIED_SENDER_ADDRESS", "verify")] {
            account.answer_next(200, &addresses.to_string());
            account.answer_next(status, &result(code));
            let error = one(&account, mail(&user, "1")).await.unwrap_err();
            assert!(error.kind == ErrorKind::Rejected && error.message.contains(words), "{status} {error:?}");
        }
        account.answer_next(200, &addresses.to_string());
        account.answer_next(status, &result("SINGLE_EMAIL_LIMIT_EXCEEDED"));
        let error = one(&account, mail(&user, "1")).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Transient { retry_at: Some(_) }), "{status} {error:?}");
    }
}
