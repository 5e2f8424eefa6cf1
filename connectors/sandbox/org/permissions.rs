//! What permission sets may say, and to whom they may be given.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_fieldpermissions.htm>

use super::Org;
use super::cell::Cell;
use super::errors::Failure;
use super::kind::Kind;
use super::row::Row;
use super::schema::system;

impl Org {
    /// Refuses a permission or an assignment that makes no sense, or that is there already.
    pub(super) fn check_setup(&self, kind: Kind, row: &Row) -> Result<(), Failure> {
        match kind {
            Kind::FieldPermissions => self.check_permission(row),
            Kind::PermissionSetAssignment => {
                self.check_single(kind, row, &["AssigneeId", "PermissionSetId"], "Duplicate PermissionSetAssignment.")
            }
            _ => Ok(()),
        }
    }

    fn check_permission(&self, row: &Row) -> Result<(), Failure> {
        let schema = &self.table(Kind::FieldPermissions).schema;
        let cell = |name| row.get(schema.known(name));
        if !cell("PermissionsRead").is_true() {
            let message = if cell("PermissionsEdit").is_true() {
                "Field Permissions: Edit permission requires Read permission"
            } else {
                "Field Permissions: Read permission is needed; delete the record to take it away"
            };
            return Err(Failure::invalid("FIELD_INTEGRITY_EXCEPTION", message).with_fields(["PermissionsRead"]));
        }
        let (object, field) = (cell("SobjectType").to_text(), cell("Field").to_text());
        let known = field.split_once('.').filter(|(of, _)| of.eq_ignore_ascii_case(&object)).and_then(|(of, name)| {
            let kind = if of.eq_ignore_ascii_case("event") { Kind::Task } else { Kind::parse(of)? };
            self.table(kind).schema.find(name)
        });
        if known.is_none() {
            let message = format!("Field Name: bad value for restricted picklist field: {field}");
            return Err(Failure::invalid("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).with_fields(["Field"]));
        }
        self.check_single(Kind::FieldPermissions, row, &["ParentId", "Field"], "duplicate value found: ParentId, Field")
    }

    /// No other record has the same values in these fields, of which the first is indexed.
    fn check_single(&self, kind: Kind, row: &Row, names: &[&str], message: &str) -> Result<(), Failure> {
        let table = self.table(kind);
        let Some(first) = names.first().map(|name| table.schema.known(name)) else { return Ok(()) };
        let same = |other: &&Row| {
            other.get(system::ID) != row.get(system::ID)
                && names
                    .iter()
                    .map(|name| table.schema.known(name))
                    .all(|field| is_same(other.get(field), row.get(field)))
        };
        match table.holders(first, row.get(first)).find(same) {
            Some(other) => {
                let message = format!("{message} Record id: {}", other.id);
                Err(Failure::invalid("DUPLICATE_VALUE", message).with_fields(names.iter().copied()))
            }
            None => Ok(()),
        }
    }
}

fn is_same(left: &Cell, right: &Cell) -> bool {
    match (left.as_text(), right.as_text()) {
        (Some(left), Some(right)) => left.eq_ignore_ascii_case(right),
        _ => left == right,
    }
}
