//! What administrators set up: the organization, its hours and holidays, permission sets, kinds of notification.

use super::{date, flag, instant, long_text, text, whole};
use crate::org::kind::Kind;
use crate::org::schema::{Field, FieldType};

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) fn organization() -> Vec<Field> {
    let fields = [
        text("Name", "Name", 80),
        text("TimeZoneSidKey", "Time Zone", 40),
        text("DefaultLocaleSidKey", "Locale", 40),
        text("LanguageLocaleKey", "Language", 40),
        whole("FiscalYearStartMonth", "Fiscal Year Starts In"),
        flag("IsSandbox", "Is Sandbox"),
        text("InstanceName", "Instance Name", 10),
        text("OrganizationType", "Edition", 40),
        text("NamespacePrefix", "Namespace Prefix", 15),
        instant("TrialExpirationDate", "Trial Expiration Date"),
    ];
    fields.map(Field::read_only).into()
}

pub(super) fn business_hours() -> Vec<Field> {
    let mut fields = vec![
        text("Name", "Business Hours Name", 80),
        flag("IsActive", "Active"),
        flag("IsDefault", "Default Business Hours"),
        text("TimeZoneSidKey", "Time Zone", 40),
    ];
    for day in WEEKDAYS {
        for end in ["Start", "End"] {
            fields.push(Field::new(&format!("{day}{end}Time"), &format!("{day} {end}"), FieldType::Time));
        }
    }
    fields.into_iter().map(Field::read_only).collect()
}

pub(super) fn holiday() -> Vec<Field> {
    vec![
        text("Name", "Holiday Name", 80).required(),
        text("Description", "Description", 100),
        date("ActivityDate", "Date"),
        flag("IsAllDay", "All Day"),
        whole("StartTimeInMinutes", "Start Time In Minutes From Midnight"),
        whole("EndTimeInMinutes", "End Time In Minutes From Midnight"),
        flag("IsRecurrence", "Recurring Holiday"),
        date("RecurrenceStartDate", "Recurrence Start"),
        date("RecurrenceEndDateOnly", "Recurrence End"),
        Field::picklist(
            "RecurrenceType",
            "Recurrence Type",
            &[
                "RecursDaily",
                "RecursEveryWeekday",
                "RecursWeekly",
                "RecursMonthly",
                "RecursMonthlyNth",
                "RecursYearly",
                "RecursYearlyNth",
            ],
            false,
        ),
        whole("RecurrenceInterval", "Recurrence Interval"),
        whole("RecurrenceDayOfWeekMask", "Recurrence Day of Week Mask"),
        whole("RecurrenceDayOfMonth", "Recurrence Day of Month"),
        Field::picklist(
            "RecurrenceInstance",
            "Recurrence Instance",
            &["First", "Second", "Third", "Fourth", "Last"],
            false,
        ),
        Field::picklist(
            "RecurrenceMonthOfYear",
            "Recurrence Month of Year",
            &[
                "January",
                "February",
                "March",
                "April",
                "May",
                "June",
                "July",
                "August",
                "September",
                "October",
                "November",
                "December",
            ],
            false,
        ),
    ]
}

pub(super) fn permission_set() -> Vec<Field> {
    vec![
        text("Name", "Permission Set Name", 80).required().unique_name(),
        text("Label", "Permission Set Label", 80).required(),
        text("Description", "Description", 255),
        Field::reference("ProfileId", "Profile", &[Kind::Profile]).read_only(),
        flag("IsOwnedByProfile", "Is Owned By Profile").read_only(),
        flag("IsCustom", "Custom").read_only(),
        Field::picklist("Type", "Type", &["Regular", "Standard", "Session", "Profile"], true).read_only(),
    ]
}

pub(super) fn field_permissions() -> Vec<Field> {
    vec![
        Field::reference("ParentId", "Parent", &[Kind::PermissionSet]).required().create_only().indexed(),
        text("SobjectType", "Sobject Type Name", 40).required().create_only(),
        text("Field", "Field Name", 240).required().create_only(),
        flag("PermissionsRead", "Read Field"),
        flag("PermissionsEdit", "Edit Field"),
    ]
}

pub(super) fn object_permissions() -> Vec<Field> {
    let fields = [
        Field::reference("ParentId", "Parent", &[Kind::PermissionSet]).required().indexed(),
        text("SobjectType", "Sobject Type Name", 40).required(),
        flag("PermissionsRead", "Read Records"),
        flag("PermissionsCreate", "Create Records"),
        flag("PermissionsEdit", "Edit Records"),
        flag("PermissionsDelete", "Delete Records"),
        flag("PermissionsViewAllRecords", "View All Records"),
        flag("PermissionsModifyAllRecords", "Modify All Records"),
    ];
    fields.map(Field::read_only).into()
}

pub(super) fn assignment() -> Vec<Field> {
    vec![
        Field::reference("PermissionSetId", "PermissionSet", &[Kind::PermissionSet]).required().create_only().indexed(),
        Field::reference("AssigneeId", "Assignee", &[Kind::User]).required().create_only().indexed(),
        instant("ExpirationDate", "Expires On"),
        flag("IsActive", "Is Active").read_only(),
    ]
}

pub(super) fn notification_type() -> Vec<Field> {
    vec![
        text("CustomNotifTypeName", "Custom Notification Name", 80).required(),
        text("DeveloperName", "API Name", 80).required(),
        text("MasterLabel", "Label", 80),
        long_text("Description", "Description"),
        flag("Desktop", "Desktop"),
        flag("Mobile", "Mobile"),
    ]
}

pub(super) fn record_type() -> Vec<Field> {
    let fields = [
        text("Name", "Name", 80),
        text("DeveloperName", "Record Type Name", 80),
        text("SobjectType", "Sobject Type Name", 40),
        text("Description", "Description", 255),
        flag("IsActive", "Active"),
    ];
    fields.map(Field::read_only).into()
}
