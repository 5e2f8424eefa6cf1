//! Standard actions: notices that people see, and mails that the CRM sends.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_actions_invocable_standard_post.htm>

use serde::Deserialize;
use serde_json::{Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use crate::dump::{Carrier, SentDump};
use crate::portal::instant::to_datetime;

/// Most people who get one notice.
const MOST_RECIPIENTS: usize = 500;

/// Most people who get one mail.
const MOST_ADDRESSES: usize = 5;

const LONGEST_TITLE: usize = 250;
const LONGEST_NOTICE: usize = 750;

#[derive(Deserialize)]
struct Inputs {
    inputs: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Notice {
    custom_notif_type_id: Option<String>,
    recipient_ids: Vec<String>,
    title: Option<String>,
    body: Option<String>,
    target_id: Option<String>,
    target_page_ref: Option<String>,
    sender_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Mail {
    email_addresses: Option<String>,
    email_addresses_array: Vec<String>,
    email_subject: Option<String>,
    email_body: Option<String>,
    sender_type: Option<String>,
    sender_address: Option<String>,
}

impl Org {
    /// Carries an action out for each of its inputs; the answer is a refusal as soon as one of them failed.
    pub(super) fn act(&mut self, call: &Call<'_>, name: &str) -> Outcome {
        let carry_out = match name {
            "customNotificationAction" => Org::notify,
            "emailSimple" => Org::mail,
            _ => return Err(Failure::not_found()),
        };
        let Inputs { inputs } = call.json()?;
        let done: Vec<Result<(), Failure>> = inputs.into_iter().map(|input| carry_out(self, input)).collect();
        let results = done.iter().map(|done| result(name, done)).collect();
        let status = if done.iter().all(Result::is_ok) { 200 } else { 400 };
        Ok(Answer::with_status(status, &Value::Array(results)))
    }

    fn notify(&mut self, input: Value) -> Result<(), Failure> {
        let notice: Notice = read(input)?;
        let id = |text: &Option<String>| text.as_deref().and_then(Id::parse);
        let of = required(&notice.custom_notif_type_id, "customNotifTypeId")?;
        let known = Id::parse(of).is_some_and(|id| self.table(Kind::CustomNotificationType).get(id).is_some());
        if !known {
            return Err(Failure::invalid("INVALID_ID_FIELD", format!("invalid ID field: {of}")));
        }
        let title = within(required(&notice.title, "title")?, LONGEST_TITLE, "title")?;
        let body = within(required(&notice.body, "body")?, LONGEST_NOTICE, "body")?;
        if notice.recipient_ids.is_empty() || notice.recipient_ids.len() > MOST_RECIPIENTS {
            return Err(Failure::invalid("INVALID_INPUT", "recipientIds must hold 1 to 500 ids"));
        }
        let target = id(&notice.target_id);
        if notice.target_page_ref.is_none() && target.is_none_or(|target| self.find(target).is_none()) {
            return Err(missing("targetId"));
        }
        let (subject, text) = (title.to_owned(), body.to_owned());
        let recipients = notice.recipient_ids.iter().filter_map(|id| self.user_id(id));
        // Whoever may not log in gets none, without a word.
        let recipients: Vec<Id> = recipients.filter(|id| self.is_active(*id)).collect();
        for to in recipients {
            self.note(Carrier::Notification, to.to_string(), &subject, &text, target);
        }
        Ok(())
    }

    fn mail(&mut self, input: Value) -> Result<(), Failure> {
        let mail: Mail = read(input)?;
        let listed =
            mail.email_addresses.iter().flat_map(|list| list.split(',')).map(|address| address.trim().to_owned());
        let to: Vec<String> = listed.chain(mail.email_addresses_array.iter().cloned()).collect();
        let subject = required(&mail.email_subject, "emailSubject")?.to_owned();
        let body = required(&mail.email_body, "emailBody")?.to_owned();
        if to.is_empty() || to.len() > MOST_ADDRESSES {
            return Err(missing("emailAddresses"));
        }
        if let Some(address) = to.iter().find(|address| !address.contains('@')) {
            return Err(Failure::invalid("INVALID_EMAIL_ADDRESS", format!("Invalid email address: {address}")));
        }
        match mail.sender_type.as_deref() {
            None | Some("CurrentUser" | "DefaultWorkflowUser") => {}
            Some("OrgWideEmailAddress") => drop(required(&mail.sender_address, "senderAddress")?),
            Some(other) => return Err(Failure::invalid("INVALID_INPUT", format!("senderType: {other}"))),
        }
        for address in to {
            self.note(Carrier::Email, address, &subject, &body, None);
        }
        Ok(())
    }

    fn note(&mut self, carrier: Carrier, to: String, subject: &str, body: &str, target: Option<Id>) {
        self.sent.push(SentDump {
            at: to_datetime(self.now),
            carrier,
            to,
            subject: subject.to_owned(),
            body: body.to_owned(),
            about: target.map(|id| id.to_string()),
        });
    }

    fn is_active(&self, user: Id) -> bool {
        let users = self.table(Kind::User);
        users.get(user).is_some_and(|row| row.get(users.schema.known("IsActive")).is_true())
    }
}

fn read<T: serde::de::DeserializeOwned>(input: Value) -> Result<T, Failure> {
    serde_json::from_value(input).map_err(|error| Failure::invalid("INVALID_INPUT", error.to_string()))
}

fn missing(name: &str) -> Failure {
    Failure::invalid("REQUIRED_FIELD_MISSING", format!("Missing required input parameter: {name}"))
}

fn required<'a>(value: &'a Option<String>, name: &str) -> Result<&'a str, Failure> {
    value.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
}

fn within<'a>(text: &'a str, most: usize, name: &str) -> Result<&'a str, Failure> {
    match text.encode_utf16().count() <= most {
        true => Ok(text),
        false => Err(Failure::invalid("STRING_TOO_LONG", format!("{name}: data value too large (max length={most})"))),
    }
}

fn result(name: &str, done: &Result<(), Failure>) -> Value {
    let output = match name {
        "customNotificationAction" => {
            json!({ "SuccessMessage": "Your custom notification is processed successfully." })
        }
        _ => Value::Null,
    };
    match done {
        Ok(()) => json!({ "actionName": name, "errors": null, "isSuccess": true, "outputValues": output }),
        Err(failure) => json!({
            "actionName": name,
            "errors": failure.to_result()["errors"],
            "isSuccess": false,
            "outputValues": null,
        }),
    }
}
