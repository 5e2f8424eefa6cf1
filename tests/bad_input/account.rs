//! A small HubSpot account in the sandbox, and the calls that people and administrators make there.

use bytes::Bytes;
use chrono::{DateTime, Duration, DurationRound, Utc};
use dealclock_sandbox::{Limits, Options, Sandbox, Scope, Token};
use serde_json::{Value, json};

/// The token that every account lets in at first.
pub const TOKEN: &str = "pat-na1-11111111-2222-3333-4444-555555555555";
/// An owner in Berlin.
pub const ANNA: &str = "64492901";
/// An owner who never chose a time zone.
pub const NOAH: &str = "64492910";
/// The manager in Berlin who gets what has no other recipient.
pub const MARTINA: &str = "64492911";

/// An account; clones are the same one.
#[derive(Clone)]
pub struct Account {
    /// The CRM.
    pub sandbox: Sandbox,
}

/// A reminder task as it stands in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// Whose list it is in.
    pub owner: String,
    /// The minute in which it appeared; our share of the limits may cost seconds.
    pub at: DateTime<Utc>,
}

impl Account {
    /// An account with everything that the rule needs, in the zone of New York.
    pub fn new(start: DateTime<Utc>) -> Account {
        let sandbox = Sandbox::new(Options { limits: Limits::NONE, ..Options::new(TOKEN, start) });
        sandbox.seed_deals(0, 1);
        let account = Account { sandbox };
        for (object, group) in [("deals", "dealinformation"), ("tasks", "task_activity")] {
            let path = format!("/crm/properties/2026-09/{object}/groups");
            let groups = account.call("GET", &path, &Value::Null);
            if !groups["results"].as_array().unwrap().iter().any(|found| found["name"] == group) {
                account.call("POST", &path, &json!({ "name": group, "label": group }));
            }
        }
        account.add_complex();
        let key = json!({ "name": "dealclock_key", "label": "Dealclock key", "groupName": "task_activity",
            "type": "string", "fieldType": "text", "hasUniqueValue": true });
        account.call("POST", "/crm/properties/2026-09/tasks", &key);
        account
    }

    /// An administrator makes the checkbox that silences the rule, or brings it back.
    pub fn add_complex(&self) {
        let property = json!({ "name": "complex", "label": "Complex", "groupName": "dealinformation",
            "type": "bool", "fieldType": "booleancheckbox",
            "options": [{ "label": "Yes", "value": "true" }, { "label": "No", "value": "false" }] });
        self.call("POST", "/crm/properties/2026-09/deals", &property);
    }

    /// An administrator deletes that checkbox.
    pub fn delete_complex(&self) {
        self.call("DELETE", "/crm/properties/2026-09/deals/complex", &Value::Null);
    }

    /// Somebody opens a deal now; `changes` are put over the usual properties, `null` leaves one out.
    pub fn add_deal(&self, changes: &Value) -> String {
        let mut properties = json!({ "dealname": "Rollout", "pipeline": "default", "amount": "60000",
            "dealstage": "appointmentscheduled", "hubspot_owner_id": ANNA });
        let set = properties.as_object_mut().unwrap();
        set.extend(changes.as_object().unwrap().clone());
        set.retain(|_, value| !value.is_null());
        let made = self.call("POST", "/crm/objects/2026-09/deals", &json!({ "properties": properties }));
        made["id"].as_str().unwrap().to_owned()
    }

    /// Takes a right away from the token.
    pub fn revoke(&self, scope: Scope) {
        self.sandbox.set_tokens(vec![Token::new(TOKEN, Scope::ALL.into_iter().filter(|other| *other != scope))]);
    }

    /// Lets no token in.
    pub fn revoke_token(&self) {
        self.sandbox.set_tokens(Vec::new());
    }

    /// Lets the token in again, with every right.
    pub fn grant(&self) {
        self.sandbox.set_tokens(vec![Token::with_all_scopes(TOKEN)]);
    }

    /// Every reminder that ever was, deleted ones included, oldest first.
    pub fn reminders(&self) -> Vec<Reminder> {
        let dump = self.sandbox.dump();
        let mut tasks: Vec<_> = dump.records.get("tasks").into_iter().flatten().collect();
        tasks.sort_by_key(|task| task.created_at);
        let reminders = tasks.into_iter().map(|task| Reminder {
            owner: task.value("hubspot_owner_id").unwrap_or_default().to_owned(),
            at: task.created_at.duration_trunc(Duration::minutes(1)).unwrap(),
        });
        reminders.collect()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://api.hubapi.com{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.sandbox.handle(request).unwrap();
        assert!(answer.status().is_success(), "{path}: {}", String::from_utf8_lossy(answer.body()));
        if answer.body().is_empty() { Value::Null } else { serde_json::from_slice(answer.body()).unwrap() }
    }
}
