//! What administrators do to programs: end their sessions, take rights away, change limits.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Org;
use super::cell::Cell;
use super::kind::Kind;
use super::options::{App, OrgLimits};
use crate::dialect::Dialect;
use crate::sandbox::Sandbox;

/// What an administrator does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminAct {
    /// Ends every session; tokens that stay are let in no longer either.
    EndSessions,
    /// Revokes every session and every authorization that a person gave.
    RevokeTokens,
    /// Lets tokens in as the user that callers act as.
    AdmitTokens(Vec<String>),
    /// Changes how many calls the day has.
    SetDailyLimit(Option<u32>),
    /// Gives the user that callers act as the right to call the API, or takes it away.
    SetApiEnabled(bool),
    /// Hides these fields, and no others, from the user that callers act as: `Opportunity.Amount`.
    HideFields(Vec<String>),
}

impl Sandbox {
    /// Carries out what an administrator does to programs; an account without an org has no such administrator.
    pub fn administer(&self, act: AdminAct) {
        match &mut self.state().account {
            Dialect::HubSpot(_) => {}
            Dialect::Salesforce(org) => org.administer(act),
        }
    }

    /// Changes the application that callers get tokens for; tokens that were given stay.
    pub fn set_app(&self, app: App) {
        match &mut self.state().account {
            Dialect::HubSpot(_) => {}
            Dialect::Salesforce(org) => org.app = app,
        }
    }

    /// Changes the address that tokens tell callers to use; the one that is called where there is none.
    pub fn set_instance_url(&self, address: Option<String>) {
        match &mut self.state().account {
            Dialect::HubSpot(_) => {}
            Dialect::Salesforce(org) => org.instance_url = address,
        }
    }
}

impl Org {
    /// Carries out an administrator's act as the control interface sends it.
    pub(crate) fn administer_by_call(&mut self, body: &[u8]) -> Result<Value, String> {
        let act = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        self.administer(act);
        Ok(json!({}))
    }

    fn administer(&mut self, act: AdminAct) {
        match act {
            AdminAct::EndSessions => self.sessions.end_all(),
            AdminAct::RevokeTokens => self.sessions.revoke_all(),
            AdminAct::AdmitTokens(tokens) => {
                for token in tokens {
                    self.sessions.admit(&token, self.integration);
                }
            }
            AdminAct::SetDailyLimit(daily) => self.usage.limits = OrgLimits { daily, ..self.usage.limits },
            AdminAct::SetApiEnabled(enabled) => self.set_right("PermissionsApiEnabled", enabled),
            AdminAct::HideFields(names) => {
                self.hidden_fields = names.iter().map(|name| name.to_ascii_lowercase()).collect();
                self.described = self.stamp();
            }
        }
    }

    /// Gives a right to the profile of the user that callers act as, or takes it away.
    fn set_right(&mut self, right: &str, given: bool) {
        let users = self.table(Kind::User);
        let profile = users.get(self.integration).and_then(|row| row.get(users.schema.known("ProfileId")).as_id());
        let profiles = self.table(Kind::Profile);
        let Some(mut row) = profile.and_then(|id| profiles.get(id)).cloned() else { return };
        let (field, at, by) = (profiles.schema.known(right), self.stamp(), self.itself());
        row.set(field, Cell::Bool(given), at, by);
        row.touch(at, by);
        self.store(Kind::Profile, row);
    }
}
