//! The control interface under `/sandbox/`: for tests and demos, without credentials.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::edit::Edit;
use crate::faults::FaultRule;
use crate::portal::instant::to_datetime;
use crate::portal::pushes::Target;
use crate::sandbox::{State, json as write};

/// How often the sandbox was called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// By endpoint: `GET /crm/objects/deals`.
    pub calls: BTreeMap<String, u64>,
    /// By the status of the answer; 0 counts the calls that got none.
    pub statuses: BTreeMap<u16, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TimeChange {
    Set(DateTime<Utc>),
    AdvanceSeconds(i64),
}

#[derive(Deserialize)]
struct LagChange {
    millis: u64,
    #[serde(default)]
    record: Option<RecordName>,
}

#[derive(Deserialize)]
struct RecordName {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// Answers a call of the control interface; `None` for any other call.
pub(crate) fn answer(state: &mut State, request: &Request<Bytes>) -> Option<Response<Bytes>> {
    let command = request.uri().path().strip_prefix("/sandbox/")?;
    let done = match (request.method().as_str(), command.trim_end_matches('/')) {
        ("GET", "dump") => to_json(&state.dump()),
        ("GET", "calls") => to_json(&state.calls()),
        ("POST", "reset-calls") => {
            state.reset_calls();
            Ok(json!({}))
        }
        ("GET", "faults") => to_json(&state.faults.rules().collect::<Vec<_>>()),
        ("POST", "faults") => read(request).map(|rules: Vec<FaultRule>| {
            state.faults.replace(rules);
            json!({})
        }),
        ("POST", "edit") => read(request).and_then(|edit: Edit| {
            state.account.edit(&edit).map_err(|refused| refused.reason().to_owned())?;
            Ok(json!({}))
        }),
        ("POST", "lag") => read(request).and_then(|change| change_lag(state, &change)),
        ("POST", "admin") => match &mut state.account {
            Dialect::HubSpot(_) => Err("this account has no such administrator".to_owned()),
            Dialect::Salesforce(org) => org.administer_by_call(request.body()),
        },
        ("POST", "outbound") => match &mut state.account {
            Dialect::HubSpot(_) => Err("this account sends no outbound messages".to_owned()),
            Dialect::Salesforce(org) => read(request).and_then(|wish| org.tell_by_call(&wish)).map(|()| json!({})),
        },
        ("POST", "webhooks") => read(request).and_then(|target: Target| match &mut state.account {
            Dialect::HubSpot(hubspot) => {
                hubspot.tell(target);
                Ok(json!({}))
            }
            Dialect::Salesforce(_) => Err("an org sends Outbound Messages instead".to_owned()),
        }),
        ("POST", "remove-app") => match &mut state.account {
            Dialect::HubSpot(hubspot) => {
                hubspot.grants.remove_app();
                Ok(json!({}))
            }
            Dialect::Salesforce(_) => Err("an org's sessions end by its own settings".to_owned()),
        },
        ("GET", "time") => Ok(now(state)),
        ("POST", "time") => read(request).map(|change| change_time(state, &change)),
        (_, other) => return Some(write(404, Some(&json!({ "error": format!("no command {other}") })))),
    };
    Some(match done {
        Ok(body) => write(200, Some(&body)),
        Err(reason) => write(400, Some(&json!({ "error": reason }))),
    })
}

fn change_lag(state: &mut State, change: &LagChange) -> Result<Value, String> {
    let lag = Duration::from_millis(change.millis);
    match &change.record {
        None => state.account.set_lag(lag),
        Some(RecordName { kind, id }) if state.account.set_record_lag(kind, id, lag).is_some() => {}
        Some(RecordName { kind, id }) => return Err(format!("no {kind} can have the id {id}")),
    }
    Ok(json!({}))
}

fn change_time(state: &mut State, change: &TimeChange) -> Value {
    let moved = match change {
        TimeChange::Set(now) => now.timestamp_millis(),
        TimeChange::AdvanceSeconds(seconds) => {
            let step = TimeDelta::try_seconds(*seconds).unwrap_or(TimeDelta::zero());
            state.account.now().saturating_add(step.num_milliseconds())
        }
    };
    state.account.set_now(moved);
    now(state)
}

fn now(state: &State) -> Value {
    json!({ "now": to_datetime(state.account.now()) })
}

fn read<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, String> {
    serde_json::from_slice(request.body()).map_err(|error| error.to_string())
}

fn to_json<T: Serialize>(value: &T) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}
