//! The fields of a type of record, and the rules that their values obey.

use std::collections::HashMap;

use super::cell::Cell;
use super::kind::Kind;

/// The place of a field among those of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FieldId(pub(crate) u16);

impl FieldId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The fields that every record has, whether or not its type shows them.
pub(crate) mod system {
    use super::FieldId;

    pub(crate) const ID: FieldId = FieldId(0);
    pub(crate) const IS_DELETED: FieldId = FieldId(1);
    pub(crate) const CREATED_DATE: FieldId = FieldId(2);
    pub(crate) const CREATED_BY: FieldId = FieldId(3);
    pub(crate) const MODIFIED_DATE: FieldId = FieldId(4);
    pub(crate) const MODIFIED_BY: FieldId = FieldId(5);
    pub(crate) const STAMP: FieldId = FieldId(6);
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    Id,
    Text,
    TextArea,
    Picklist,
    ComboBox,
    Bool,
    Currency,
    Number,
    Percent,
    Int,
    Date,
    Instant,
    Time,
    Reference,
    Email,
    Phone,
}

impl FieldType {
    /// The name of the type in a describe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FieldType::Id => "id",
            FieldType::Text => "string",
            FieldType::TextArea => "textarea",
            FieldType::Picklist => "picklist",
            FieldType::ComboBox => "combobox",
            FieldType::Bool => "boolean",
            FieldType::Currency => "currency",
            FieldType::Number => "double",
            FieldType::Percent => "percent",
            FieldType::Int => "int",
            FieldType::Date => "date",
            FieldType::Instant => "datetime",
            FieldType::Time => "time",
            FieldType::Reference => "reference",
            FieldType::Email => "email",
            FieldType::Phone => "phone",
        }
    }

    /// The type as the SOAP API names it, which a describe tells too.
    pub(crate) fn soap_name(self) -> &'static str {
        match self {
            FieldType::Id | FieldType::Reference => "tns:ID",
            FieldType::Text
            | FieldType::TextArea
            | FieldType::Picklist
            | FieldType::ComboBox
            | FieldType::Email
            | FieldType::Phone => "xsd:string",
            FieldType::Bool => "xsd:boolean",
            FieldType::Currency | FieldType::Number | FieldType::Percent => "xsd:double",
            FieldType::Int => "xsd:int",
            FieldType::Date => "xsd:date",
            FieldType::Instant => "xsd:dateTime",
            FieldType::Time => "xsd:time",
        }
    }
}

/// A value of a picklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) active: bool,
    pub(crate) default: bool,
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) of: FieldType,
    /// The most characters that a text may have.
    pub(crate) length: usize,
    pub(crate) nillable: bool,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) filterable: bool,
    pub(crate) calculated: bool,
    pub(crate) external_id: bool,
    pub(crate) unique: bool,
    pub(crate) case_sensitive: bool,
    /// Whether only the active choices can be written.
    pub(crate) restricted: bool,
    pub(crate) choices: Vec<Choice>,
    /// What a new record gets where the caller says nothing.
    pub(crate) default: Cell,
    /// The types that a reference can lead to.
    pub(crate) targets: Vec<Kind>,
    /// The name under which queries follow a reference.
    pub(crate) relationship: Option<String>,
    /// Whether records can be found by it without a look at all of them.
    pub(crate) indexed: bool,
    /// Whether changes are noted in the field history.
    pub(crate) tracked: bool,
    /// Whether it was added to the org by people.
    pub(crate) custom: bool,
    /// Whether nobody sees it before a permission set lets them.
    pub(crate) needs_permission: bool,
}

impl Field {
    /// A field that can be empty, written and filtered by.
    pub(crate) fn new(name: &str, label: &str, of: FieldType) -> Field {
        let is_bool = of == FieldType::Bool;
        Field {
            name: name.to_owned(),
            label: label.to_owned(),
            of,
            length: match of {
                FieldType::TextArea => 32_000,
                FieldType::Id | FieldType::Reference => 18,
                FieldType::Email => 80,
                FieldType::Phone => 40,
                FieldType::Text | FieldType::Picklist | FieldType::ComboBox => 255,
                FieldType::Bool
                | FieldType::Currency
                | FieldType::Number
                | FieldType::Percent
                | FieldType::Int
                | FieldType::Date
                | FieldType::Instant
                | FieldType::Time => 0,
            },
            nillable: !is_bool,
            createable: true,
            updateable: true,
            filterable: of != FieldType::TextArea,
            calculated: false,
            external_id: false,
            unique: false,
            case_sensitive: false,
            restricted: false,
            choices: Vec::new(),
            default: if is_bool { Cell::Bool(false) } else { Cell::Null },
            targets: Vec::new(),
            relationship: None,
            indexed: false,
            tracked: false,
            custom: name.ends_with("__c"),
            needs_permission: false,
        }
    }

    /// A reference to records of some types, followed under a name.
    pub(crate) fn reference(name: &str, relationship: &str, targets: &[Kind]) -> Field {
        Field {
            targets: targets.to_vec(),
            relationship: Some(relationship.to_owned()),
            ..Field::new(name, relationship, FieldType::Reference)
        }
    }

    /// One of a list of values; the first is the default where `defaulted` says so.
    pub(crate) fn picklist(name: &str, label: &str, values: &[&str], defaulted: bool) -> Field {
        let choice = |(number, value): (usize, &&str)| Choice {
            value: (*value).to_owned(),
            label: (*value).to_owned(),
            active: true,
            default: defaulted && number == 0,
        };
        let default = values.first().filter(|_| defaulted).map_or(Cell::Null, Cell::text);
        let choices = values.iter().enumerate().map(choice).collect();
        Field { choices, default, restricted: true, ..Field::new(name, label, FieldType::Picklist) }
    }

