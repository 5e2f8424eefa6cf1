//! Everything that HubSpot sends, and the only place where it is parsed; every field may be missing.

mod event;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use event::{Event, JournalEntry, JournalFile, Subscription, Subscriptions};

/// A page of a list or of a search.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// What is on the page.
    #[serde(default = "Vec::new")]
    pub results: Vec<T>,
    /// Where the next one is; absent on the last.
    #[serde(default)]
    pub paging: Paging,
}

/// Where the next page is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Paging {
    /// The next page.
    pub next: Option<NextPage>,
}

impl Paging {
    /// What to send as `after`; the link beside it is never followed.
    pub fn after(&self) -> Option<&str> {
        self.next.as_ref()?.after.as_str()
    }
}

/// The next page.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NextPage {
    /// An offset in a search, an opaque text in a list.
    #[serde(default)]
    pub after: Loose,
}

/// A deal, a task or a user.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Object {
    /// The id.
    pub id: Loose,
    /// Values by property; a property that was asked for and exists is there, `null` when empty.
    pub properties: BTreeMap<String, Loose>,
    /// Past values by property, newest first.
    pub properties_with_history: BTreeMap<String, Vec<PastValue>>,
    /// When it was made.
    pub created_at: Loose,
    /// When it was changed.
    pub updated_at: Loose,
    /// When it was deleted.
    pub archived_at: Loose,
    /// Where a person opens it.
    pub url: Option<String>,
    /// Our label of the input that it answers.
    pub object_write_trace_id: Loose,
}

impl Object {
    /// A property's value; `None` when absent or empty.
    pub fn get(&self, property: &str) -> Option<&str> {
        self.properties.get(property)?.as_str()
    }
}

/// A past value of a property.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PastValue {
    /// The value.
    pub value: Loose,
    /// Since when.
    pub timestamp: Loose,
}

/// The answer to a batch call, whole or in part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// What went well, in any order.
    pub results: Vec<Object>,
    /// What did not; one error may be about many inputs.
    pub errors: Vec<Failure>,
}

/// An error: the body of a refusal, or one of the errors inside a batch or a body.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Failure {
    /// For a person.
    pub message: Loose,
    /// The kind, such as `VALIDATION_ERROR`.
    pub category: Loose,
    /// The kind of an inner error, such as `MISSING_REQUIRED_PROPERTY`.
    pub code: Loose,
    /// What support asks for.
    pub correlation_id: Loose,
    /// Which limit was reached.
    pub policy_name: Loose,
    /// What it is about: `ids`, `objectWriteTraceId`, `propertyName`, `requiredGranularScopes`.
    pub context: BTreeMap<String, Texts>,
    /// The errors inside.
    pub errors: Vec<Failure>,
}

impl Failure {
    /// The values under a key of the context, of this error and of those inside it.
    pub fn context_of(&self, key: &str) -> Vec<&str> {
        let own = self.context.get(key).map(|texts| texts.0.iter().map(String::as_str)).into_iter().flatten();
        own.chain(self.errors.iter().flat_map(|inner| inner.context_of(key))).collect()
    }
}

/// A property's definition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Property {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: Loose,
    /// The type of its values.
    #[serde(rename = "type")]
    pub value_type: Loose,
    /// The options of a picklist.
    pub options: Vec<PropertyOption>,
    /// Whether HubSpot calculates it.
    pub calculated: bool,
    /// Whether its options come from elsewhere, such as the owners.
    pub external_options: bool,
    /// Whether two records may not share a value.
    pub has_unique_value: bool,
    /// Whether it is in the recycle bin.
    pub archived: bool,
    /// What may be changed.
    pub modification_metadata: Modification,
}

/// One option of a picklist.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PropertyOption {
    /// The value on the wire.
    pub value: Loose,
}

/// What of a property may be changed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Modification {
    /// Whether its values are not ours to write.
    pub read_only_value: bool,
}

/// A property group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Group {
    /// The API name.
    pub name: String,
}

/// A pipeline with its stages.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pipeline {
    /// The id.
    pub id: Loose,
    /// The label.
    pub label: Loose,
    /// Its place among the pipelines.
    pub display_order: Option<i64>,
    /// Its stages.
    pub stages: Vec<Stage>,
    /// Whether it is in the recycle bin.
    pub archived: bool,
}

/// A stage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stage {
    /// The id.
    pub id: Loose,
    /// The label.
    pub label: Loose,
    /// Its place in the pipeline.
    pub display_order: Option<i64>,
    /// Whether it is in the recycle bin.
    pub archived: bool,
    /// What it means.
    pub metadata: StageMeaning,
}

