//! An org for the tests of what its rows mean.

use dealclock_connector::{FieldSource, Mapping, Stage};
use dealclock_model::{Object, ValueType};

use crate::schema::{Org, Parts, Schema};
use crate::wire::{Describe, Field};

/// The mapping of the running example.
pub(crate) fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let fields = mapping.fields.entry(Object::Opportunity).or_default();
    for (name, column, value_type) in [
        ("complex", "Complex__c", ValueType::Bool),
        ("request_approved", "Request_Approved__c", ValueType::Bool),
        ("wanted_until", "Wanted_Until__c", ValueType::Date),
    ] {
        fields.insert(name.into(), FieldSource::Field { name: column.to_owned(), value_type });
    }
    fields.insert("proposal_sent_at".into(), FieldSource::StageEntered { stage: "Sent".to_owned() });
    mapping.stages.insert("Sent".to_owned(), vec!["Proposal/Price Quote".to_owned()]);
    mapping
}

/// A field of a type.
pub(crate) fn field(name: &str, field_type: &str) -> Field {
    Field {
        name: name.to_owned(),
        label: name.to_owned(),
        field_type: field_type.to_owned(),
        createable: true,
        updateable: true,
        ..Field::default()
    }
}

/// What was read of an org with three stages and two currencies.
pub(crate) fn parts() -> Parts {
    let stage = |id: &str, label: &str, closed, won| {
        (Stage { id: id.to_owned(), label: label.to_owned(), closed, won }, id != "Retired")
    };
    let fields = [
        ("Id", "id"),
        ("Name", "string"),
        ("OwnerId", "reference"),
        ("CreatedDate", "datetime"),
        ("SystemModstamp", "datetime"),
        ("IsDeleted", "boolean"),
        ("Amount", "currency"),
        ("StageName", "picklist"),
        ("CloseDate", "date"),
        ("IsClosed", "boolean"),
        ("IsWon", "boolean"),
        ("LastStageChangeDate", "datetime"),
        ("CurrencyIsoCode", "picklist"),
        ("Complex__c", "boolean"),
        ("Request_Approved__c", "boolean"),
        ("Wanted_Until__c", "date"),
    ];
    Parts {
        org: Org { currency: "EUR".to_owned(), zone: chrono_tz::Europe::Berlin, ..Org::default() },
        opportunity: Describe {
            queryable: true,
            fields: fields.iter().map(|(name, field_type)| field(name, field_type)).collect(),
            ..Describe::default()
        },
        stages: vec![
            stage("Prospecting", "Prospecting", false, false),
            stage("Proposal/Price Quote", "Quote sent", false, false),
            stage("Retired", "Retired", false, false),
            stage("Closed Won", "Won", true, true),
        ],
        rates: [("EUR".to_owned(), 1.into()), ("USD".to_owned(), "1.25".parse().unwrap())].into(),
        ..Parts::default()
    }
}

/// The org's shape.
pub(crate) fn schema() -> Schema {
    Schema::new(chrono::DateTime::UNIX_EPOCH, parts(), &mapping())
}
