//! Users and what their profiles let them do.

use super::{flag, text};
use crate::org::kind::Kind;
use crate::org::schema::{Field, FieldType};

pub(super) fn user() -> Vec<Field> {
    vec![
        text("Username", "Username", 80).required().indexed(),
        text("LastName", "Last Name", 80).required(),
        text("FirstName", "First Name", 40),
        text("Name", "Full Name", 121).calculated(),
        Field::new("Email", "Email", FieldType::Email).required(),
        text("Alias", "Alias", 8),
        text("Title", "Title", 80),
        text("Department", "Department", 80),
        flag("IsActive", "Active"),
        text("TimeZoneSidKey", "Time Zone", 40).required(),
        text("LocaleSidKey", "Locale", 40).required(),
        text("LanguageLocaleKey", "Language", 40).required(),
        text("EmailEncodingKey", "Email Encoding", 40).required(),
        Field::picklist("UserType", "User Type", &["Standard", "Partner", "Guest", "AutomatedProcess"], true)
            .read_only(),
        Field::reference("ProfileId", "Profile", &[Kind::Profile]).required(),
        Field::reference("ManagerId", "Manager", &[Kind::User]),
        Field::reference("DelegatedApproverId", "DelegatedApprover", &[Kind::User]),
        text("UserRoleId", "Role ID", 18),
    ]
}

pub(super) fn profile() -> Vec<Field> {
    let fields = [
        text("Name", "Name", 255),
        flag("PermissionsApiEnabled", "API Enabled"),
        flag("PermissionsViewSetup", "View Setup and Configuration"),
        flag("PermissionsViewAllData", "View All Data"),
        flag("PermissionsModifyAllData", "Modify All Data"),
    ];
    fields.map(Field::read_only).into()
}
