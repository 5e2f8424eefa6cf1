//! What kind of field a key of a rule file wants, checked against a catalogue.

use dealclock_model::record::field;
use dealclock_model::{Catalog, FieldName, ValueType};

use crate::flaw::Flaw;
use crate::suggest;

/// A kind of field.
pub(super) struct Wanted {
    types: &'static [ValueType],
    /// Whether Dealclock or the rep writes it, so that the CRM's own fields will not do.
    is_written: bool,
    /// The name that an example has.
    pub example: &'static str,
}

/// A moment from which something is counted.
pub(super) static TIME: Wanted =
    Wanted { types: &[ValueType::Time], is_written: false, example: field::STAGE_ENTERED_AT };
/// The checkbox by which a rep asks.
pub(super) static ASKING_BOX: Wanted = Wanted { types: &[ValueType::Bool], is_written: true, example: "complex" };
/// The checkbox that an approval ticks.
pub(super) static GRANTED_BOX: Wanted =
    Wanted { types: &[ValueType::Bool], is_written: true, example: "request_approved" };
/// A date that a rep fills.
pub(super) static DATE: Wanted = Wanted { types: &[ValueType::Date], is_written: false, example: "wanted_until" };
/// A picklist of reasons.
pub(super) static REASON: Wanted = Wanted { types: &[ValueType::Text], is_written: true, example: "delay_reason" };
/// A reason in words.
pub(super) static WORDS: Wanted = Wanted { types: &[ValueType::Text], is_written: true, example: "delay_reason_text" };
/// A field in which somebody decides.
pub(super) static DECISION: Wanted =
    Wanted { types: &[ValueType::Text], is_written: false, example: "manager_decision" };
/// A field that may rise or fall.
pub(super) static ORDERED: Wanted =
    Wanted { types: &[ValueType::Number, ValueType::Date, ValueType::Time], is_written: false, example: field::AMOUNT };
/// Any field.
pub(super) static ANY: Wanted = Wanted {
    types: &[ValueType::Bool, ValueType::Number, ValueType::Text, ValueType::Time, ValueType::Date],
    is_written: false,
    example: field::STAGE,
};

impl Wanted {
    /// Finds a field in a catalogue.
    pub fn read(&self, name: &str, catalog: &Catalog) -> Result<FieldName, Vec<Flaw>> {
        let flaw = |message: String| Flaw::new(0..name.len(), message);
        let fitting = self.fitting(catalog);
        match catalog.fields.get(name) {
            Some(spec) if !self.types.contains(&spec.value_type) => {
                let types = self.types();
                let message =
                    format!("`{name}` is of type {}, where a field of type {types} is needed", spec.value_type);
                let help = match fitting.is_empty() {
                    true => format!("map a field of type {types}"),
                    false => format!("such fields are: {}", suggest::list(fitting)),
                };
                Err(vec![flaw(message).help(help)])
            }
            Some(_) if self.is_written && is_of_the_crm(name) => {
                let help = match fitting.is_empty() {
                    true => "map a field of your own".to_owned(),
                    false => format!("fields of your own are: {}", suggest::list(fitting)),
                };
                Err(vec![flaw(format!("`{name}` belongs to the CRM, where a field of your own is needed")).help(help)])
            }
            Some(_) => Ok(FieldName::from(name)),
            None => {
                let flaw = flaw(format!("no field `{name}`")).lacking_field();
                let what = format!("the fields of type {} are", self.types());
                let all = "the fields are".to_owned();
                let what = if self.types.len() == ANY.types.len() { all } else { what };
                Err(vec![match fitting.is_empty() {
                    true => flaw.help(format!("no field of type {} is mapped", self.types())),
                    false => flaw.help(suggest::instead_of(name, fitting, &what)),
                }])
            }
        }
    }

    fn fitting<'c>(&self, catalog: &'c Catalog) -> Vec<&'c str> {
        let fits = |(name, spec): &(&FieldName, &dealclock_model::record::FieldSpec)| {
            self.types.contains(&spec.value_type) && !(self.is_written && is_of_the_crm(name.as_str()))
        };
        catalog.fields.iter().filter(fits).map(|(name, _)| name.as_str()).collect()
    }

    fn types(&self) -> String {
        let [rest @ .., last] = self.types else { return String::new() };
        let rest: Vec<&str> = rest.iter().map(|value_type| value_type.as_str()).collect();
        if rest.is_empty() { last.to_string() } else { format!("{} or {last}", rest.join(", ")) }
    }
}

/// Whether the CRM itself keeps the field: no checkbox of ours stands there.
fn is_of_the_crm(name: &str) -> bool {
    field::OPPORTUNITY.iter().chain(field::OWNER).any(|(known, _)| *known == name)
}