    pub(crate) fn with_length(self, length: usize) -> Field {
        Field { length, ..self }
    }

    /// The field cannot be empty.
    pub(crate) fn required(self) -> Field {
        Field { nillable: false, ..self }
    }

    /// Only the CRM writes the field.
    pub(crate) fn read_only(self) -> Field {
        Field { createable: false, updateable: false, ..self }
    }

    /// The field is written once, when the record is made.
    pub(crate) fn create_only(self) -> Field {
        Field { updateable: false, ..self }
    }

    /// The CRM computes the field.
    pub(crate) fn calculated(self) -> Field {
        Field { calculated: true, ..self.read_only() }
    }

    /// No two records hold the same value, and records can be named by it.
    pub(crate) fn unique_external_id(self) -> Field {
        Field { external_id: true, unique: true, indexed: true, ..self }
    }

    /// No two records hold the same value, though it is no external id.
    pub(crate) fn unique_name(self) -> Field {
        Field { unique: true, indexed: true, ..self }
    }

    pub(crate) fn indexed(self) -> Field {
        Field { indexed: true, ..self }
    }

    pub(crate) fn tracked(self) -> Field {
        Field { tracked: true, ..self }
    }

    pub(crate) fn unfilterable(self) -> Field {
        Field { filterable: false, ..self }
    }
}

/// The fields of one type of record.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) kind: Kind,
    fields: Vec<Field>,
    /// By the name as it is written.
    by_name: HashMap<String, FieldId>,
    /// By the name in small letters.
    by_folded_name: HashMap<String, FieldId>,
    relationships: HashMap<String, FieldId>,
    indexed: Vec<FieldId>,
    defaults: Vec<(FieldId, Cell)>,
}

impl Schema {
    /// A type with its fields besides those that every type has, of which it lacks some.
    pub(crate) fn new(kind: Kind, fields: impl IntoIterator<Item = Field>, lacks: &[FieldId]) -> Schema {
        let mut schema = Schema {
            kind,
            fields: Vec::new(),
            by_name: HashMap::new(),
            by_folded_name: HashMap::new(),
            relationships: HashMap::new(),
            indexed: Vec::new(),
            defaults: Vec::new(),
        };
        for field in system_fields() {
            schema.add(field);
        }
        for lacking in lacks {
            schema.by_name.retain(|_, id| id != lacking);
            schema.by_folded_name.retain(|_, id| id != lacking);
            schema.relationships.retain(|_, id| id != lacking);
        }
        for field in fields {
            schema.add(field);
        }
        schema
    }

    /// Adds a field; its name must be new.
    pub(crate) fn add(&mut self, field: Field) -> FieldId {
        let id = FieldId(u16::try_from(self.fields.len()).unwrap_or(u16::MAX));
        self.by_name.insert(field.name.clone(), id);
        self.by_folded_name.insert(field.name.to_ascii_lowercase(), id);
        if let Some(relationship) = &field.relationship {
            self.relationships.insert(relationship.to_ascii_lowercase(), id);
        }
        if field.indexed {
            self.indexed.push(id);
        }
        if !field.default.is_null() && id > system::STAMP {
            self.defaults.push((id, field.default.clone()));
        }
        self.fields.push(field);
        id
    }

    /// Finds a field by its name, in which case does not count.
    pub(crate) fn find(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name).or_else(|| self.by_folded_name.get(&name.to_ascii_lowercase())).copied()
    }

    /// Finds a reference by the name under which queries follow it.
    pub(crate) fn find_relationship(&self, name: &str) -> Option<FieldId> {
        self.relationships.get(&name.to_ascii_lowercase()).copied()
    }

    /// A field that the type has from the start.
    pub(crate) fn known(&self, name: &str) -> FieldId {
        self.find(name).expect("the built-in fields contain it")
    }

    pub(crate) fn field(&self, id: FieldId) -> &Field {
        &self.fields[id.index()]
    }

    pub(crate) fn field_mut(&mut self, id: FieldId) -> &mut Field {
        &mut self.fields[id.index()]
    }

    /// The fields that the type shows, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FieldId, &Field)> {
        let fields = (0..).map(FieldId).zip(&self.fields);
        fields.filter(|(id, field)| id.0 > system::STAMP.0 || self.find(&field.name).is_some())
    }

    /// The fields by which records are found without a look at all of them.
    pub(crate) fn indexed(&self) -> &[FieldId] {
        &self.indexed
    }

    /// What new records get where nobody says anything.
    pub(crate) fn defaults(&self) -> &[(FieldId, Cell)] {
        &self.defaults
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }
}

fn system_fields() -> [Field; 7] {
    let by = |name, relationship| Field::reference(name, relationship, &[Kind::User]).read_only().required();
    [
        Field::new("Id", "Record ID", FieldType::Id).read_only().required(),
        Field::new("IsDeleted", "Deleted", FieldType::Bool).read_only(),
        Field::new("CreatedDate", "Created Date", FieldType::Instant).read_only().required(),
        by("CreatedById", "CreatedBy"),
        Field::new("LastModifiedDate", "Last Modified Date", FieldType::Instant).read_only().required(),
        by("LastModifiedById", "LastModifiedBy"),
        Field::new("SystemModstamp", "System Modstamp", FieldType::Instant).read_only().required(),
    ]
}
