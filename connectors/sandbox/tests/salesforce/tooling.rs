//! What programs that set the org up make: fields, permissions, rules.

use crate::caller::*;
use dealclock_sandbox::{OrgOptions, Sandbox};
use serde_json::{Value, json};

/// An org as it is before anybody set anything up.
fn fresh() -> Sandbox {
    Sandbox::org(&OrgOptions::new(TOKEN, start()))
}

fn field(sandbox: &Sandbox, full_name: &str, metadata: Value) -> Answer {
    let mut whole = json!({ "label": "Label" });
    whole.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    post(sandbox, "/tooling/sobjects/CustomField", json!({ "FullName": full_name, "Metadata": whole }))
}

fn checkbox(sandbox: &Sandbox, name: &str) {
    field(sandbox, &format!("Opportunity.{name}"), json!({ "type": "Checkbox", "defaultValue": "false" })).expect(201);
}

fn tooling(sandbox: &Sandbox, soql: &str) -> Answer {
    get(sandbox, &format!("/tooling/query?q={}", escape(soql)))
}

/// Lets the integration user see and write fields.
fn permit(sandbox: &Sandbox, fields: &[&str], edit: bool) -> String {
    let set =
        post(sandbox, "/sobjects/PermissionSet", json!({ "Name": "All_Fields", "Label": "All fields" })).expect(201);
    let set = id_of(&set);
    for field in fields {
        let (object, _) = field.split_once('.').unwrap();
        let permission = json!({ "ParentId": set, "SobjectType": object, "Field": field, "PermissionsRead": true, "PermissionsEdit": edit });
        post(sandbox, "/sobjects/FieldPermissions", permission).expect(201);
    }
    let me = user(sandbox, "integration@acme.example");
    let assignment = json!({ "AssigneeId": me, "PermissionSetId": set });
    post(sandbox, "/sobjects/PermissionSetAssignment", assignment).expect(201);
    set
}

#[test]
fn a_field_that_a_program_made_is_visible_to_nobody_until_a_permission_set_shows_it() {
    let org = fresh();
    let id = opportunity(&org, json!({}));
    checkbox(&org, "Complex__c");
    query(&org, "SELECT Complex__c FROM Opportunity").refused(400, "INVALID_FIELD");
    patch(&org, &format!("/sobjects/Opportunity/{id}"), json!({ "Complex__c": true })).refused(400, "INVALID_FIELD");
    let described = |name: &str| {
        let fields = get(&org, "/sobjects/Opportunity/describe").expect(200)["fields"].clone();
        fields.as_array().unwrap().iter().find(|field| field["name"] == name).cloned()
    };
    assert_eq!(described("Complex__c"), None);
    permit(&org, &["Opportunity.Complex__c"], true);
    assert_eq!(described("Complex__c").unwrap()["updateable"], true);
    assert_eq!(column(&org, "SELECT Complex__c FROM Opportunity", "Complex__c"), [json!(false)]);
    patch(&org, &format!("/sobjects/Opportunity/{id}"), json!({ "Complex__c": true })).expect(204);
}

