//! A caller of the sandbox for tests: sends a call, checks nothing, hands back status and body.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use dealclock_sandbox::edit::{Edit, NewPerson};
use dealclock_sandbox::{Dropped, Options, Sandbox};
use http::{HeaderMap, Request};
use serde_json::Value;

pub const TOKEN: &str = "pat-na1-test";

/// An answer with its body read as JSON; null where there is none.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Asserts the status and hands the body on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

pub fn start() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

/// An account with two owners, 88001 (user 7001) and 88002 (user 7002).
pub fn sandbox() -> Sandbox {
    with(|_| ())
}

/// The same with other settings.
pub fn with(change: impl FnOnce(&mut Options)) -> Sandbox {
    let mut options = Options::new(TOKEN, start());
    change(&mut options);
    let sandbox = Sandbox::new(options);
    for (owner, user, zone) in [("88001", "7001", Some("Europe/Berlin")), ("88002", "7002", None)] {
        sandbox.edit(&Edit::AddPerson(person(owner, user, zone))).unwrap();
    }
    sandbox
}

pub fn person(owner: &str, user: &str, zone: Option<&str>) -> NewPerson {
    NewPerson {
        owner_id: owner.to_owned(),
        user_id: user.to_owned(),
        first_name: "Rep".to_owned(),
        last_name: owner.to_owned(),
        email: format!("rep{owner}@example.com"),
        job_title: "Account executive".to_owned(),
        team: Some("Sales".to_owned()),
        zone: zone.map(str::to_owned),
    }
}

pub fn send(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Result<Answer, Dropped> {
    send_as(sandbox, TOKEN, method, path, body)
}

pub fn send_as(sandbox: &Sandbox, token: &str, method: &str, path: &str, body: &str) -> Result<Answer, Dropped> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://api.hubapi.com{path}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    let response = sandbox.handle(request)?;
    let (parts, body) = response.into_parts();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

pub fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, "GET", path, "").unwrap()
}

pub fn post(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    send(sandbox, "POST", path, &body.to_string()).unwrap()
}

pub fn patch(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    send(sandbox, "PATCH", path, &body.to_string()).unwrap()
}

/// Lets virtual time pass.
pub fn pass(sandbox: &Sandbox, time: TimeDelta) {
    sandbox.set_now(sandbox.now() + time);
}

/// Makes a deal and hands back its id.
pub fn deal(sandbox: &Sandbox, properties: Value) -> String {
    let mut all = serde_json::json!({ "dealname": "Acme", "dealstage": "contractsent" });
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let made = post(sandbox, "/crm/objects/2026-09/deals", serde_json::json!({ "properties": all })).expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Makes a task and hands back its id.
pub fn task(sandbox: &Sandbox, deal: &str, properties: Value) -> String {
    let mut all = serde_json::json!({ "hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": "Call" });
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let types = serde_json::json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216 }]);
    let body = serde_json::json!({ "properties": all, "associations": [{ "to": { "id": deal }, "types": types }] });
    post(sandbox, "/crm/objects/2026-09/tasks", body).expect(201)["id"].as_str().unwrap().to_owned()
}
