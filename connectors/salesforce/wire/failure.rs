//! Errors in the shapes in which Salesforce sends them.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// One error: of a refused call (`errorCode`), of one record of a collection (`statusCode`), or of OAuth (`error`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The code.
    #[serde(alias = "errorCode", alias = "statusCode", alias = "error")]
    pub code: Code,
    /// For a person.
    #[serde(alias = "error_description", deserialize_with = "loose")]
    pub message: String,
    /// The fields that it is about.
    #[serde(deserialize_with = "strings")]
    pub fields: Vec<String>,
}

/// The errors of a refused call: a list of them, or a single one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(pub Vec<Failure>);

/// An error, or a result that holds its errors, as a refused approval may be answered.
#[derive(Deserialize)]
struct Listed {
    #[serde(flatten)]
    failure: Failure,
    errors: Option<Vec<Failure>>,
}

impl Listed {
    fn into_failures(self) -> Vec<Failure> {
        match self.errors {
            Some(errors) if !errors.is_empty() => errors,
            Some(_) | None => vec![self.failure],
        }
    }
}

/// What a code means to us.
///
/// [Salesforce has hundreds](https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm);
/// the ones that nobody here treats in a way of their own are [`Code::Other`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Code {
    /// The session is over, or never was.
    InvalidSession,
    /// A limit: of the day, or of calls at one time; the message says which.
    RequestLimit,
    /// No API in this edition, or none for this user.
    ApiDisabled,
    /// The instance cannot answer now.
    Unavailable,
    /// Something broke inside Salesforce.
    Internal,
    /// Another transaction holds a row that this one needs.
    RowLocked,
    /// The query took too long.
    QueryTimeout,
    /// The position in a query is too old.
    InvalidLocator,
    /// A unique field holds the value on another record.
    DuplicateValue,
    /// The record is in the recycle bin.
    Deleted,
    /// The record is nowhere, or invisible.
    NotFound,
    /// The record is locked, as an approval does.
    EntityLocked,
    /// A rule of the company refused it.
    Validation,
    /// A trigger or flow of the company failed.
    Automation,
    /// The owner is no active user.
    InactiveOwner,
    /// Sharing or a right is in the way.
    NoAccess,
    /// A record that it points at is gone or invisible.
    BadReference,
    /// No such field, or none that we may see.
    InvalidField,
    /// No such object, or none that we may see.
    InvalidType,
    /// The value is not among those of the picklist.
    BadPicklist,
    /// The org's storage is full, or the org is shut.
    OrgShut,
    /// The instance is under maintenance.
    Maintenance,
    /// The record changed since it was read.
    Modified,
    /// Another part of the same request failed.
    RolledBack,
    /// A policy of the administrator forbids the call.
    Policy,
    /// Anything else.
    Other(Box<str>),
    /// None was given.
    #[default]
    None,
}

