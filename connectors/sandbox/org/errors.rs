//! Why the CRM refuses, in the shapes in which it says so.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>

use serde_json::{Value, json};

/// A refusal: of a call, or of one record of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    /// As the CRM writes it: `DUPLICATE_VALUE`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, code, message: message.into(), fields: Vec::new() }
    }

    /// The call or the record is wrong.
    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(400, code, message)
    }

    pub(crate) fn not_found() -> Failure {
        Failure::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn no_such_field(name: &str, kind: &str) -> Failure {
        Failure::invalid("INVALID_FIELD", format!("No such column '{name}' on sobject of type {kind}"))
    }

    pub(crate) fn no_such_type(name: &str) -> Failure {
        Failure::invalid("INVALID_TYPE", format!("sObject type '{name}' is not supported."))
    }

    pub(crate) fn deleted() -> Failure {
        Failure::new(404, "ENTITY_IS_DELETED", "entity is deleted")
    }

    pub(crate) fn unreadable(message: impl Into<String>) -> Failure {
        Failure::invalid("JSON_PARSER_ERROR", message)
    }

    /// A session that is not, or no longer, let in.
    pub(crate) fn no_session() -> Failure {
        Failure::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    pub(crate) fn bad_reference() -> Failure {
        Failure::invalid("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    }

    /// What became of a record whose siblings failed.
    pub(crate) fn rolled_back() -> Failure {
        Failure::invalid(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
    }

    pub(crate) fn with_fields<T: Into<String>>(mut self, fields: impl IntoIterator<Item = T>) -> Failure {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// The refusal as the answer to a call: the code is called `errorCode` there.
    pub(crate) fn to_body(&self) -> Value {
        let mut error = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            error["fields"] = json!(self.fields);
        }
        json!([error])
    }

    /// The refusal as one result among those of a collection: the code is called `statusCode` there.
    pub(crate) fn to_result(&self) -> Value {
        let error = json!({ "statusCode": self.code, "message": self.message, "fields": self.fields });
        json!({ "success": false, "errors": [error] })
    }
}
