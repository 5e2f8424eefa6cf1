//! What administrators do to programs: end their sessions, take rights away, change limits.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Org;
use super::cell::Cell;
use super::id::Id;
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
    /// Takes the permission sets away that the user that callers act as was given; a profile's own stays.
    UnassignPermissionSets,
    /// Lets several records hold the same value of a field, or no longer.
    SetUnique {
        /// The field: `Task.Dealclock_Key__c`.
        field: String,
        /// Whether no two records may hold the same value.
        unique: bool,
    },
    /// Puts another value in the place of a status that tasks may have; tasks that have it keep it.
    ReplaceTaskStatus {
        /// The value that goes.
        from: String,
        /// The value that comes.
        to: String,
    },
    /// Gives tokens for the app's own secret at this address only, as live orgs do; anywhere where there is none.
    SetMyDomain(Option<String>),
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
            AdminAct::UnassignPermissionSets => self.unassign(),
            AdminAct::SetUnique { field, unique } => self.set_unique(&field, unique),
            AdminAct::ReplaceTaskStatus { from, to } => self.replace_status(&from, &to),
            AdminAct::SetMyDomain(address) => self.my_domain = address,
        }
    }

    fn unassign(&mut self) {
        let (assignments, sets) = (self.table(Kind::PermissionSetAssignment), self.table(Kind::PermissionSet));
        let (assignee, set) = (assignments.schema.known("AssigneeId"), assignments.schema.known("PermissionSetId"));
        let own = sets.schema.known("IsOwnedByProfile");
        let is_own = |id: Id| sets.get(id).is_some_and(|set| set.get(own).is_true());
        let given = assignments.holders(assignee, &Cell::Id(self.integration));
        let given = given.filter(|assignment| !assignment.get(set).as_id().is_some_and(is_own));
        let given: Vec<Id> = given.map(|assignment| assignment.id).collect();
        for assignment in given {
            self.erase(Kind::PermissionSetAssignment, assignment);
        }
        self.described = self.stamp();
    }

    fn set_unique(&mut self, name: &str, unique: bool) {
        let Some((kind, name)) = name.split_once('.').and_then(|(kind, name)| Some((Kind::parse(kind)?, name))) else {
            return;
        };
        let schema = &mut self.table_mut(kind).schema;
        if let Some(field) = schema.find(name) {
            schema.field_mut(field).unique = unique;
        }
        self.described = self.stamp();
    }

    fn replace_status(&mut self, from: &str, to: &str) {
        let (statuses, at, by) = (self.table(Kind::TaskStatus), self.stamp(), self.itself());
        let names = ["ApiName", "MasterLabel"].map(|name| statuses.schema.known(name));
        let Some(mut row) = statuses.rows().find(|row| row.get(names[0]).as_text() == Some(from)).cloned() else {
            return;
        };
        for name in names {
            row.set(name, Cell::text(to), at, by);
        }
        row.touch(at, by);
        self.store(Kind::TaskStatus, row);
        let schema = &mut self.table_mut(Kind::Task).schema;
        let status = schema.known("Status");
        for choice in schema.field_mut(status).choices.iter_mut().filter(|choice| choice.value == from) {
            to.clone_into(&mut choice.value);
            to.clone_into(&mut choice.label);
        }
        self.described = self.stamp();
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