/// Code and meaning; a code that stands twice is written by its first line.
const CODES: &[(&str, Code)] = &[
    ("INVALID_SESSION_ID", Code::InvalidSession),
    ("REQUEST_LIMIT_EXCEEDED", Code::RequestLimit),
    ("API_DISABLED_FOR_ORG", Code::ApiDisabled),
    ("API_CURRENTLY_DISABLED", Code::ApiDisabled),
    ("SERVER_UNAVAILABLE", Code::Unavailable),
    ("UNKNOWN_EXCEPTION", Code::Internal),
    ("INTERNAL_SERVER_ERROR", Code::Internal),
    ("UNABLE_TO_LOCK_ROW", Code::RowLocked),
    ("QUERY_TIMEOUT", Code::QueryTimeout),
    ("INVALID_QUERY_LOCATOR", Code::InvalidLocator),
    ("DUPLICATE_VALUE", Code::DuplicateValue),
    ("DUPLICATE_EXTERNAL_ID", Code::DuplicateValue),
    ("ENTITY_IS_DELETED", Code::Deleted),
    ("NOT_FOUND", Code::NotFound),
    ("ENTITY_IS_LOCKED", Code::EntityLocked),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Code::Validation),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Code::Automation),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", Code::Automation),
    ("FLOW_EXCEPTION", Code::Automation),
    ("INACTIVE_OWNER_OR_USER", Code::InactiveOwner),
    ("INSUFFICIENT_ACCESS_OR_READONLY", Code::NoAccess),
    ("INSUFFICIENT_ACCESS", Code::NoAccess),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", Code::BadReference),
    ("INVALID_CROSS_REFERENCE_KEY", Code::BadReference),
    ("INVALID_FIELD", Code::InvalidField),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", Code::InvalidField),
    ("INVALID_TYPE", Code::InvalidType),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Code::BadPicklist),
    ("STORAGE_LIMIT_EXCEEDED", Code::OrgShut),
    ("ORG_LOCKED", Code::OrgShut),
    ("TRIAL_EXPIRED", Code::OrgShut),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", Code::Maintenance),
    ("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", Code::Modified),
    ("MODIFIED", Code::Modified),
    ("PRECONDITION_FAILED", Code::Modified),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", Code::RolledBack),
    ("PROCESSING_HALTED", Code::RolledBack),
    ("CLIENT_NOT_ACCESSIBLE_FOR_USER", Code::Policy),
    ("LOGIN_DURING_RESTRICTED_DOMAIN", Code::Policy),
    ("LOGIN_DURING_RESTRICTED_TIME", Code::Policy),
    ("TXN_SECURITY_END_SESSION", Code::Policy),
    ("TXN_SECURITY_NO_ACCESS", Code::Policy),
];

impl Code {
    /// Reads a code.
    pub fn of(text: &str) -> Code {
        let known = CODES.iter().find(|(name, _)| *name == text).map(|(_, code)| code.clone());
        known.unwrap_or_else(|| if text.is_empty() { Code::None } else { Code::Other(text.into()) })
    }

    /// The code as Salesforce writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Code::Other(text) => text,
            known => CODES.iter().find(|(_, code)| code == known).map_or("", |(name, _)| name),
        }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map_or(Code::None, |text| Code::of(&text)))
    }
}

fn loose<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

impl<'de> Deserialize<'de> for Failures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FailuresVisitor;
        impl<'de> Visitor<'de> for FailuresVisitor {
            type Value = Failures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one error or a list of errors")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Failures, A::Error> {
                let listed = Vec::<Listed>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(Failures(listed.into_iter().flat_map(Listed::into_failures).collect()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Failures, A::Error> {
                Ok(Failures(vec![Failure::deserialize(MapAccessDeserializer::new(map))?]))
            }
        }
        deserializer.deserialize_any(FailuresVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_errors_are_read_alike() {
        let check = |json: &str, code: Code, message: &str, fields: &[&str]| {
            let Failures(read) = serde_json::from_str(json).unwrap();
            assert_eq!((&read[0].code, read[0].message.as_str()), (&code, message), "{json}");
            assert_eq!(read[0].fields, fields, "{json}");
        };
        check(
            r#"[{"message":"Required fields are missing: [Status]","errorCode":"REQUIRED_FIELD_MISSING","fields":["Status"]}]"#,
            Code::Other("REQUIRED_FIELD_MISSING".into()),
            "Required fields are missing: [Status]",
            &["Status"],
        );
        check(
            r#"[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"unable","fields":null}]"#,
            Code::RowLocked,
            "unable",
            &[],
        );
        check(
            r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
            Code::Other("invalid_grant".into()),
            "expired access/refresh token",
            &[],
        );
        check(
            r#"[{"actorIds":null,"entityId":"006","success":false,"errors":[{"statusCode":"ENTITY_IS_LOCKED","message":"m","fields":[]}]}]"#,
            Code::EntityLocked,
            "m",
            &[],
        );
        check(r#"[{}]"#, Code::None, "", &[]);
    }

    #[test]
    fn every_code_is_written_as_it_is_read() {
        for (name, code) in CODES {
            assert_eq!(&Code::of(name), code);
            assert_eq!(&Code::of(code.as_str()), code, "{name}");
        }
    }
}
