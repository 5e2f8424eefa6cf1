//! Notices of Salesforce's own and mails that it sends. Neither has a key, so each is sent at least once.
//!
//! One input goes with a call: several are refused as a whole, without a word of which were carried out, and there is no
//! key to ask by. See the
//! [notification](https://developer.salesforce.com/docs/atlas.en-us.api_action.meta/api_action/actions_obj_custom_notification.htm)
//! and the [mail](https://developer.salesforce.com/docs/atlas.en-us.api_action.meta/api_action/actions_obj_email_simple.htm).

use std::collections::{BTreeSet, HashMap};

use chrono::Duration;
use dealclock_connector::{Error, ErrorKind, Priority, Result};
use dealclock_model::effect::{Email, Notification};
use dealclock_model::{EffectId, Instant, Receipt};
use serde_json::{Value, json};

use crate::Salesforce;
use crate::api::{self, IN_LIST, NOTICE_TYPE};
use crate::client::Call;
use crate::errors::{Refusal, item_refused};
use crate::ids;
use crate::queries::{Query, Run};
use crate::soql;
use crate::translate::task::{cut, one_line, plain};
use crate::wire::Failure;
use crate::wire::action::Acted;
use crate::write::Outcomes;

/// Most characters of a notice's title.
const LONGEST_TITLE: usize = 250;

/// Most characters of a notice's text.
const LONGEST_NOTICE: usize = 750;

/// Most characters of a mail's subject; nobody reads more.
const LONGEST_SUBJECT: usize = 255;

/// Most characters of a mail's text: that of a long text area, for no limit is documented.
const LONGEST_MAIL: usize = 32_000;

/// The mails of a day are used up; they are counted by the day, so a later look is soon enough.
const MAILS_ARE_USED_UP: Duration = Duration::hours(1);

/// A standard action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Notify,
    Mail,
}

impl Action {
    fn what(self) -> &'static str {
        match self {
            Action::Notify => "show a notice",
            Action::Mail => "send a mail by the CRM",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Action::Notify => "customNotificationAction",
            Action::Mail => "emailSimple",
        }
    }
}

impl Salesforce {
    /// Shows notices to people.
    pub(crate) async fn notify(&self, notices: &[(EffectId, &Notification)], outcomes: &mut Outcomes) {
        if notices.is_empty() {
            return;
        }
        let notice_type = match self.notice_type().await {
            Ok(id) => id,
            Err(error) => {
                outcomes.extend(notices.iter().map(|(effect, _)| (*effect, Err(error.clone()))));
                return;
            }
        };
        for (effect, notice) in notices {
            outcomes.insert(*effect, self.act(Action::Notify, &shown(notice, &notice_type)).await);
        }
    }

    /// Has Salesforce send mails, to the addresses that it knows of people.
    pub(crate) async fn send_mails(&self, mails: &[(EffectId, &Email)], outcomes: &mut Outcomes) {
        if mails.is_empty() {
            return;
        }
        let addresses = match self.addresses(mails).await {
            Ok(addresses) => addresses,
            Err(error) => {
                outcomes.extend(mails.iter().map(|(effect, _)| (*effect, Err(error.clone()))));
                return;
            }
        };
        for (effect, mail) in mails {
            let outcome = match addresses.get(&ids::long(mail.to.as_str())) {
                Some(address) => self.act(Action::Mail, &sent(mail, address)).await,
                None => Err(Error::rejected(format!(
                    "{}: {} is no active user of Salesforce with a mail address",
                    Action::Mail.what(),
                    mail.to
                ))),
            };
            outcomes.insert(*effect, outcome);
        }
    }

    /// The id of the type of our notices.
    async fn notice_type(&self) -> Result<String> {
        let query = format!("SELECT Id FROM CustomNotificationType WHERE DeveloperName = {}", soql::text(NOTICE_TYPE));
        let mut found = None;
        let run = Run::new(Action::Notify.what()).priority(Priority::Write);
        self.run(run, &[Query::live(query)], |_, row| found = Some(row.id().to_owned())).await?;
        found.ok_or_else(|| {
            Error::rejected(format!(
                "{}: the org has no notification type `{NOTICE_TYPE}`; run `dealclock setup`, or make it in Setup, Custom \
                 Notifications",
                Action::Notify.what()
            ))
        })
    }

    /// Mail addresses of active users, by their ids.
    async fn addresses(&self, mails: &[(EffectId, &Email)]) -> Result<HashMap<String, String>> {
        let wanted: BTreeSet<&str> = mails.iter().map(|(_, mail)| mail.to.as_str()).collect();
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let query = |list: &str| format!("SELECT Id, Email FROM User WHERE IsActive = true AND Id IN {list}");
        let lists = soql::lists(&wanted, IN_LIST, &query(""));
        let queries: Vec<Query> =
            lists.into_iter().map(|ids| Query::live(query(&soql::list(ids.iter().copied())))).collect();
        let mut addresses = HashMap::with_capacity(wanted.len());
        let run = Run::new(Action::Mail.what()).priority(Priority::Write);
        self.run(run, &queries, |_, row| {
            addresses.extend(row.text("Email").map(|address| (ids::long(row.id()), address.to_owned())));
        })
        .await?;
        Ok(addresses)
    }

