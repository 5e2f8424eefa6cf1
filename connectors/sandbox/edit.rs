//! What people do in the CRM's own pages, as data: a change and the instant at which it happens.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Property values by name, as strings; an empty string clears the property.
pub type Properties = BTreeMap<String, String>;

/// A change with its instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedEdit {
    /// When it happens.
    pub at: DateTime<Utc>,
    /// What happens.
    pub edit: Edit,
}

/// Names a deal, also one whose record id is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DealName {
    /// The handle given at its creation.
    Handle(String),
    /// Its record id.
    Id(String),
}

impl DealName {
    /// Names a deal by its handle.
    pub fn handle(handle: impl Into<String>) -> DealName {
        DealName::Handle(handle.into())
    }
}

/// Names tasks, also ones that a daemon has made meanwhile and whose ids nobody knew beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    /// One task, by its record id.
    Id(String),
    /// The youngest task of the deal that is neither completed nor deleted; nothing when there is none.
    NewestOpenOf(DealName),
    /// The youngest of them by which somebody is asked to decide; nothing when they are not asked.
    Asking {
        /// The deal.
        deal: DealName,
        /// The owner id of whoever is asked.
        whom: String,
    },
}

/// What the subject of a task begins with by which somebody is asked to decide.
pub const ASKING_SUBJECT: &str = "Decide: ";

/// One change made by a person.
///
/// A change to something that does not exist, or that is in the wanted state already, is no error: it does nothing, as
/// a person who finds the record gone does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Edit {
    /// An administrator invites a user, who thereby becomes an owner.
    AddPerson(NewPerson),
    /// An administrator adds a pipeline of deals with its stages; one with the same id is replaced.
    AddPipeline(NewPipeline),
    /// An administrator adds a property to deals or tasks; one with the same name stays as it is.
    AddProperty(NewProperty),
    /// Somebody creates a deal.
    CreateDeal {
        /// A name for later edits, unique in a timeline.
        handle: String,
        /// Its properties: at least `dealname`, `pipeline` and `dealstage`.
        properties: Properties,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody changes properties of a deal, all at the same instant.
    SetDeal {
        /// The deal.
        deal: DealName,
        /// The new values.
        properties: Properties,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody moves a deal to the recycle bin.
    DeleteDeal {
        /// The deal.
        deal: DealName,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody takes a deal out of the recycle bin.
    RestoreDeal {
        /// The deal.
        deal: DealName,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody merges two deals: the survivor keeps its own values, its tasks and the other's.
    MergeDeals {
        /// The deal that stays.
        survivor: DealName,
        /// The deal that is absorbed.
        absorbed: DealName,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody ticks a task off.
    CompleteTask {
        /// The task.
        task: TaskName,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody changes properties of a task.
    SetTask {
        /// The task.
        task: TaskName,
        /// The new values.
        properties: Properties,
        /// The user id of who did it.
        by: String,
    },
    /// Somebody deletes a task.
    DeleteTask {
        /// The task.
        task: TaskName,
        /// The user id of who did it.
        by: String,
    },
    /// An administrator deactivates a user: the owner is archived, deals keep pointing to it.
    DeactivateOwner {
        /// The owner id.
        owner: String,
    },
    /// An administrator lets a deactivated user back in.
    ReactivateOwner {
        /// The owner id.
        owner: String,
    },
    /// A user changes their time zone.
    SetZone {
        /// The owner id.
        owner: String,
        /// The new zone, an IANA name; `None` clears it.
        zone: Option<String>,
    },
    /// An administrator says who somebody's manager is, where the CRM knows that of its users.
    SetManager {
        /// The owner id.
        owner: String,
        /// The owner id of the manager; `None` for whoever reports to nobody.
        manager: Option<String>,
    },
    /// An administrator sets when the whole company works, Monday to Friday, where the CRM keeps that for all at once;
    /// elsewhere each person has hours of their own.
    SetOfficeHours {
        /// The first minute of the day.
        start_minute: u32,
        /// The first minute after it.
        end_minute: u32,
    },
    /// An administrator renames a stage; its id stays.
    RenameStage {
        /// The pipeline's id.
        pipeline: String,
        /// The stage's id.
        stage: String,
        /// The new label.
        label: String,
    },
    /// Somebody who is asked decides about a deal that was handed in for approval, where the CRM has such a process;
    /// nothing where nobody is asked.
    DecideApproval {
        /// The deal.
        deal: DealName,
        /// Whether it is granted.
        granted: bool,
        /// What they say.
        comment: String,
        /// The user id of who decides.
        by: String,
    },
}

/// A user to invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPerson {
    /// The id that deals and tasks name.
    pub owner_id: String,
    /// The id that histories name; never the owner id.
    pub user_id: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The mail address.
    pub email: String,
    /// What they do.
    pub job_title: String,
    /// The team, by name.
    pub team: Option<String>,
    /// The time zone, an IANA name; `None` where the user never set one.
    pub zone: Option<String>,
}

/// A pipeline of deals to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPipeline {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Its stages, in order.
    pub stages: Vec<NewStage>,
}

/// A stage of a pipeline to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewStage {
    /// Its id, unique in the account.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// The chance of winning, in percent.
    pub percent: u8,
    /// Whether a deal in it is closed: won with 100 percent, lost with 0.
    pub closed: bool,
}

/// A property to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProperty {
    /// The type of record it stands on.
    pub object: PropertyObject,
    /// Its internal name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// What it holds.
    pub holds: PropertyKind,
}

/// The type of record that a property stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyObject {
    /// Deals.
    Deals,
    /// Tasks.
    Tasks,
}

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyKind {
    /// A checkbox.
    Bool,
    /// One line of text.
    Text,
    /// A text of which no two records hold the same.
    UniqueText,
    /// A number.
    Number,
    /// A date without a time.
    Date,
    /// An instant.
    DateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_reads_as_it_is_written_in_a_control_call() {
        let text = r#"{"at":"2026-03-02T09:13:27Z","edit":{"kind":"complete_task","task":{"newest_open_of":{"handle":"d1"}},"by":"7001"}}"#;
        let edit: TimedEdit = serde_json::from_str(text).unwrap();
        let task = TaskName::NewestOpenOf(DealName::handle("d1"));
        assert_eq!(edit.edit, Edit::CompleteTask { task, by: "7001".to_owned() });
        assert_eq!(serde_json::to_string(&edit).unwrap(), text);
    }
}
