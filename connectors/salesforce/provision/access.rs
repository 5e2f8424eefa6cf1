//! Who may see and write the fields: fields that the API makes are visible to nobody until a permission set says so.

use dealclock_connector::{Error, IfLost, Need, PlanState, Priority, Result};
use dealclock_model::PersonId;
use serde_json::{Value, json};

use crate::Salesforce;
use crate::api;
use crate::client::{Call, Steps};
use crate::errors::item_refused;
use crate::provision::field::{self, Place};
use crate::provision::{is_taken, with_way_out};
use crate::queries::{Query, Run};
use crate::soql;
use crate::wire::Saved;

/// A permission set of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// For the people whose opportunities are watched.
    Reps,
    /// For the integration user.
    Integration,
}

/// What a set says about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    object: &'static str,
    /// The field behind its object and a dot.
    field: String,
    /// Whether it may be written as well as seen.
    edit: bool,
}

impl Set {
    /// Both.
    pub(super) const ALL: [Set; 2] = [Set::Reps, Set::Integration];

    /// The API name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Set::Reps => "Dealclock",
            Set::Integration => "Dealclock_Integration",
        }
    }

    /// What people read.
    pub(super) fn label(self) -> &'static str {
        match self {
            Set::Reps => "Dealclock",
            Set::Integration => "Dealclock Integration",
        }
    }

    /// What the set is made from.
    pub(super) fn definition(self) -> Value {
        let description = match self {
            Set::Reps => "Lets reps and managers see and fill in the fields of Dealclock.",
            Set::Integration => "Lets Dealclock see and write its fields.",
        };
        json!({ "Name": self.name(), "Label": self.label(), "Description": description })
    }

    /// What the set is to say. Standard fields have their permissions from profiles.
    pub(super) fn grants(self, needs: &[Need]) -> Vec<Grant> {
        let concerned = needs.iter().filter(|need| field::is_custom(need));
        let concerned = concerned.filter(|need| match self {
            Set::Reps => Place::of(need) == Place::Opportunity || field::is_decision(need),
            Set::Integration => true,
        });
        concerned.map(|need| self.grant(need)).collect()
    }

    fn grant(self, need: &Need) -> Grant {
        let object = Place::of(need).permitted_object();
        let edit = match self {
            Set::Reps => !need.read_only_for_reps,
            Set::Integration => true,
        };
        Grant { object, field: format!("{object}.{}", field::api_name(need)), edit }
    }

    /// One line for a person.
    pub(super) fn title(self, needs: &[Need]) -> String {
        let grants = self.grants(needs);
        let read_only: Vec<&str> =
            grants.iter().filter(|grant| !grant.edit).map(|grant| grant.field.as_str()).collect();
        let except = if read_only.is_empty() { String::new() } else { format!(", read-only {}", read_only.join(", ")) };
        let fields = if grants.len() == 1 { "field" } else { "fields" };
        format!("permissions of \"{}\" for {} {fields}{except}", self.label(), grants.len())
    }
}

/// What gives the set to a user.
pub(super) fn assignment(set: &str, user: &PersonId) -> Value {
    json!({ "AssigneeId": user.as_str(), "PermissionSetId": set })
}

/// What the org has of our permission sets, and of our notices.
#[derive(Debug, Default)]
pub(super) struct Access {
    sets: Vec<(String, String)>,
    grants: Vec<Held>,
    assigned: bool,
    has_notice_type: bool,
}

#[derive(Debug)]
struct Held {
    set: String,
    field: String,
    read: bool,
    edit: bool,
}

impl Access {
    /// Whether the set is there.
    pub(super) fn compare_set(&self, set: Set) -> PlanState {
        if self.id_of(set).is_ok() { PlanState::Present } else { PlanState::Missing }
    }

    /// Whether the set says what it should. A right that is missing is added; one that is another is left alone.
    pub(super) fn compare_grants(&self, set: Set, needs: &[Need]) -> PlanState {
        let wanted = set.grants(needs);
        let other: Vec<&str> = wanted
            .iter()
            .filter(|grant| self.held(set, grant).is_some_and(|held| !held.read || held.edit != grant.edit))
            .map(|grant| grant.field.as_str())
            .collect();
        if !other.is_empty() {
            return PlanState::Differs(format!("its permissions for {} are other ones", other.join(", ")));
        }
        if self.missing_grants(set, needs).is_empty() { PlanState::Present } else { PlanState::Missing }
    }

    /// Whether the integration user has its set.
    pub(super) fn compare_assignment(&self) -> PlanState {
        if self.assigned { PlanState::Present } else { PlanState::Missing }
    }

    /// Whether the type of our notices is there.
    pub(super) fn compare_notice_type(&self) -> PlanState {
        if self.has_notice_type { PlanState::Present } else { PlanState::Missing }
    }

    /// What the set does not say yet.
    pub(super) fn missing_grants(&self, set: Set, needs: &[Need]) -> Vec<Grant> {
        set.grants(needs).into_iter().filter(|grant| self.held(set, grant).is_none()).collect()
    }

    /// The id of a set.
    pub(super) fn id_of(&self, set: Set) -> Result<&str> {
        let found = self.sets.iter().find(|(name, _)| name.eq_ignore_ascii_case(set.name()));
        found.map(|(_, id)| id.as_str()).ok_or_else(|| {
            Error::rejected(format!("the permission set `{}` is not there any more; run `setup` again", set.name()))
        })
    }

