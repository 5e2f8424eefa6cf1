//! Salesforce's names: the API version, hosts, paths, and the fields that we use.

/// The version that every path names; `check` asks the org whether it has it.
///
/// [Versions](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_versions.htm) appear three
/// times a year and live for three years at least; the next one is this line and a run of the tests.
pub const VERSION: &str = "65.0";

/// The hosts that a token may be sent to, with everything below them.
pub const HOSTS: &[&str] = &["my.salesforce.com", "salesforce.com", "force.com"];

/// The hosts where people and programs log in; no org's data stands there.
pub const LOGIN_HOSTS: &[&str] = &["login.salesforce.com", "test.salesforce.com"];

/// Most records in one `fetch`: one composite call.
pub const FETCH_BATCH: usize = 2_000;

/// Most writes in one `apply`: five collections of one composite call.
pub const APPLY_BATCH: usize = QUERIES * COLLECTION;

/// Most records in one `history`.
pub const HISTORY_BATCH: usize = 500;

/// Most records in a
/// [collection](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_create.htm).
pub const COLLECTION: usize = 200;

/// Most subrequests in a
/// [composite](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite_post.htm).
pub const SUBREQUESTS: usize = 25;

/// Most queries and collections among the subrequests of a composite.
pub const QUERIES: usize = 5;

/// Most ids or keys in the `IN (...)` of one query.
pub const IN_LIST: usize = 500;

/// Most bytes of a query's address; Salesforce refuses 16,384 of address and headers together.
pub const ADDRESS: usize = 14_000;

/// The unique external id on tasks that holds our key.
pub const KEY: &str = "Dealclock_Key__c";

/// The picklist on tasks in which a person says what they decide.
pub const OUTCOME: &str = "Dealclock_Outcome__c";

/// The type of our notices, by its API name.
pub const NOTICE_TYPE: &str = "Dealclock";

/// The path of the list of versions; it costs no call.
pub const VERSIONS: &str = "/services/data/";

/// The path of the integration user's own identity.
pub const USER_INFO: &str = "/services/oauth2/userinfo";

/// A path below the version.
pub fn data(rest: &str) -> String {
    format!("/services/data/v{VERSION}{rest}")
}

/// The path of an object's definition.
pub fn describe(object: &str) -> String {
    data(&format!("/sobjects/{object}/describe"))
}

/// The path of a standard
/// [action](https://developer.salesforce.com/docs/atlas.en-us.api_action.meta/api_action/actions_intro_invoking.htm).
pub fn action(name: &str) -> String {
    data(&format!("/actions/standard/{name}"))
}

/// The path of one record.
pub fn record(object: &str, id: &str) -> String {
    data(&format!("/sobjects/{object}/{id}"))
}

/// The object of opportunities.
pub const OPPORTUNITY: &str = "Opportunity";

/// The object of tasks.
pub const TASK: &str = "Task";

/// How the ids of opportunities begin.
pub const OPPORTUNITY_PREFIX: &str = "006";

/// How the ids of tasks begin.
pub const TASK_PREFIX: &str = "00T";

/// How the ids of users begin.
pub const USER_PREFIX: &str = "005";

/// Fields that many objects share.
pub mod common {
    /// The id.
    pub const ID: &str = "Id";
    /// The name.
    pub const NAME: &str = "Name";
    /// When it was made.
    pub const CREATED: &str = "CreatedDate";
    /// When a person or the system changed it last; indexed.
    pub const STAMP: &str = "SystemModstamp";
    /// When a person or a program changed it last; what conditional writes compare.
    pub const MODIFIED: &str = "LastModifiedDate";
    /// Whether it is in the recycle bin.
    pub const IS_DELETED: &str = "IsDeleted";
    /// The owner's id.
    pub const OWNER: &str = "OwnerId";
}

/// Fields of opportunities.
pub mod opportunity {
    /// The amount in the record's currency.
    pub const AMOUNT: &str = "Amount";
    /// The ISO code of the currency; only in orgs with several.
    pub const CURRENCY: &str = "CurrencyIsoCode";
    /// The stage, by its API name.
    pub const STAGE: &str = "StageName";
    /// The expected close date, a plain date.
    pub const CLOSE_DATE: &str = "CloseDate";
    /// Whether it is closed.
    pub const IS_CLOSED: &str = "IsClosed";
    /// Whether it is won.
    pub const IS_WON: &str = "IsWon";
    /// When the stage changed last; empty when it never did.
    pub const STAGE_CHANGED: &str = "LastStageChangeDate";
    /// The account, whose row a write to a task locks.
    pub const ACCOUNT: &str = "AccountId";
    /// The probability of winning.
    pub const PROBABILITY: &str = "Probability";
    /// The child relationship of stage history.
    pub const HISTORIES: &str = "OpportunityHistories";
}

/// Fields of tasks.
pub mod task {
    /// One line.
    pub const SUBJECT: &str = "Subject";
    /// The status, by its API name.
    pub const STATUS: &str = "Status";
    /// Whether the status means done.
    pub const IS_CLOSED: &str = "IsClosed";
    /// The due date, a plain date.
    pub const DUE: &str = "ActivityDate";
    /// Whether it pops up.
    pub const IS_REMINDER_SET: &str = "IsReminderSet";
    /// When it pops up.
    pub const REMINDER: &str = "ReminderDateTime";
    /// Plain text.
    pub const TEXT: &str = "Description";
    /// The record that it is about.
    pub const ABOUT: &str = "WhatId";
}
