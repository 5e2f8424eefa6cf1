//! HubSpot's names: the API version, paths, object types, properties and association types that we use.

/// The dated API version that every path names.
///
/// [Versions](https://developers.hubspot.com/docs/api-reference/legacy/migration-guide) appear in March and September
/// and live for 18 months; the next one is this line and a run of the tests.
pub const VERSION: &str = "2026-09";

/// The public address; accounts in the European data centre use the same one.
pub const BASE_URL: &str = "https://api.hubapi.com";

/// The dated version of the Webhooks Journal, which comes out on its own days.
pub const JOURNAL_VERSION: &str = "2026-03";

/// The hosts that a token may be sent to.
pub const TOKEN_HOSTS: &[&str] = &["hubapi.com"];

/// The hosts that are called: those, and where files of the journal are fetched from, without a token.
pub const HOSTS: &[&str] = &["hubapi.com", "amazonaws.com"];

/// Most records in a batch call, and in a page of the list.
pub const BATCH: usize = 100;

/// Most records in a batch read with history.
pub const HISTORY_BATCH: usize = 50;

/// Most records in a page of a search.
pub const SEARCH_PAGE: usize = 200;

/// Most characters in the body of a search.
pub const SEARCH_BODY: usize = 3_000;

/// Most records in one read of associations.
pub const ASSOCIATIONS_BATCH: usize = 1_000;

/// The association of a task with the deal that it is about.
pub const TASK_TO_DEAL: u32 = 216;

/// The unique property on tasks that holds our key.
pub const KEY: &str = "dealclock_key";

/// The property on tasks in which a person says what they decide.
pub const OUTCOME: &str = "dealclock_outcome";

/// The property group that holds what setup makes.
pub const GROUP: &str = "dealclock";

/// The number of the type of deals.
pub const DEAL_TYPE: &str = "0-3";

/// A type of HubSpot's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Deals, `0-3`.
    Deals,
    /// Tasks, `0-27`.
    Tasks,
    /// Users, `0-115`.
    Users,
}

impl Kind {
    /// The name in a path.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Deals => "deals",
            Kind::Tasks => "tasks",
            Kind::Users => "users",
        }
    }
}

/// The path of an object type, with what follows it.
pub fn objects(kind: Kind, rest: &str) -> String {
    format!("/crm/objects/{VERSION}/{}{rest}", kind.as_str())
}

/// The path of an object type's properties, with what follows it.
pub fn properties(kind: Kind, rest: &str) -> String {
    format!("/crm/properties/{VERSION}/{}{rest}", kind.as_str())
}

/// The path of the pipelines of deals.
pub fn pipelines() -> String {
    format!("/crm/pipelines/{VERSION}/deals")
}

/// The path of the owners, with what follows it.
pub fn owners(rest: &str) -> String {
    format!("/crm/owners/{VERSION}{rest}")
}

/// The path that tells which tasks hang on deals.
pub fn tasks_of_deals() -> String {
    format!("/crm/associations/{VERSION}/deals/tasks/batch/read")
}

/// The path of the account's details.
pub fn account() -> String {
    format!("/account-info/{VERSION}/details")
}

/// The path of a place in one account's journal: `earliest`, `latest`, or `offset/.../next`.
pub fn journal(place: &str, account: &str) -> String {
    format!("/webhooks-journal/journal-local/{JOURNAL_VERSION}/{place}?installPortalId={account}")
}

/// The path of the journal's subscriptions.
pub fn subscriptions() -> String {
    format!("/webhooks-journal/subscriptions/{JOURNAL_VERSION}")
}

/// Properties of deals.
pub mod deal {
    /// The name.
    pub const NAME: &str = "dealname";
    /// The amount in the deal's own currency.
    pub const AMOUNT: &str = "amount";
    /// The amount in the account's currency, calculated.
    pub const AMOUNT_HOME: &str = "amount_in_home_currency";
    /// The ISO code of `amount`; may be empty when the account has one currency.
    pub const CURRENCY: &str = "deal_currency_code";
    /// The stage's id.
    pub const STAGE: &str = "dealstage";
    /// The pipeline's id.
    pub const PIPELINE: &str = "pipeline";
    /// The owner's id, which is not the user's.
    pub const OWNER: &str = "hubspot_owner_id";
    /// The expected close date; an instant.
    pub const CLOSE_DATE: &str = "closedate";
    /// When it was made.
    pub const CREATED: &str = "createdate";
    /// When anything about it changed, calculated values included.
    pub const MODIFIED: &str = "hs_lastmodifieddate";
    /// Whether it is closed, calculated.
    pub const IS_CLOSED: &str = "hs_is_closed";
    /// Whether it is won, calculated.
    pub const IS_WON: &str = "hs_is_closed_won";
    /// When it entered its present stage.
    pub const STAGE_ENTERED: &str = "hs_v2_date_entered_current_stage";
    /// The ids of deals merged into it, separated by semicolons.
    pub const MERGED: &str = "hs_merged_object_ids";
    /// The id.
    pub const ID: &str = "hs_object_id";
    /// How the names of the properties begin that tell when a stage was entered.
    pub const ENTERED_PREFIX: &str = "hs_v2_date_entered_";

    /// What every read of a deal asks for.
    pub const READ: &[&str] = &[
        NAME,
        AMOUNT,
        AMOUNT_HOME,
        CURRENCY,
        STAGE,
        PIPELINE,
        OWNER,
        CLOSE_DATE,
        CREATED,
        MODIFIED,
        IS_CLOSED,
        IS_WON,
        STAGE_ENTERED,
    ];
}

/// Properties of tasks.
pub mod task {
    /// The due instant.
    pub const DUE: &str = "hs_timestamp";
    /// The subject.
    pub const SUBJECT: &str = "hs_task_subject";
    /// The text, HTML.
    pub const BODY: &str = "hs_task_body";
    /// The status.
    pub const STATUS: &str = "hs_task_status";
    /// The type.
    pub const TYPE: &str = "hs_task_type";
    /// When it pops up, in milliseconds.
    pub const REMINDERS: &str = "hs_task_reminders";
    /// The owner's id.
    pub const OWNER: &str = "hubspot_owner_id";
    /// When anything about it changed.
    pub const MODIFIED: &str = "hs_lastmodifieddate";
    /// The status of a task that is not started.
    pub const NOT_STARTED: &str = "NOT_STARTED";
    /// The status of a task that is done.
    pub const COMPLETED: &str = "COMPLETED";
}

/// Properties of users.
pub mod user {
    /// The user's id, as owners name it.
    pub const ID: &str = "hs_internal_user_id";
    /// The zone.
    pub const ZONE: &str = "hs_standard_time_zone";
    /// The working hours, as JSON in a string.
    pub const HOURS: &str = "hs_working_hours";
}
