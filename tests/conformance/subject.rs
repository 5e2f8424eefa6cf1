//! What the suite needs of a CRM: people who work in it, faults that befall calls to it, and its connector.

use std::sync::Arc;

use dealclock_connector::Connector;
use dealclock_model::{FieldName, PersonId};
use http::{HeaderMap, Method};

use crate::clock::HandClock;

/// A call of the connector's, as far as a fault is aimed at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A page of the first read.
    List,
    /// A poll for changes.
    Poll,
    /// The creation of tasks.
    Create,
    /// A record is handed in at the CRM's own approval process.
    HandIn,
}

/// What goes wrong with the next call of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A limit was reached; the answer says for how many seconds, or does not.
    Throttled(Option<u32>),
    /// Every second input of a batch fails, under a status of success.
    ErrorsInside,
    /// It is carried out, and no answer comes.
    LostAfter,
    /// It is not carried out, and no answer comes.
    LostBefore,
    /// It does not leave.
    NotSent,
    /// It is carried out, and the answer ends in the middle.
    Truncated,
    /// It is carried out, and a page for people comes in place of the answer.
    WebPage,
    /// The answer leads to another host.
    Redirected,
    /// The link to the next page leads to another host.
    ForeignLink,
    /// The access runs out before the second call of the step.
    Expired,
    /// The access runs out, and there is no other.
    Revoked,
}

/// A task as the CRM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: String,
    pub key: Option<String>,
    pub subject: String,
    /// The text; markup and all.
    pub body: String,
    pub is_done: bool,
    pub is_deleted: bool,
}

/// What a person does with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEdit {
    Complete,
    /// Completes it, and says in it that the request is granted.
    Approve,
    Reword,
    Delete,
}

/// A request to us.
#[derive(Clone, Debug)]
pub struct Message {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A request to us that is not to be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// From somebody who does not know the secret, or about somebody else's account.
    Wrong,
    /// Genuine, and sent again much later.
    Stale,
    /// No message of this CRM.
    Unreadable,
}

/// One CRM with a connector to it.
pub trait Subject {
    /// Why the CRM cannot have a case; such a case is not run.
    fn lacks(case: &str) -> Option<&'static str>
    where
        Self: Sized;

    /// A fresh account with the fields that setup makes, and nobody's records; limited as its CRM limits it, or not.
    fn new(is_limited: bool) -> Self
    where
        Self: Sized;

    fn clock(&self) -> &Arc<HandClock>;

    /// Turns all clocks.
    fn pass(&self, seconds: i64);

    /// A connector, as after a start of the daemon.
    fn connect(&self) -> Arc<dyn Connector>;

    /// Most records in a page of the first read, and of a poll.
    fn pages(&self) -> (usize, usize);

    /// Most writes in one call.
    fn batch(&self) -> usize;

    /// An active person who owns all records.
    fn owner(&self) -> PersonId;

    /// People make records at the present instant; returns their ids.
    fn add(&self, names: &[String]) -> Vec<String>;

    /// The canonical field by which we may write what records are called.
    fn name_field(&self) -> FieldName;

    /// A person renames a record.
    fn rename(&self, id: &str, name: &str);

    fn delete(&self, id: &str);

    fn restore(&self, id: &str);

    fn merge(&self, survivor: &str, absorbed: &str);

    /// An administrator deactivates the owner of all records.
    fn deactivate_owner(&self);

    /// Lets changes of one record become visible so much later than others.
    fn hide(&self, id: &str, seconds: u64);

    /// All tasks that were ever made.
    fn tasks(&self) -> Vec<Task>;

    fn edit_task(&self, id: &str, edit: TaskEdit);

    /// How many notices and mails the CRM sent.
    fn sent(&self) -> usize;

    /// What goes wrong with the next call of a step. Where that cannot be, `lacks` says so.
    fn befall(&self, step: Step, trouble: Trouble);

    /// Nothing goes wrong any more.
    fn heal(&self);

    /// How many calls the CRM was asked.
    fn calls(&self) -> u64;

    /// How many calls it refused for its limits.
    fn refusals(&self) -> u64;

    /// The most calls that are our share of a limited account within so many seconds.
    fn share(&self, seconds: i64) -> u64;

    /// Hosts that were called and are none of the CRM's.
    fn strangers(&self) -> Vec<String>;

    /// What no log and no error may hold.
    fn secrets(&self) -> Vec<String>;

    /// A genuine request to us about a record of an account.
    fn message(&self, account: &str, record: &str) -> Message;

    /// A request to us that is not to be taken in.
    fn forgery(&self, account: &str, record: &str, forgery: Forgery) -> Message;
}
