//! Which fields a user sees and may change: field-level security.

use std::collections::{BTreeSet, HashMap};

use super::Org;
use super::cell::Cell;
use super::id::Id;
use super::kind::Kind;
use super::schema::{Field, FieldId};

/// What a user does not see, and what the user sees but may not change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    unseen: BTreeSet<(Kind, FieldId)>,
    fixed: BTreeSet<(Kind, FieldId)>,
}

impl Sight {
    pub(crate) fn sees(&self, kind: Kind, field: FieldId) -> bool {
        !self.unseen.contains(&(kind, field))
    }

    pub(crate) fn may_change(&self, kind: Kind, field: FieldId) -> bool {
        self.sees(kind, field) && !self.fixed.contains(&(kind, field))
    }
}

impl Org {
    /// What a user sees. Fields that were added through the API are invisible to everybody, also to whoever added
    /// them, until a permission set lets them be seen.
    pub(crate) fn sight(&self, user: Id) -> Sight {
        let (granted, mut sight) = (self.granted(user), Sight::default());
        for kind in Kind::ALL {
            for (id, field) in self.table(kind).schema.iter() {
                if !field.needs_permission && self.hidden_fields.is_empty() {
                    continue;
                }
                let name = format_name(kind, field);
                let edit = granted.get(&name).copied();
                if user == self.integration && self.hidden_fields.contains(&name) && edit.is_none() {
                    sight.unseen.insert((kind, id));
                }
                match edit {
                    None if field.needs_permission => drop(sight.unseen.insert((kind, id))),
                    Some(false) if field.needs_permission => drop(sight.fixed.insert((kind, id))),
                    None | Some(_) => {}
                }
            }
        }
        sight
    }

    /// The fields that permission sets let a user see, each with whether the user may change it.
    fn granted(&self, user: Id) -> HashMap<String, bool> {
        let (assignments, permissions) =
            (self.table(Kind::PermissionSetAssignment), self.table(Kind::FieldPermissions));
        let (assignee, set) = (assignments.schema.known("AssigneeId"), assignments.schema.known("PermissionSetId"));
        let known = |name| permissions.schema.known(name);
        let mut granted = HashMap::new();
        for assignment in assignments.holders(assignee, &Cell::Id(user)) {
            for permission in permissions.holders(known("ParentId"), assignment.get(set)) {
                if !permission.get(known("PermissionsRead")).is_true() {
                    continue;
                }
                let name = permission.get(known("Field")).to_text().to_ascii_lowercase();
                // Tasks and events share the fields that are defined on activities.
                let name = match name.split_once('.') {
                    Some(("activity" | "event", field)) => format!("task.{field}"),
                    Some(_) | None => name,
                };
                *granted.entry(name).or_default() |= permission.get(known("PermissionsEdit")).is_true();
            }
        }
        granted
    }
}

fn format_name(kind: Kind, field: &Field) -> String {
    format!("{}.{}", kind.name(), field.name).to_ascii_lowercase()
}