    /// Carries one action out; it finishes what the look for the type or for addresses began.
    async fn act(&self, action: Action, input: &Value) -> Result<Receipt> {
        let body = json!({ "inputs": [input] });
        let call = Call::post(action.what(), api::action(action.name()), &body);
        let answer = match self.client.ask(call.priority(Priority::Write).creates().follows()).await {
            Ok(answer) => answer,
            Err(refusal) => return Err(explained(action, refusal, self.client.now())),
        };
        let acted: Vec<Acted> = answer.read()?;
        let Some(acted) = acted.into_iter().next() else {
            return Err(Error::unknown(format!("{}: Salesforce said nothing about it", action.what())));
        };
        if acted.is_success {
            return Ok(Receipt { id: None, found: false, kept: Vec::new() });
        }
        let failures = acted.errors.unwrap_or_default();
        let error = item_refused(answer.asked(), &failures);
        Err(explained(action, Refusal { failures, ..Refusal::ours(error) }, self.client.now()))
    }
}

/// A notice must lead somewhere: to its record, or else to the page of whoever gets it.
fn shown(notice: &Notification, notice_type: &str) -> Value {
    let target = notice.record.as_ref().map_or(notice.to.as_str(), |record| record.id.as_str());
    json!({
        "customNotifTypeId": notice_type,
        "recipientIds": [notice.to.as_str()],
        "title": cut(&one_line(&notice.title), LONGEST_TITLE),
        "body": cut(&plain(&notice.body), LONGEST_NOTICE),
        "targetId": target,
    })
}

fn sent(mail: &Email, address: &str) -> Value {
    let link = mail.link.as_ref().map(|link| format!("\n\n{link}")).unwrap_or_default();
    let room = LONGEST_MAIL.saturating_sub(link.encode_utf16().count());
    json!({
        "emailAddresses": address,
        "emailSubject": cut(&one_line(&mail.subject), LONGEST_SUBJECT),
        "emailBody": format!("{}{link}", cut(&plain(&mail.body), room)),
        "senderType": "CurrentUser",
    })
}

/// The refusal with its way out, where the code is one of notices and mails alone.
fn explained(action: Action, refusal: Refusal, now: Instant) -> Error {
    let is_used_up = refusal.failures.iter().any(is_limit);
    let way_out = refusal.failures.iter().find_map(|failure| way_out(action, failure));
    let mut error = Error::from(refusal);
    if is_used_up {
        error.kind = ErrorKind::Transient { retry_at: Some(now + MAILS_ARE_USED_UP) };
    }
    if let Some(way_out) = way_out {
        error.message = format!("{}; {way_out}", error.message);
    }
    error
}

fn is_limit(failure: &Failure) -> bool {
    matches!(failure.code.as_str(), "SINGLE_EMAIL_LIMIT_EXCEEDED" | "LIMIT_EXCEEDED")
}

fn way_out(action: Action, failure: &Failure) -> Option<&'static str> {
    match (action, failure.code.as_str()) {
        (Action::Notify, "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS") => {
            Some("give the integration user the right `Send Custom Notifications`")
        }
        (Action::Mail, "NO_MASS_MAIL_PERMISSION") => {
            Some("let the org send all mail (Setup, Deliverability), and the integration user send it")
        }
        (Action::Mail, "UNVERIFIED_SENDER_ADDRESS") => Some("verify the mail address of the integration user"),
        (Action::Mail, "SINGLE_EMAIL_LIMIT_EXCEEDED") => Some("the org's mails of the day are used up"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_too_long_for_salesforce_are_cut_and_a_mail_keeps_its_link() {
        let notice =
            Notification { to: "005A".into(), title: "t\n".repeat(300), body: "b".repeat(2_000), record: None };
        let input = shown(&notice, "0ML1");
        assert!(input["title"].as_str().is_some_and(|title| title.len() == LONGEST_TITLE && title.ends_with("...")));
        assert_eq!(input["body"].as_str().map(str::len), Some(LONGEST_NOTICE));
        assert_eq!(input["targetId"], "005A", "a notice about no record leads to its reader");
        let mail = Email {
            to: "005A".into(),
            subject: "s".to_owned(),
            body: "b".repeat(40_000),
            link: Some("https://acme.example/7".to_owned()),
            question: None,
        };
        let input = sent(&mail, "ada@acme.example");
        let body = input["emailBody"].as_str().unwrap();
        assert!(body.len() == LONGEST_MAIL && body.ends_with("...\n\nhttps://acme.example/7"));
    }

    #[test]
    fn the_days_mails_used_up_are_waited_for_and_a_missing_right_has_a_way_out() {
        let refusal = |code: &str| {
            let failure = Failure { code: crate::wire::Code::of(code), ..Failure::default() };
            Refusal { failures: vec![failure], ..Refusal::ours(Error::rejected("send")) }
        };
        let now = Instant::default();
        let used_up = explained(Action::Mail, refusal("SINGLE_EMAIL_LIMIT_EXCEEDED"), now);
        assert_eq!(used_up.kind, ErrorKind::Transient { retry_at: Some(now + MAILS_ARE_USED_UP) });
        let refused = explained(Action::Notify, refusal("INSUFFICIENT_ACCESS"), now);
        assert_eq!(refused.kind, ErrorKind::Rejected);
        assert!(refused.message.contains("Send Custom Notifications"), "{refused}");
    }
}
