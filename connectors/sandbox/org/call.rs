//! A call to the REST API, taken apart: its place, its parameters, its conditions.

use axum::extract::Query;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::errors::Failure;
use super::row::Author;
use super::stamp::parse_http_date;
use super::versions;
use crate::portal::instant::Millis;

const LARGEST_PAGE: usize = 2000;
const SMALLEST_PAGE: usize = 200;

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// As in the path: `v65.0`.
    pub(crate) version: String,
    /// What follows the version in the path.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) modified_since: Option<Millis>,
    pub(crate) unmodified_since: Option<Millis>,
    /// How many records a page may have.
    pub(crate) page: usize,
    pub(crate) body: &'a [u8],
    pub(crate) author: Author,
}

impl<'a> Call<'a> {
    /// Takes a call under `/services/data/` apart.
    pub(crate) fn parse(
        method: &'a str,
        uri: &Uri,
        headers: &HeaderMap,
        body: &'a [u8],
        author: Author,
    ) -> Result<Call<'a>, Failure> {
        let path = uri.path().strip_prefix("/services/data/").ok_or_else(Failure::not_found)?;
        let mut segments = path.trim_matches('/').split('/').map(decode);
        let version = segments.next().filter(|version| versions::exists(version)).ok_or_else(Failure::not_found)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
        Ok(Call {
            method,
            version,
            segments: segments.collect(),
            query,
            modified_since: header("if-modified-since").and_then(parse_http_date),
            unmodified_since: header("if-unmodified-since").and_then(parse_http_date),
            page: header("sforce-query-options").and_then(page_size).unwrap_or(LARGEST_PAGE),
            body,
            author,
        })
    }

    /// A query parameter; of several of one name the first counts.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body, read as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Failure::unreadable(format!("Unexpected input at [line:{line}, column:{column}]"))
        })
    }
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The wish is kept within what the CRM admits.
fn page_size(options: &str) -> Option<usize> {
    let wish = options.split(',').find_map(|option| option.trim().strip_prefix("batchSize="))?;
    Some(wish.trim().parse().unwrap_or(LARGEST_PAGE).clamp(SMALLEST_PAGE, LARGEST_PAGE))
}
