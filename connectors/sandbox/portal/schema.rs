//! The properties of a type of record: their definitions, and which of them the CRM calculates.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::instant::Millis;

/// A property of one type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PropertyId(u16);

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ValueType {
    String,
    Number,
    Date,
    DateTime,
    Bool,
    Enumeration,
}

impl ValueType {
    /// Whether a form may show the property in this way.
    pub(crate) fn admits(self, field_type: &str) -> bool {
        let field_types: &[&str] = match self {
            ValueType::String => &["text", "textarea", "html", "phonenumber", "file", "calculation_equation"],
            ValueType::Number => &["number", "calculation_equation"],
            ValueType::Date | ValueType::DateTime => &["date", "calculation_equation"],
            ValueType::Bool => &["booleancheckbox", "calculation_equation"],
            ValueType::Enumeration => &["select", "radio", "checkbox", "booleancheckbox", "calculation_equation"],
        };
        field_types.contains(&field_type)
    }
}

/// A value that an enumeration admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) display_order: i32,
    #[serde(default)]
    pub(crate) hidden: bool,
}

/// Where the CRM takes the value of a property from that nobody can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Calculation {
    ObjectId,
    Created,
    Updated,
    SourceName,
    SourceId,
    MergedIds,
    StageEntered(String),
    StageExited(String),
    CurrentStageEntered,
    IsClosed,
    IsClosedWon,
    StageProbability,
    HomeAmount,
    TaskIsCompleted,
    TaskIsOverdue,
    TaskCompletedAt,
    Coordinates,
}

/// What the values of a property must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Owner,
    Pipeline,
    Stage,
}

/// The definition of a property.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) group: String,
    pub(crate) value_type: ValueType,
    pub(crate) field_type: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) unique: bool,
    pub(crate) hidden: bool,
    pub(crate) form_field: bool,
    /// Whether only the CRM sets it, though it is stored.
    pub(crate) read_only: bool,
    pub(crate) display_order: i32,
    /// Whether the CRM brought it along.
    pub(crate) built_in: bool,
    pub(crate) calculation: Option<Calculation>,
    pub(crate) reference: Option<Reference>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) archived: Option<Millis>,
}

impl Property {
    /// Whether callers may not set it.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only || self.calculation.is_some()
    }

    /// Whether several values may be set at once.
    pub(crate) fn is_multiple(&self) -> bool {
        self.value_type == ValueType::Enumeration && self.field_type == "checkbox"
    }
}

/// A group of properties.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) display_order: i32,
}

/// The properties of a type of record.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    properties: Vec<Property>,
    by_name: HashMap<String, PropertyId>,
    pub(crate) groups: Vec<Group>,
}

impl Schema {
    /// Adds a property; `None` when there are as many as can be.
    pub(crate) fn add(&mut self, property: Property) -> Option<PropertyId> {
        let id = PropertyId(u16::try_from(self.properties.len()).ok()?);
        self.by_name.insert(property.name.clone(), id);
        self.properties.push(property);
        Some(id)
    }

    /// Finds a property that is not archived.
    pub(crate) fn find(&self, name: &str) -> Option<PropertyId> {
        self.find_any(name).filter(|id| self.property(*id).archived.is_none())
    }

    /// Finds a property, archived or not.
    pub(crate) fn find_any(&self, name: &str) -> Option<PropertyId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn property(&self, id: PropertyId) -> &Property {
        &self.properties[usize::from(id.0)]
    }

    pub(crate) fn property_mut(&mut self, id: PropertyId) -> &mut Property {
        &mut self.properties[usize::from(id.0)]
    }

    /// All properties in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PropertyId, &Property)> {
        (0..=u16::MAX).map(PropertyId).zip(&self.properties)
    }
}