/// What a stage means; booleans and numbers come as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StageMeaning {
    /// `true` or `false`.
    pub is_closed: Loose,
    /// The probability of winning, `0.0` to `1.0`.
    pub probability: Loose,
}

/// An owner.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// The id that records name.
    pub id: Loose,
    /// The mail address.
    pub email: Loose,
    /// The first name.
    pub first_name: Loose,
    /// The last name.
    pub last_name: Loose,
    /// `PERSON` or `QUEUE`.
    #[serde(rename = "type")]
    pub owner_type: Loose,
    /// The user's id; empty once the owner is archived.
    pub user_id: Loose,
    /// The user's id, also of an archived owner.
    pub user_id_including_inactive: Loose,
    /// Whether the user was deactivated.
    pub archived: bool,
    /// The teams.
    pub teams: Vec<Team>,
}

/// A team of an owner.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Team {
    /// The id.
    pub id: Loose,
    /// The name.
    pub name: Loose,
    /// Whether it is the main team.
    pub primary: bool,
}

/// A range of a user's working hours, from the JSON inside the property.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hours {
    /// Weekdays, such as `MONDAY_TO_FRIDAY`.
    pub days: String,
    /// Minutes from midnight.
    pub start_minute: u32,
    /// Minutes from midnight, up to 1440.
    pub end_minute: u32,
}

/// Reads the JSON inside the property of a user's working hours.
pub fn hours(text: &str) -> Option<Vec<Hours>> {
    serde_json::from_str(text).ok()
}

/// The account.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// The account's id.
    pub portal_id: Loose,
    /// The zone; may be an old alias such as `US/Eastern`.
    pub time_zone: Loose,
    /// The home currency.
    pub company_currency: Loose,
}

/// The answer to a batch read of associations.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Associations {
    /// One for each record that has any.
    pub results: Vec<Association>,
}

/// What is associated with one record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Association {
    /// The record.
    pub from: End,
    /// What it is associated with.
    pub to: Vec<End>,
    /// Where more of them are.
    pub paging: Paging,
}

/// One end of an association.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct End {
    /// The id, a number on this side and a text on that.
    #[serde(alias = "toObjectId")]
    pub id: Loose,
}

/// Text that may come as a string, a number, a boolean, `null`, or not at all; an empty string is no text.
///
/// Anything else counts as absent: a shape that nobody documented must not make a whole page unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loose(Option<String>);

impl Loose {
    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, or nothing.
    pub fn text(&self) -> &str {
        self.as_str().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose((!text.is_empty()).then(|| text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose, E> {
        Ok(Loose((!text.is_empty()).then_some(text)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Loose, E> {
        Ok(Loose(Some(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }
}

/// Texts that may come as a list or as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Many(Vec<Loose>),
            One(Loose),
        }
        let texts = match Either::deserialize(deserializer)? {
            Either::Many(texts) => texts,
            Either::One(text) => vec![text],
        };
        Ok(Texts(texts.into_iter().filter_map(|text| text.0).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_in_many_shapes() {
        for (json, text) in [
            ("\"a\"", Some("a")),
            ("\"\"", None),
            ("null", None),
            ("7", Some("7")),
            ("-7", Some("-7")),
            ("true", Some("true")),
            ("0.5", Some("0.5")),
            ("[1]", None),
            ("{\"a\":{}}", None),
        ] {
            assert_eq!(serde_json::from_str::<Loose>(json).unwrap().as_str(), text, "{json}");
        }
    }

    #[test]
    fn an_error_body_tells_what_it_is_about_however_it_is_nested() {
        let failure: Failure = serde_json::from_str(
            r#"{"status":"error","message":"m","category":"MISSING_SCOPES","subCategory":{"a":1},
                "errors":[{"message":"x","context":{"requiredGranularScopes":["a.read","b.read"]}}],
                "context":{"ids":"7"},"links":{}}"#,
        )
        .unwrap();
        assert_eq!(failure.context_of("requiredGranularScopes"), ["a.read", "b.read"]);
        assert_eq!(failure.context_of("ids"), ["7"]);
    }

    #[test]
    fn both_ends_of_an_association_are_read() {
        let read: Associations =
            serde_json::from_str(r#"{"results":[{"from":{"id":"33451"},"to":[{"toObjectId":5790939450}]}]}"#).unwrap();
        assert_eq!(read.results[0].from.id.text(), "33451");
        assert_eq!(read.results[0].to[0].id.text(), "5790939450");
    }
}