#[test]
fn a_right_to_see_is_no_right_to_write() {
    let org = fresh();
    checkbox(&org, "Granted__c");
    permit(&org, &["Opportunity.Granted__c"], false);
    let id = opportunity(&org, json!({}));
    let refused = patch(&org, &format!("/sobjects/Opportunity/{id}"), json!({ "Granted__c": true }));
    assert_eq!(refused.refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE")["fields"], json!(["Granted__c"]));
}

#[test]
fn a_field_is_made_once_and_found_with_its_definition() {
    let org = fresh();
    let key = json!({ "type": "Text", "length": 64, "unique": true, "externalId": true, "caseSensitive": true });
    let made = id_of(&field(&org, "Activity.Rem_Key__c", key.clone()).expect(201));
    assert!(made.starts_with("00N"));
    field(&org, "Activity.Rem_Key__c", key).refused(400, "DUPLICATE_DEVELOPER_NAME");
    let soql = "SELECT Id, DeveloperName, TableEnumOrId, NamespacePrefix FROM CustomField \
                WHERE TableEnumOrId IN ('Opportunity', 'Activity') AND DeveloperName IN ('Rem_Key')";
    let found = tooling(&org, soql).expect(200)["records"].clone();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!((&found[0]["Id"], &found[0]["TableEnumOrId"]), (&json!(made), &json!("Activity")));
    let definition = get(&org, &format!("/tooling/sobjects/CustomField/{made}")).expect(200)["Metadata"].clone();
    assert_eq!((&definition["length"], &definition["unique"]), (&json!(64), &json!(true)));
    permit(&org, &["Task.Rem_Key__c"], true);
    let deal = opportunity(&org, json!({}));
    task(&org, &deal, json!({ "Rem_Key__c": "k1" }));
    post(&org, "/sobjects/Task", json!({ "Subject": "again", "Rem_Key__c": "k1" })).refused(400, "DUPLICATE_VALUE");
}

#[test]
fn a_definition_is_read_for_one_row_at_a_time() {
    let org = fresh();
    checkbox(&org, "A__c");
    checkbox(&org, "B__c");
    tooling(&org, "SELECT Metadata FROM CustomField").refused(400, "MALFORMED_QUERY");
    let one = tooling(&org, "SELECT FullName, Metadata FROM CustomField WHERE DeveloperName = 'A'").expect(200);
    assert_eq!(one["records"][0]["FullName"], "Opportunity.A__c");
    tooling(&org, "SELECT Id FROM Layout").refused(400, "INVALID_TYPE");
    tooling(&org, "SELECT Colour FROM CustomField").refused(400, "INVALID_FIELD");
}

#[test]
fn fields_of_tasks_are_defined_on_activities() {
    let org = fresh();
    field(&org, "Task.Rem_Key__c", json!({ "type": "Text", "length": 64 })).refused(400, "FIELD_INTEGRITY_EXCEPTION");
    field(&org, "Nothing.A__c", json!({ "type": "Date" })).refused(400, "INVALID_CROSS_REFERENCE_KEY");
    field(&org, "Opportunity.A", json!({ "type": "Date" })).refused(400, "INVALID_FIELD");
}

#[test]
fn permissions_make_sense_and_come_once() {
    let org = fresh();
    checkbox(&org, "Complex__c");
    let set = permit(&org, &["Opportunity.Complex__c"], true);
    let permission = |field: &str, read, edit| json!({ "ParentId": set, "SobjectType": "Opportunity", "Field": field, "PermissionsRead": read, "PermissionsEdit": edit });
    let check = |body: Value, code: &str| drop(post(&org, "/sobjects/FieldPermissions", body).refused(400, code));
    check(permission("Opportunity.Complex__c", true, true), "DUPLICATE_VALUE");
    check(permission("Opportunity.Amount", false, true), "FIELD_INTEGRITY_EXCEPTION");
    check(permission("Opportunity.Nothing__c", true, true), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    let me = user(&org, "integration@acme.example");
    let again = json!({ "AssigneeId": me, "PermissionSetId": set });
    post(&org, "/sobjects/PermissionSetAssignment", again).refused(400, "DUPLICATE_VALUE");
    post(&org, "/sobjects/PermissionSet", json!({ "Name": "All_Fields", "Label": "Other" }))
        .refused(400, "DUPLICATE_VALUE");
}

#[test]
fn a_validation_rule_holds_for_whoever_writes() {
    let org = fresh();
    checkbox(&org, "Complex__c");
    checkbox(&org, "Granted__c");
    permit(&org, &["Opportunity.Complex__c", "Opportunity.Granted__c"], true);
    let rule = |formula: &str| {
        let metadata = json!({ "active": true, "errorConditionFormula": formula,
            "errorDisplayField": "Granted__c", "errorMessage": "Approval applies to complex deals only." });
        json!({ "FullName": "Opportunity.Approved_Needs_Complex", "Metadata": metadata })
    };
    let make = |formula: &str| post(&org, "/tooling/sobjects/ValidationRule", rule(formula));
    make("AND(Nothing__c)").refused(400, "FIELD_INTEGRITY_EXCEPTION");
    let formula = "AND(Granted__c, NOT(Complex__c), OR(ISNEW(), ISCHANGED(Granted__c)))";
    make(formula).expect(201);
    make(formula).refused(400, "DUPLICATE_DEVELOPER_NAME");
    let soql = "SELECT Id FROM ValidationRule WHERE EntityDefinition.QualifiedApiName = 'Opportunity' \
                AND ValidationName = 'Approved_Needs_Complex'";
    assert_eq!(tooling(&org, soql).expect(200)["size"], 1);

    let id = opportunity(&org, json!({}));
    let path = format!("/sobjects/Opportunity/{id}");
    let refused = patch(&org, &path, json!({ "Granted__c": true })).refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!(refused["message"], "Approval applies to complex deals only.");
    assert_eq!(refused["fields"], json!(["Granted__c"]));
    patch(&org, &path, json!({ "Complex__c": true, "Granted__c": true })).expect(204);
    patch(&org, &path, json!({ "Complex__c": false })).expect(204);
}
