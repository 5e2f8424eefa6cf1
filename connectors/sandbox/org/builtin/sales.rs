//! Accounts, contacts, opportunities with their stages and histories.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunity.htm>

use super::{date, flag, instant, long_text, owner, text, whole};
use crate::org::kind::Kind;
use crate::org::schema::{Field, FieldType};

const FORECAST_CATEGORIES: &[&str] = &["Omitted", "Pipeline", "BestCase", "Forecast", "Closed"];
const FORECAST_CATEGORY_NAMES: &[&str] = &["Omitted", "Pipeline", "Best Case", "Commit", "Closed"];

fn currency(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::Currency)
}

fn percent(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::Percent)
}

fn account_reference() -> Field {
    Field::reference("AccountId", "Account", &[Kind::Account])
}

pub(super) fn account() -> Vec<Field> {
    vec![
        text("Name", "Account Name", 255).required(),
        Field::picklist("Type", "Account Type", &["Prospect", "Customer", "Partner"], false),
        Field::new("Phone", "Account Phone", FieldType::Phone),
        text("Website", "Website", 255),
        text("Industry", "Industry", 255),
        long_text("Description", "Account Description"),
        owner(),
    ]
}

pub(super) fn contact() -> Vec<Field> {
    vec![
        account_reference(),
        text("FirstName", "First Name", 40),
        text("LastName", "Last Name", 80).required(),
        text("Name", "Full Name", 121).calculated(),
        Field::new("Email", "Email", FieldType::Email),
        Field::new("Phone", "Business Phone", FieldType::Phone),
        text("Title", "Title", 128),
        owner(),
    ]
}

pub(super) fn opportunity() -> Vec<Field> {
    vec![
        text("Name", "Name", 120).required(),
        account_reference(),
        Field::reference("RecordTypeId", "RecordType", &[Kind::RecordType]),
        flag("IsPrivate", "Private"),
        long_text("Description", "Description"),
        Field::picklist("StageName", "Stage", &[], false).required().tracked(),
        currency("Amount", "Amount").tracked(),
        percent("Probability", "Probability (%)"),
        currency("ExpectedRevenue", "Expected Amount").calculated(),
        Field::new("TotalOpportunityQuantity", "Quantity", FieldType::Number),
        date("CloseDate", "Close Date").required().tracked(),
        Field::picklist("Type", "Opportunity Type", &["Existing Business", "New Business"], false),
        text("NextStep", "Next Step", 255),
        Field::picklist("LeadSource", "Lead Source", &["Web", "Phone Inquiry", "Partner Referral", "Other"], false),
        flag("IsClosed", "Closed").calculated(),
        flag("IsWon", "Won").calculated(),
        Field::picklist("ForecastCategory", "Forecast Category", FORECAST_CATEGORIES, false).read_only(),
        Field::picklist("ForecastCategoryName", "Forecast Category", FORECAST_CATEGORY_NAMES, false),
        flag("HasOpportunityLineItem", "Has Line Item").read_only(),
        owner().tracked(),
        Field::reference("ContactId", "Contact", &[Kind::Contact]).create_only(),
        date("LastActivityDate", "Last Activity").read_only(),
        instant("LastStageChangeDate", "Last Stage Change Date").read_only(),
        whole("PushCount", "Push Count").read_only(),
        whole("FiscalQuarter", "Fiscal Quarter").calculated(),
        whole("FiscalYear", "Fiscal Year").calculated(),
        Field::reference("LastAmountChangedHistoryId", "LastAmountChangedHistory", &[Kind::OpportunityHistory])
            .read_only(),
        Field::reference("LastCloseDateChangedHistoryId", "LastCloseDateChangedHistory", &[Kind::OpportunityHistory])
            .read_only(),
        // The CRM refuses to filter by it.
        flag("HasOpenActivity", "Has Open Activity").calculated().unfilterable(),
    ]
}

pub(super) fn history() -> Vec<Field> {
    let fields = [
        Field::reference("OpportunityId", "Opportunity", &[Kind::Opportunity]).indexed(),
        text("StageName", "Stage Name", 255),
        currency("Amount", "Amount"),
        currency("ExpectedRevenue", "Expected Revenue"),
        date("CloseDate", "Close Date"),
        percent("Probability", "Probability"),
        Field::picklist("ForecastCategory", "To ForecastCategory", FORECAST_CATEGORIES, false),
        currency("PrevAmount", "Previous Amount"),
        date("PrevCloseDate", "Previous Close Date"),
    ];
    fields.map(Field::read_only).into()
}

pub(super) fn field_history() -> Vec<Field> {
    let fields = [
        Field::reference("OpportunityId", "Opportunity", &[Kind::Opportunity]).indexed(),
        text("Field", "Changed Field", 255),
        text("DataType", "Datatype", 40),
        text("OldValue", "Old Value", 255).unfilterable(),
        text("NewValue", "New Value", 255).unfilterable(),
    ];
    fields.map(Field::read_only).into()
}

pub(super) fn stage() -> Vec<Field> {
    let fields = [
        text("MasterLabel", "Master Label", 255),
        text("ApiName", "API Name", 255),
        flag("IsActive", "Is Active"),
        whole("SortOrder", "Order"),
        flag("IsClosed", "Closed"),
        flag("IsWon", "Won"),
        Field::picklist("ForecastCategory", "Forecast Category", FORECAST_CATEGORIES, false),
        Field::picklist("ForecastCategoryName", "Forecast Category Name", FORECAST_CATEGORY_NAMES, false),
        percent("DefaultProbability", "Probability (%)"),
        text("Description", "Description", 255),
    ];
    fields.map(Field::read_only).into()
}
