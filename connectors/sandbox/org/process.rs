//! An approval process as an administrator defines it.

use std::collections::BTreeSet;

/// An approval process on opportunities with one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalProcess {
    /// The name by which programs choose it.
    pub name: String,
    /// The name that people read.
    pub label: String,
    /// The checkbox that must be ticked for an opportunity to be let in; any opportunity is where there is none.
    pub needs: Option<String>,
    /// Who decides.
    pub approver: Approver,
    /// The checkboxes that the CRM ticks once it is granted.
    pub ticks: BTreeSet<String>,
    /// Whether a single request that fails is refused as a whole, with status 400; else the answer is 200 and says so
    /// inside.
    pub refuses_plainly: bool,
}

/// Who decides in an approval process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approver {
    /// The manager of whoever hands the opportunity in.
    Manager,
    /// Always the same user, by the name to log in with.
    User(String),
    /// Whomever the submitter names.
    Chosen,
}

impl ApprovalProcess {
    /// Complex deals go to the submitter's manager.
    pub fn complex_deal() -> ApprovalProcess {
        ApprovalProcess {
            name: "Complex_Deal".to_owned(),
            label: "Complex Deal".to_owned(),
            needs: None,
            approver: Approver::Manager,
            ticks: BTreeSet::new(),
            refuses_plainly: true,
        }
    }
}
