//! Which of the CRM's fields and stages stand behind the canonical names that rules use.

use std::collections::BTreeMap;

use dealclock_model::record::{FieldSpec, field};
use dealclock_model::{Catalog, FieldName, Object, ValueType};

/// Where a mapped field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// A field of the CRM, by its API name.
    Field {
        /// The CRM's name for it.
        name: String,
        /// Its type, from the well-known names or the mapping.
        value_type: ValueType,
    },
    /// The instant at which the record first entered a stage, by canonical name, CRM id or label.
    StageEntered {
        /// The stage.
        stage: String,
    },
}

impl FieldSource {
    /// The type of the values it yields.
    pub fn value_type(&self) -> ValueType {
        match self {
            FieldSource::Field { value_type, .. } => *value_type,
            FieldSource::StageEntered { .. } => ValueType::Time,
        }
    }
}

/// The mapping of one connection, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Mapped fields by kind of record and canonical name.
    pub fields: BTreeMap<Object, BTreeMap<FieldName, FieldSource>>,
    /// Canonical stage names, each with the ids, labels, or `pipeline/stage` pairs that mean it.
    pub stages: BTreeMap<String, Vec<String>>,
    /// Managers by person: both sides are e-mail addresses or person ids.
    pub managers: BTreeMap<String, String>,
    /// Team names or ids, each with the e-mail address or id of the person who manages its members.
    pub team_managers: BTreeMap<String, String>,
}

impl Mapping {
    /// What rules may name on this connection: canonical fields, owner fields, and the mapped ones.
    pub fn catalog(&self, object: Object) -> Catalog {
        let mut catalog = match object {
            Object::Opportunity => Catalog::opportunity(),
        };
        for (name, source) in self.fields.get(&object).into_iter().flatten() {
            catalog.fields.insert(name.clone(), FieldSpec { value_type: source.value_type(), options: None });
        }
        catalog
    }

    /// The type that a well-known name has without a `type` in its mapping.
    pub fn well_known(name: &str) -> Option<ValueType> {
        field::WELL_KNOWN.iter().chain(field::OPPORTUNITY).find(|(known, _)| *known == name).map(|(_, t)| *t)
    }
}
