//! The people of the account: owners of records, and the users behind them.

use super::instant::Millis;
use super::kind::RecordId;

/// An owner of records; its id is never that of its user.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) id: u64,
    pub(crate) user_id: u64,
    /// The record of type user that holds the zone and the working hours.
    pub(crate) user_record: RecordId,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) team: Option<Team>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) archived: Option<Millis>,
}

/// A team that an owner belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Team {
    pub(crate) id: u64,
    pub(crate) name: String,
}