    fn held(&self, set: Set, grant: &Grant) -> Option<&Held> {
        self.grants.iter().find(|held| {
            held.set.eq_ignore_ascii_case(set.name())
                && field_of(&held.field).eq_ignore_ascii_case(field_of(&grant.field))
        })
    }
}

/// The field without its object: the names of ours differ, and Salesforce calls activities tasks and events in turn.
fn field_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, field)| field)
}

impl Salesforce {
    /// Reads what the org has of our permission sets, and of our notices: one call.
    pub(super) async fn access(&self, steps: Option<&Steps<'_>>) -> Result<Access> {
        let user = self.identity().await?.user;
        let names = soql::list(Set::ALL.map(Set::name));
        let queries = [
            Query::live(format!("SELECT Id, Name FROM PermissionSet WHERE Name IN {names}")),
            Query::live(format!(
                "SELECT Parent.Name, Field, PermissionsRead, PermissionsEdit FROM FieldPermissions WHERE Parent.Name IN {names}"
            )),
            Query::live(format!(
                "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {} AND PermissionSet.Name = {}",
                soql::text(user.as_str()),
                soql::text(Set::Integration.name())
            )),
            Query::live(format!(
                "SELECT Id FROM CustomNotificationType WHERE DeveloperName = {}",
                soql::text(api::NOTICE_TYPE)
            ))
            .optional(),
        ];
        let mut run = Run::new("look for permission sets").priority(Priority::Write);
        if let Some(steps) = steps {
            run = run.steps(steps);
        }
        let mut access = Access::default();
        let asked = self.run(run, &queries, |query, row| match query {
            0 => access.sets.push((row.text("Name").unwrap_or_default().to_owned(), row.id().to_owned())),
            1 => access.grants.push(Held {
                set: row.related("Parent").and_then(|set| set.text("Name")).unwrap_or_default().to_owned(),
                field: row.text("Field").unwrap_or_default().to_owned(),
                read: row.flag("PermissionsRead"),
                edit: row.flag("PermissionsEdit"),
            }),
            2 => access.assigned = true,
            _ => access.has_notice_type = true,
        });
        asked.await.map_err(with_way_out)?;
        Ok(access)
    }

    /// Lets a set say more; what it says already is no error.
    ///
    /// [FieldPermissions](https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_fieldpermissions.htm)
    /// are setup objects, which no call may mix with records.
    pub(super) async fn grant(&self, set: &str, grants: &[Grant]) -> Result<()> {
        let record = |grant: &Grant| {
            json!({
                "attributes": { "type": "FieldPermissions" },
                "ParentId": set,
                "SobjectType": grant.object,
                "Field": grant.field,
                "PermissionsRead": true,
                "PermissionsEdit": grant.edit,
            })
        };
        let records: Vec<Value> = grants.iter().map(record).collect();
        let body = json!({ "allOrNone": false, "records": records });
        let call = Call::post("permit fields", api::data("/composite/sobjects"), &body).priority(Priority::Write);
        let answer = self.client.ask(call).await.map_err(with_way_out)?;
        let mut asked = answer.asked();
        asked.if_lost = IfLost::AskAgain;
        for saved in answer.read::<Vec<Saved>>()?.iter().filter(|saved| !saved.success) {
            let failures = saved.failures();
            if !is_taken(&failures) {
                return Err(item_refused(asked, &failures));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::tests::need;
    use super::*;
    use dealclock_model::ValueType;

    fn needs() -> [Need; 4] {
        let granted = Need { read_only_for_reps: true, ..need("Granted__c", ValueType::Bool) };
        let key =
            Need { on_tasks: true, unique: true, read_only_for_reps: true, ..need("dealclock_key", ValueType::Text) };
        [need("Complex__c", ValueType::Bool), granted, need("Description", ValueType::Text), key]
    }

    #[test]
    fn reps_see_what_they_must_not_write_and_nothing_of_tasks() {
        let facts = |set: Set| -> Vec<(String, bool)> {
            set.grants(&needs()).into_iter().map(|grant| (grant.field, grant.edit)).collect()
        };
        let field = |name: &str, edit| (name.to_owned(), edit);
        assert_eq!(facts(Set::Reps), [field("Opportunity.Complex__c", true), field("Opportunity.Granted__c", false)]);
        assert_eq!(
            facts(Set::Integration),
            [
                field("Opportunity.Complex__c", true),
                field("Opportunity.Granted__c", true),
                field("Task.Dealclock_Key__c", true)
            ]
        );
        assert!(Set::Reps.title(&needs()).ends_with("for 2 fields, read-only Opportunity.Granted__c"));
    }

    #[test]
    fn a_right_that_is_missing_is_added_and_another_one_left_alone() {
        let held = |field: &str, edit| Held { set: "Dealclock".to_owned(), field: field.to_owned(), read: true, edit };
        let check = |grants: Vec<Held>, expected: PlanState| {
            let access = Access { grants, ..Access::default() };
            assert_eq!(access.compare_grants(Set::Reps, &needs()), expected);
        };
        check(vec![], PlanState::Missing);
        check(vec![held("Opportunity.Complex__c", true)], PlanState::Missing);
        check(vec![held("opportunity.complex__c", true), held("Opportunity.Granted__c", false)], PlanState::Present);
        check(
            vec![held("Opportunity.Complex__c", true), held("Opportunity.Granted__c", true)],
            PlanState::Differs("its permissions for Opportunity.Granted__c are other ones".to_owned()),
        );
    }
}
