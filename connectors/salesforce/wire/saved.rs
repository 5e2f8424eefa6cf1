//! What writes and composite calls answer.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::failure::{Code, Failure};

/// What became of one record of a collection; also an error that stands in its place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Saved {
    /// The record's id.
    pub id: Option<String>,
    /// Whether it was saved.
    pub success: bool,
    /// Why not.
    pub errors: Vec<Failure>,
    /// The code, where an error stands in the place of the results.
    pub error_code: Code,
    /// The message of such an error.
    pub message: Option<String>,
}

impl Saved {
    /// The errors, wherever they stand.
    pub fn failures(&self) -> Vec<Failure> {
        match &self.errors[..] {
            [] if self.error_code != Code::None => vec![Failure {
                code: self.error_code.clone(),
                message: self.message.clone().unwrap_or_default(),
                fields: Vec::new(),
            }],
            errors => errors.to_vec(),
        }
    }
}

/// The answer to a composite call; it is a success whatever became of its parts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Composite<B> {
    /// One for each subrequest, in any order.
    #[serde(default = "Vec::new")]
    pub composite_response: Vec<Part<B>>,
}

/// What became of a subrequest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part<B> {
    /// What it answered.
    pub body: B,
    /// Its status.
    #[serde(default)]
    pub http_status_code: u16,
    /// Its name.
    #[serde(default)]
    pub reference_id: String,
}

/// The body of a subrequest: what was asked for, or errors.
#[derive(Debug)]
pub enum Body<T> {
    /// What was asked for.
    Good(T),
    /// Why not.
    Bad(Vec<Failure>),
    /// Nothing, as a change answers.
    Empty,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Body<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor(PhantomData))
    }
}

struct BodyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for BodyVisitor<T> {
    type Value = Body<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a result or a list of errors")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Body::Good)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Body<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Body::Bad)
    }

    fn visit_unit<E>(self) -> Result<Body<T>, E> {
        Ok(Body::Empty)
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Page;
    use super::*;

    #[test]
    fn parts_of_a_composite_are_read_by_themselves() {
        let json = r#"{"compositeResponse":[
            {"body":{"totalSize":1,"done":true,"records":[{"Id":"006A"}]},"httpHeaders":{},"httpStatusCode":200,"referenceId":"a"},
            {"body":[{"message":"m","errorCode":"INVALID_FIELD"}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"b"},
            {"body":null,"httpHeaders":{},"httpStatusCode":204,"referenceId":"c"}]}"#;
        let read: Composite<Body<Page<'_>>> = serde_json::from_str(json).unwrap();
        let parts: Vec<_> = read.composite_response.iter().map(|part| (part.http_status_code, &part.body)).collect();
        assert!(matches!(parts[0], (200, Body::Good(page)) if page.records[0].id() == "006A"));
        assert!(matches!(parts[1], (400, Body::Bad(failures)) if failures[0].code == Code::InvalidField));
        assert!(matches!(parts[2], (204, Body::Empty)));
    }

    #[test]
    fn a_collection_tells_each_record_apart_and_an_error_may_stand_in_its_place() {
        let json = r#"[{"id":"00T1","success":true,"errors":[]},
            {"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"d","fields":["K"]}]}]"#;
        let read: Vec<Saved> = serde_json::from_str(json).unwrap();
        assert_eq!((read[0].id.as_deref(), read[0].failures().len()), (Some("00T1"), 0));
        assert_eq!(read[1].failures()[0].code, Code::DuplicateValue);
        let read: Vec<Saved> = serde_json::from_str(r#"[{"message":"m","errorCode":"INVALID_TYPE"}]"#).unwrap();
        assert_eq!(read[0].failures()[0].code, Code::InvalidType);
    }
}
