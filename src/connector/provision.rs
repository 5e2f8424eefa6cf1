//! Making the CRM fields that the rules need: a plan first, then one item after another, safe to repeat.

use async_trait::async_trait;
use dealclock_model::ValueType;

use crate::Result;

/// A field that must exist in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Whether it stands on tasks rather than on opportunities.
    pub on_tasks: bool,
    /// The CRM's API name, from the mapping.
    pub name: String,
    /// The label that people read.
    pub label: String,
    /// What it is for, shown in the CRM beside the field.
    pub description: String,
    /// Its type.
    pub value_type: ValueType,
    /// For a picklist: values with their labels, in order. Empty for anything else.
    pub options: Vec<(String, String)>,
    /// Whether free text of several lines is meant.
    pub long_text: bool,
    /// Whether the CRM must refuse a second record with the same value.
    pub unique: bool,
    /// Whether only Dealclock writes it, so that others are to see it and no more, where the CRM can tell them apart.
    pub read_only_for_reps: bool,
    /// For a checkbox: the API name of the one without which it must not be ticked, where the CRM can enforce that.
    pub requires: Option<String>,
}

/// What `setup` found and would do, in the order in which it would do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One item for each group or field.
    pub items: Vec<PlanItem>,
    /// What an administrator must do by hand, such as placing a field on a page.
    pub by_hand: Vec<String>,
}

/// One thing that `setup` makes or leaves alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanItem {
    /// The CRM's API name.
    pub name: String,
    /// One line for a person: what it is and where.
    pub what: String,
    /// Whether it is missing, there, or there in another shape.
    pub state: PlanState,
}

/// What the CRM has of a planned item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanState {
    /// It is missing and will be made.
    Missing,
    /// It is there and fits.
    Present,
    /// It is there in another shape; it is never changed, and the reason says what does not fit.
    Differs(String),
}

/// An optional ability: make fields in the CRM.
#[async_trait]
pub trait Provision: Send + Sync {
    /// Compares the needs with the CRM; changes nothing.
    async fn plan(&self, needs: &[Need]) -> Result<Plan>;

    /// Makes one missing item of the plan. An item that appeared meanwhile is success.
    async fn make(&self, needs: &[Need], item: &PlanItem) -> Result<()>;
}
