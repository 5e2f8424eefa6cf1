//! The CRM's calls: each module answers one area of them.

pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod associations;
pub(crate) mod batch;
pub(crate) mod endpoint;
pub(crate) mod journal;
pub(crate) mod oauth;
pub(crate) mod objects;
pub(crate) mod owners;
pub(crate) mod pipelines;
pub(crate) mod properties;
pub(crate) mod render;
pub(crate) mod search;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::limits::Usage;
use crate::portal::Portal;
use crate::portal::record::Source;
use crate::refusal::Refusal;
use endpoint::Endpoint;

/// What a call brings along besides its address.
pub(crate) struct Call<'a> {
    /// Who writes.
    pub(crate) source: Source,
    /// The query part of the URI, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The URI without its query, absolute, to build links to further pages.
    pub(crate) address: String,
    pub(crate) body: &'a [u8],
    /// How much of the limits is used.
    pub(crate) usage: Usage,
}

impl Call<'_> {
    /// A query parameter; of several of one name the first counts.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A list in the query: parted by commas, or the parameter given several times.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// A number in the query, no greater than the limit.
    pub(crate) fn number(&self, name: &str, default: usize, limit: usize) -> Result<usize, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(default) };
        match text.parse() {
            Ok(number) if (1..=limit).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(Refusal::invalid(format!("{name} must be a number from 1 to {limit}"))),
        }
    }

    /// Whether deleted things are asked for instead of those that are not; the official Python client writes `True`.
    pub(crate) fn archived(&self) -> bool {
        self.parameter("archived").is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The body, read as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Refusal::invalid(format!("Invalid input JSON on line {line}, column {column}"))
        })
    }
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Absent where the status says everything.
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Answer {
        Answer { status: 200, body: Some(body) }
    }

    pub(crate) fn created(body: Value) -> Answer {
        Answer { status: 201, body: Some(body) }
    }

    pub(crate) fn no_content() -> Answer {
        Answer { status: 204, body: None }
    }
}

/// What becomes of a call.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// Carries a call out.
pub(crate) fn dispatch(portal: &mut Portal, endpoint: Endpoint<'_>, call: &Call<'_>) -> Outcome {
    match endpoint {
        Endpoint::List(kind) => objects::list(portal, kind, call),
        Endpoint::Create(kind) => objects::create(portal, kind, call),
        Endpoint::Get(kind, id) => objects::get(portal, kind, id, call),
        Endpoint::Update(kind, id) => objects::update(portal, kind, id, call),
        Endpoint::Archive(kind, id) => objects::archive(portal, kind, id),
        Endpoint::Merge(kind) => objects::merge(portal, kind, call),
        Endpoint::BatchCreate(kind) => batch::create(portal, kind, call),
        Endpoint::BatchRead(kind) => batch::read(portal, kind, call),
        Endpoint::BatchUpdate(kind) => batch::update(portal, kind, call),
        Endpoint::BatchUpsert(kind) => batch::upsert(portal, kind, call),
        Endpoint::BatchArchive(kind) => batch::archive(portal, kind, call),
        Endpoint::Search(kind) => search::search(portal, kind, call),
        Endpoint::Owners => owners::list(portal, call),
        Endpoint::Owner(id) => owners::get(portal, id, call),
        Endpoint::Properties(kind) => Ok(properties::list(portal, kind, call)),
        Endpoint::Property(kind, name) => properties::get(portal, kind, name, call),
        Endpoint::CreateProperty(kind) => properties::create(portal, kind, call),
        Endpoint::UpdateProperty(kind, name) => properties::update(portal, kind, name, call),
        Endpoint::ArchiveProperty(kind, name) => Ok(properties::archive(portal, kind, name)),
        Endpoint::BatchCreateProperties(kind) => properties::batch_create(portal, kind, call),
        Endpoint::BatchReadProperties(kind) => properties::batch_read(portal, kind, call),
        Endpoint::BatchArchiveProperties(kind) => properties::batch_archive(portal, kind, call),
        Endpoint::Groups(kind) => Ok(properties::groups(portal, kind)),
        Endpoint::CreateGroup(kind) => properties::create_group(portal, kind, call),
        Endpoint::Group(kind, name) => properties::group(portal, kind, name),
        Endpoint::Pipelines(kind) => Ok(pipelines::list(portal, kind)),
        Endpoint::Pipeline(kind, id) => pipelines::get(portal, kind, id),
        Endpoint::Stages(kind, id) => pipelines::stages(portal, kind, id),
        Endpoint::Stage(kind, id, stage) => pipelines::stage(portal, kind, id, stage),
        Endpoint::ReadLinks(from, to) => associations::read(portal, from, to, call),
        Endpoint::CreateLinks(from, to) => associations::create(portal, from, to, call),
        Endpoint::CreateDefaultLinks(from, to) => associations::create_default(portal, from, to, call),
        Endpoint::PutDefaultLink(from, from_id, to, to_id) => {
            associations::put_default(portal, (from, from_id), (to, to_id))
        }
        Endpoint::LinkLabels(from, to) => Ok(associations::labels(from, to)),
        Endpoint::AccountDetails => Ok(account::details(portal)),
        Endpoint::DailyUsage => Ok(account::daily_usage(portal, call)),
    }
}
