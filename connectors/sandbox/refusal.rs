//! Why the CRM refuses, in the shapes in which it says so.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::options::Scope;

/// The class of a refusal, as callers branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Category {
    ValidationError,
    ObjectNotFound,
    ObjectAlreadyExists,
    InvalidAuthentication,
    ExpiredAuthentication,
    MissingScopes,
    Forbidden,
    Conflict,
    Locked,
    Migration,
    InternalError,
}

/// A refusal: of a call, or of one item of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    category: Category,
    message: String,
    sub_category: Option<&'static str>,
    context: Map<String, Value>,
    errors: Vec<Value>,
}

impl Refusal {
    pub(crate) fn new(status: u16, category: Category, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            category,
            message: message.into(),
            sub_category: None,
            context: Map::new(),
            errors: Vec::new(),
        }
    }

    /// The call itself is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(400, Category::ValidationError, message)
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
        Refusal::new(404, Category::ObjectNotFound, message)
    }

    /// The token lacks a scope.
    pub(crate) fn missing_scopes(scopes: &[Scope]) -> Refusal {
        Refusal::missing_scope_names(&scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>())
    }

    /// The same, by the names that the CRM gives to scopes.
    pub(crate) fn missing_scope_names(names: &[&str]) -> Refusal {
        let message = "This app hasn't been granted all required scopes to make this call. Read more about required \
                       scopes here: https://developers.hubspot.com/scopes.";
        Refusal::new(403, Category::MissingScopes, message).with_error(json!({
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": names },
        }))
    }

    /// Property values are wrong; the CRM tells them as JSON inside the message, and again beside it.
    ///
    /// <https://developers.hubspot.com/docs/api-reference/error-handling>
    pub(crate) fn invalid_values(invalid: &[InvalidValue]) -> Refusal {
        let inside: Vec<_> = invalid.iter().map(InvalidValue::inside_message).collect();
        let message = format!("Property values were not valid: {}", Value::from(inside));
        let refusal = Refusal::invalid(message);
        invalid.iter().fold(refusal, |refusal, value| refusal.with_error(value.beside_message()))
    }

    /// Properties that must be set are not.
    pub(crate) fn missing_properties(singular: &str, names: &[&str]) -> Refusal {
        let message =
            format!("Error creating {}. Some required properties were not set.", singular.to_ascii_uppercase());
        let refusal = Refusal::invalid(message).with_context("properties", json!(names));
        names.iter().fold(refusal, |refusal, name| {
            refusal.with_error(json!({
                "message": format!("{name} is required"),
                "code": "MISSING_REQUIRED_PROPERTY",
                "context": { "propertyName": [name] },
            }))
        })
    }

    pub(crate) fn with_sub_category(mut self, sub_category: &'static str) -> Refusal {
        self.sub_category = Some(sub_category);
        self
    }

    pub(crate) fn with_context(mut self, key: &str, value: Value) -> Refusal {
        self.context.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn with_error(mut self, error: Value) -> Refusal {
        self.errors.push(error);
        self
    }

    /// What the CRM says, in words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The body of the answer to a call.
    pub(crate) fn to_body(&self, correlation_id: &str) -> Value {
        let mut body = self.to_item();
        body["correlationId"] = correlation_id.into();
        body
    }

    /// The refusal as one of the errors of a batch.
    pub(crate) fn to_item(&self) -> Value {
        let mut body = json!({ "status": "error", "category": self.category, "message": self.message });
        if let Some(sub_category) = self.sub_category {
            body["subCategory"] = sub_category.into();
        }
        if !self.context.is_empty() {
            body["context"] = self.context.clone().into();
        }
        if !self.errors.is_empty() {
            body["errors"] = self.errors.clone().into();
        }
        body
    }
}

/// One property value that cannot be written.
#[derive(Clone, Debug)]
pub(crate) struct InvalidValue {
    pub(crate) property: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl InvalidValue {
    fn inside_message(&self) -> Value {
        json!({
            "isValid": false,
            "message": self.message,
            "error": self.code,
            "name": self.property,
            "localizedErrorMessage": self.message,
        })
    }

    fn beside_message(&self) -> Value {
        json!({
            "message": self.message,
            "code": self.code,
            "context": { "propertyName": [self.property] },
        })
    }
}
