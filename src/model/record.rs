//! Records as they arrive from a CRM, after normalisation to canonical names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FieldName, Instant, PersonId, RecordId, RecordRef, Value, ValueType};

/// Canonical field names that every connector fills, whatever the CRM calls them.
pub mod field {
    /// The record's name. Text.
    pub const NAME: &str = "name";
    /// The amount in the connection's home currency. Number.
    pub const AMOUNT: &str = "amount";
    /// The amount as entered. Number.
    pub const AMOUNT_RECORD: &str = "amount_record";
    /// The ISO code of the currency of `amount_record`. Text.
    pub const CURRENCY: &str = "currency";
    /// The stage, by the name the configuration maps it to, else by the CRM's label. Text.
    pub const STAGE: &str = "stage";
    /// The stage's id in the CRM. Text.
    pub const STAGE_ID: &str = "stage_id";
    /// The pipeline's label. Text.
    pub const PIPELINE: &str = "pipeline";
    /// When the record entered its present stage, by the CRM's own time. Time.
    pub const STAGE_ENTERED_AT: &str = "stage_entered_at";
    /// When the record was created. Time.
    pub const CREATED_AT: &str = "created_at";
    /// The CRM's modification stamp. Time.
    pub const MODIFIED_AT: &str = "modified_at";
    /// The expected close date. Date.
    pub const CLOSE_DATE: &str = "close_date";
    /// Whether the record is closed, won or lost. Bool.
    pub const IS_CLOSED: &str = "is_closed";
    /// Whether the record is won. Bool.
    pub const IS_WON: &str = "is_won";

    use crate::ValueType;

    /// The canonical fields of an opportunity with their types.
    pub const OPPORTUNITY: &[(&str, ValueType)] = &[
        (NAME, ValueType::Text),
        (AMOUNT, ValueType::Number),
        (AMOUNT_RECORD, ValueType::Number),
        (CURRENCY, ValueType::Text),
        (STAGE, ValueType::Text),
        (STAGE_ID, ValueType::Text),
        (PIPELINE, ValueType::Text),
        (STAGE_ENTERED_AT, ValueType::Time),
        (CREATED_AT, ValueType::Time),
        (MODIFIED_AT, ValueType::Time),
        (CLOSE_DATE, ValueType::Date),
        (IS_CLOSED, ValueType::Bool),
        (IS_WON, ValueType::Bool),
    ];

    /// Fields of the record's owner, taken from the person and written `owner.name` in rules.
    pub const OWNER: &[(&str, ValueType)] = &[
        ("owner.id", ValueType::Text),
        ("owner.name", ValueType::Text),
        ("owner.email", ValueType::Text),
        ("owner.active", ValueType::Bool),
    ];

    /// Names that the running example maps, with the types they have unless the mapping says otherwise.
    pub const WELL_KNOWN: &[(&str, ValueType)] = &[
        ("complex", ValueType::Bool),
        ("request_approved", ValueType::Bool),
        ("delay_reason", ValueType::Text),
        ("delay_reason_text", ValueType::Text),
        ("wanted_until", ValueType::Date),
        ("proposal_sent_at", ValueType::Time),
        ("manager_decision", ValueType::Text),
        ("discount_percent", ValueType::Number),
        ("discount_approved", ValueType::Bool),
    ];
}

/// A record as the CRM shows it at its stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The owner; `None` when the record has none.
    pub owner: Option<PersonId>,
    /// Canonical and mapped fields. An absent field is empty.
    pub fields: BTreeMap<FieldName, Value>,
    /// Where a person opens the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why no clock may be judged on this record, such as an amount without an exchange rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<String>,
}

impl Record {
    /// A field's value; [`Value::Null`] when absent.
    pub fn get(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// The record's name for a person to read.
    pub fn name(&self) -> &str {
        match self.get(field::NAME) {
            Value::Text(name) => name,
            _ => "(no name)",
        }
    }

    /// Whether the record is closed.
    pub fn is_closed(&self) -> bool {
        self.get(field::IS_CLOSED) == &Value::Bool(true)
    }
}

/// What the CRM says of one record at one stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which record.
    pub record: RecordRef,
    /// The CRM's own time of this state: its modification stamp, or the time of deletion where it tells one.
    pub stamp: Instant,
    /// The state.
    pub state: ChangeState,
}

/// The state a change reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// The record exists.
    Present(Record),
    /// The record is in the recycle bin, purged, or no longer visible to us.
    Deleted,
    /// The record was merged into another, which lives on.
    Merged {
        /// The survivor.
        into: RecordId,
    },
}

/// The past values of one field, oldest first, as the CRM's history tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldHistory {
    /// The canonical field.
    pub field: FieldName,
    /// `(since, value)`, oldest first.
    pub entries: Vec<(Instant, Value)>,
}

/// One field that rules may name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Its type.
    pub value_type: ValueType,
    /// The values a picklist may hold, where known; for `stage` the names the configuration and the CRM use.
    #[serde(default)]
    pub options: Option<Vec<String>>,
}

/// The fields of one kind of record on one connection, as rules may name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Canonical, owner and mapped fields by name.
    pub fields: BTreeMap<FieldName, FieldSpec>,
}

impl Catalog {
    /// The canonical fields of an opportunity and of its owner, without any mapping.
    pub fn opportunity() -> Catalog {
        let fields = field::OPPORTUNITY
            .iter()
            .chain(field::OWNER)
            .map(|(name, value_type)| (FieldName::from(name), FieldSpec { value_type: *value_type, options: None }))
            .collect();
        Catalog { fields }
    }

    /// Adds or replaces one field.
    #[must_use]
    pub fn with(mut self, name: &str, value_type: ValueType) -> Catalog {
        self.fields.insert(FieldName::from(name), FieldSpec { value_type, options: None });
        self
    }
}
