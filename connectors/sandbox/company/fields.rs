//! The fields of the company's own, under the names that scripts of edits call them by.

use crate::edit::{Edit, NewProperty, PropertyKind, PropertyObject};

/// The checkbox on deals that reps tick when an opportunity is complex.
pub const COMPLEX: &str = "dealclock_complex";
/// The checkbox on deals that only an approval ticks.
pub const REQUEST_APPROVED: &str = "dealclock_request_approved";
/// The picklist on deals in which reps say why a proposal is late.
pub const DELAY_REASON: &str = "dealclock_delay_reason";
/// The reason in the rep's own words.
pub const DELAY_REASON_TEXT: &str = "dealclock_delay_reason_text";
/// The date by which the rep wants to be done.
pub const WANTED_UNTIL: &str = "dealclock_wanted_until";
/// The field of deals in which a manager decides.
pub const MANAGER_DECISION: &str = "dealclock_manager_decision";
/// The discount of a deal, in percent.
pub const DISCOUNT: &str = "discount_percent";
/// The checkbox on deals that only the approval of a discount ticks.
pub const DISCOUNT_APPROVED: &str = "dealclock_discount_approved";
/// The field of tasks in which whoever is asked says what they decide.
pub const OUTCOME: &str = "dealclock_outcome";

/// The fields that the company has from the first day; the others are made when Dealclock is set up.
pub(super) fn own() -> [Edit; 2] {
    [field(COMPLEX, "Complex", PropertyKind::Bool), field(DISCOUNT, "Discount percent", PropertyKind::Number)]
}

/// The fields that a set-up makes, for a company that lives without one.
#[cfg(test)]
pub(crate) fn made_by_setup() -> [Edit; 6] {
    [
        field(REQUEST_APPROVED, "Request approved", PropertyKind::Bool),
        field(DELAY_REASON, "Delay reason", PropertyKind::Text),
        field(DELAY_REASON_TEXT, "Delay reason in words", PropertyKind::Text),
        field(WANTED_UNTIL, "Wanted until", PropertyKind::Date),
        field(MANAGER_DECISION, "Manager's decision", PropertyKind::Text),
        field(DISCOUNT_APPROVED, "Discount approved", PropertyKind::Bool),
    ]
}

fn field(name: &str, label: &str, holds: PropertyKind) -> Edit {
    Edit::AddProperty(NewProperty {
        object: PropertyObject::Deals,
        name: name.to_owned(),
        label: label.to_owned(),
        holds,
    })
}
