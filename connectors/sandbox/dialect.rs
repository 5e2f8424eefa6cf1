//! The account behind the calls: one that speaks HubSpot's dialect, or one that speaks Salesforce's.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::dump::Dump;
use crate::edit::Edit;
use crate::hubspot::HubSpot;
use crate::options::Crm;
use crate::org::Org;
use crate::org::id::Id;
use crate::org::kind::Kind;
use crate::people_at_work::EditRefused;
use crate::portal::instant::Millis;
use crate::{hubspot, org};

/// An account in the dialect of its CRM.
pub(crate) enum Dialect {
    HubSpot(Box<HubSpot>),
    Salesforce(Box<Org>),
}

impl Dialect {
    pub(crate) fn crm(&self) -> Crm {
        match self {
            Dialect::HubSpot(_) => Crm::HubSpot,
            Dialect::Salesforce(_) => Crm::Salesforce,
        }
    }

    /// The virtual instant.
    pub(crate) fn now(&self) -> Millis {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.portal.now,
            Dialect::Salesforce(org) => org.now,
        }
    }

    pub(crate) fn set_now(&mut self, now: Millis) {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.portal.now = now,
            Dialect::Salesforce(org) => org.now = now,
        }
    }

    /// The name under which a call is counted, and by which faults find it.
    pub(crate) fn endpoint(&self, method: &http::Method, path: &str) -> String {
        match self {
            Dialect::HubSpot(_) => hubspot::endpoint(method, path),
            Dialect::Salesforce(_) => org::endpoint(method, path),
        }
    }

    /// Carries a call out.
    pub(crate) fn respond(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.respond(request),
            Dialect::Salesforce(org) => org.respond(request),
        }
    }

    /// Carries out what a person does.
    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<(), EditRefused> {
        match self {
            Dialect::HubSpot(hubspot) => {
                hubspot.portal.edit(edit).map_err(|refusal| EditRefused::new(refusal.message()))
            }
            Dialect::Salesforce(org) => org.edit(edit),
        }
    }

    /// Everything that is in the account; the calls are not.
    pub(crate) fn dump(&self) -> Dump {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.portal.dump(),
            Dialect::Salesforce(org) => org.dump(),
        }
    }

    /// Fills the account with people and deals.
    pub(crate) fn seed(&mut self, deals: usize, seed: u64) {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.portal.seed(deals, seed),
            Dialect::Salesforce(org) => org.seed(deals, seed),
        }
    }

    /// Changes how long changes take to become visible to whoever asks for changes.
    pub(crate) fn set_lag(&mut self, lag: Duration) {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.portal.set_index_lag(lag),
            Dialect::Salesforce(org) => org.set_commit_lag(lag),
        }
    }

    /// Changes that for one record, also one that is made later; says whether it is there already, and `None` when there
    /// is no such type, or no record can have that id.
    pub(crate) fn set_record_lag(&mut self, record_type: &str, id: &str, lag: Duration) -> Option<bool> {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.set_record_lag(record_type, id, lag),
            Dialect::Salesforce(org) => {
                let (kind, id) = (Kind::parse(record_type)?, Id::parse(id)?);
                org.set_record_lag(id, lag);
                Some(org.table(kind).get(id).is_some())
            }
        }
    }
}
