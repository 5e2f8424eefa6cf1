//! What each CRM calls the things that the auditor looks at.

use crate::company::DELAY_REASON;
use crate::options::Crm;

/// The words of one CRM.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) deals: &'static str,
    pub(super) tasks: &'static str,
    pub(super) people: &'static str,
    pub(super) name: &'static str,
    pub(super) stage: &'static str,
    pub(super) amount: &'static str,
    /// Of a deal and of a task.
    pub(super) owner: &'static str,
    pub(super) subject: &'static str,
    pub(super) body: &'static str,
    pub(super) status: &'static str,
    /// When a task is due.
    pub(super) due: &'static str,
    /// The status of a task that is done.
    pub(super) completed: &'static str,
    pub(super) zone: &'static str,
    /// The working hours of a person.
    pub(super) hours: &'static str,
    /// The type of the one record with the hours of all people, where the CRM keeps them so.
    pub(super) office_hours: Option<&'static str>,
    /// The picklist in which a rep says why.
    pub(super) reason: &'static str,
    /// Where a change comes from that a person made.
    pub(super) by_hand: &'static str,
}

impl Words {
    pub(super) fn of(crm: Crm) -> &'static Words {
        match crm {
            Crm::HubSpot => &HUBSPOT,
            Crm::Salesforce => &SALESFORCE,
        }
    }
}

const HUBSPOT: Words = Words {
    deals: "deals",
    tasks: "tasks",
    people: "users",
    name: "dealname",
    stage: "dealstage",
    amount: "amount",
    owner: "hubspot_owner_id",
    subject: "hs_task_subject",
    body: "hs_task_body",
    status: "hs_task_status",
    due: "hs_timestamp",
    completed: "COMPLETED",
    zone: "hs_standard_time_zone",
    hours: "hs_working_hours",
    office_hours: None,
    reason: DELAY_REASON,
    by_hand: "CRM_UI",
};

const SALESFORCE: Words = Words {
    deals: "Opportunity",
    tasks: "Task",
    people: "User",
    name: "Name",
    stage: "StageName",
    amount: "Amount",
    owner: "OwnerId",
    subject: "Subject",
    body: "Description",
    status: "Status",
    due: "ActivityDate",
    completed: "Completed",
    zone: "TimeZoneSidKey",
    hours: "",
    office_hours: Some("BusinessHours"),
    reason: "Delay_Reason__c",
    by_hand: "page",
};
