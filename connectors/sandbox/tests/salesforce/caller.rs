//! A caller of the org for tests: sends a call, checks nothing, hands back status and body.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use dealclock_sandbox::edit::{Edit, NewPerson, NewProperty, PropertyKind, PropertyObject};
use dealclock_sandbox::{OrgOptions, Sandbox};
use http::{HeaderMap, Request};
use serde_json::{Value, json};

pub const TOKEN: &str = "00Dtest!token";
pub const HOME: &str = "https://acme.my.salesforce.com";
pub const DATA: &str = "/services/data/v65.0";

/// An answer with its body read as JSON; null where there is none.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// Asserts the status and hands the body on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Asserts that the call was refused, with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body[0]["errorCode"], code, "{body}");
        body[0].clone()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub fn start() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

pub fn options() -> OrgOptions {
    OrgOptions::new(TOKEN, start())
}

/// An org with one rep, a checkbox and a unique key on tasks.
pub fn org() -> Sandbox {
    with(|_| ())
}

/// The same with other settings.
pub fn with(change: impl FnOnce(&mut OrgOptions)) -> Sandbox {
    let mut options = options();
    change(&mut options);
    let sandbox = Sandbox::org(&options);
    sandbox.edit(&Edit::AddPerson(rep("88001"))).unwrap();
    for (object, name, holds) in [
        (PropertyObject::Deals, "Complex__c", PropertyKind::Bool),
        (PropertyObject::Tasks, "Rem_Key__c", PropertyKind::UniqueText),
    ] {
        let property = NewProperty { object, name: name.to_owned(), label: name.to_owned(), holds };
        sandbox.edit(&Edit::AddProperty(property)).unwrap();
    }
    sandbox
}

pub fn rep(owner: &str) -> NewPerson {
    NewPerson {
        owner_id: owner.to_owned(),
        user_id: format!("user{owner}"),
        first_name: "Rep".to_owned(),
        last_name: owner.to_owned(),
        email: format!("rep{owner}@acme.example"),
        job_title: "Account executive".to_owned(),
        team: None,
        zone: Some("Europe/Berlin".to_owned()),
    }
}

/// Sends a call with these headers, with a token where there is one.
pub fn send(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("{HOME}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sandbox.handle(request.body(Bytes::from(body.to_owned())).unwrap()).unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
}

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

pub fn call(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    call_with(sandbox, method, path, &[], body)
}

pub fn call_with(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let bearer = bearer();
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(sandbox, method, &format!("{DATA}{path}"), &all, &body)
}

pub fn get(sandbox: &Sandbox, path: &str) -> Answer {
    call(sandbox, "GET", path, &Value::Null)
}

pub fn post(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    call(sandbox, "POST", path, &body)
}

pub fn patch(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    call(sandbox, "PATCH", path, &body)
}

pub fn delete(sandbox: &Sandbox, path: &str) -> Answer {
    call(sandbox, "DELETE", path, &Value::Null)
}

/// Escapes a text for an address.
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub fn query(sandbox: &Sandbox, soql: &str) -> Answer {
    get(sandbox, &format!("/query?q={}", escape(soql)))
}

pub fn query_all(sandbox: &Sandbox, soql: &str) -> Answer {
    get(sandbox, &format!("/queryAll?q={}", escape(soql)))
}

/// The values of one field of all records that a query finds.
pub fn column(sandbox: &Sandbox, soql: &str, field: &str) -> Vec<Value> {
    let found = query(sandbox, soql).expect(200);
    found["records"].as_array().unwrap().iter().map(|record| record[field].clone()).collect()
}

/// Lets virtual time pass.
pub fn pass(sandbox: &Sandbox, time: TimeDelta) {
    sandbox.set_now(sandbox.now() + time);
}

/// Makes an opportunity and hands back its id.
pub fn opportunity(sandbox: &Sandbox, values: Value) -> String {
    let mut all = json!({ "Name": "Acme", "StageName": "Prospecting", "CloseDate": "2026-06-30" });
    all.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
    id_of(&post(sandbox, "/sobjects/Opportunity", all).expect(201))
}

/// Makes a task of an opportunity and hands back its id.
pub fn task(sandbox: &Sandbox, opportunity: &str, values: Value) -> String {
    let mut all = json!({ "Subject": "Call", "WhatId": opportunity, "ActivityDate": "2026-03-05" });
    all.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
    id_of(&post(sandbox, "/sobjects/Task", all).expect(201))
}

pub fn id_of(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

/// The id of a user by name to log in with.
pub fn user(sandbox: &Sandbox, username: &str) -> String {
    let found = column(sandbox, &format!("SELECT Id FROM User WHERE Username = '{username}'"), "Id");
    found[0].as_str().unwrap().to_owned()
}
