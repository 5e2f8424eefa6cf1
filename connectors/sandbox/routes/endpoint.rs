//! The calls that the CRM answers: which there are, how they are addressed, and what they take.

use std::fmt;

use http::Method;

use crate::options::Scope;
use crate::portal::kind::Kind;

/// A call, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    List(Kind),
    Create(Kind),
    Get(Kind, &'a str),
    Update(Kind, &'a str),
    Archive(Kind, &'a str),
    BatchCreate(Kind),
    BatchRead(Kind),
    BatchUpdate(Kind),
    BatchUpsert(Kind),
    BatchArchive(Kind),
    Search(Kind),
    Merge(Kind),
    Owners,
    Owner(&'a str),
    Properties(Kind),
    Property(Kind, &'a str),
    CreateProperty(Kind),
    UpdateProperty(Kind, &'a str),
    ArchiveProperty(Kind, &'a str),
    BatchCreateProperties(Kind),
    BatchReadProperties(Kind),
    BatchArchiveProperties(Kind),
    Groups(Kind),
    CreateGroup(Kind),
    Group(Kind, &'a str),
    Pipelines(Kind),
    Pipeline(Kind, &'a str),
    Stages(Kind, &'a str),
    Stage(Kind, &'a str, &'a str),
    ReadLinks(Kind, Kind),
    CreateLinks(Kind, Kind),
    CreateDefaultLinks(Kind, Kind),
    PutDefaultLink(Kind, &'a str, Kind, &'a str),
    LinkLabels(Kind, Kind),
    AccountDetails,
    DailyUsage,
}

/// The budget that a call is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    General,
    Associations,
    Search,
}

impl<'a> Endpoint<'a> {
    /// Finds the call that a path addresses, in its dated form (`/crm/objects/2026-09/deals`) or in that of the
    /// versions 3 and 4, which the official clients still use (`/crm/v3/objects/deals`).
    pub(crate) fn parse(method: &Method, path: &'a str) -> Option<Endpoint<'a>> {
        let mut segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let version = segments.iter().position(|segment| is_version(segment)).filter(|at| *at <= 2)?;
        segments.remove(version);
        let method = method.as_str();
        match segments.as_slice() {
            ["crm", "objects", kind, rest @ ..] => parse_objects(method, Kind::parse(kind)?, rest),
            ["crm", "owners", rest @ ..] => match (method, rest) {
                ("GET", []) => Some(Endpoint::Owners),
                ("GET", [id]) => Some(Endpoint::Owner(id)),
                _ => None,
            },
            ["crm", "properties", kind, rest @ ..] => parse_properties(method, Kind::parse(kind)?, rest),
            ["crm", "pipelines", kind, rest @ ..] => parse_pipelines(method, Kind::parse(kind)?, rest),
            ["crm", "associations", from, to, rest @ ..] => {
                parse_links(method, Kind::parse(from)?, Kind::parse(to)?, rest)
            }
            ["account-info", "details"] if method == "GET" => Some(Endpoint::AccountDetails),
            ["account-info", "api-usage", "daily", "private-apps"] if method == "GET" => Some(Endpoint::DailyUsage),
            _ => None,
        }
    }

    /// The scopes that the call takes; any of them is enough.
    pub(crate) fn scopes(self) -> Vec<Scope> {
        match self {
            Endpoint::List(kind)
            | Endpoint::Get(kind, _)
            | Endpoint::BatchRead(kind)
            | Endpoint::Search(kind)
            | Endpoint::ReadLinks(kind, _)
            | Endpoint::LinkLabels(kind, _) => vec![kind.read_scope()],
            Endpoint::Create(kind)
            | Endpoint::Update(kind, _)
            | Endpoint::Archive(kind, _)
            | Endpoint::BatchCreate(kind)
            | Endpoint::BatchUpdate(kind)
            | Endpoint::BatchUpsert(kind)
            | Endpoint::BatchArchive(kind)
            | Endpoint::Merge(kind)
            | Endpoint::CreateLinks(kind, _)
            | Endpoint::CreateDefaultLinks(kind, _)
            | Endpoint::PutDefaultLink(kind, ..) => vec![kind.write_scope()],
            Endpoint::Owners | Endpoint::Owner(_) => vec![Scope::OwnersRead],
            Endpoint::Properties(kind)
            | Endpoint::Property(kind, _)
            | Endpoint::BatchReadProperties(kind)
            | Endpoint::Groups(kind)
            | Endpoint::Group(kind, _)
            | Endpoint::Pipelines(kind)
            | Endpoint::Pipeline(kind, _)
            | Endpoint::Stages(kind, _)
            | Endpoint::Stage(kind, ..) => match kind {
                Kind::Deal => vec![Scope::DealSchemasRead, Scope::DealsRead],
                Kind::Contact | Kind::Company | Kind::Task | Kind::Note | Kind::User => vec![kind.read_scope()],
            },
            Endpoint::CreateProperty(kind)
            | Endpoint::UpdateProperty(kind, _)
            | Endpoint::ArchiveProperty(kind, _)
            | Endpoint::BatchCreateProperties(kind)
            | Endpoint::BatchArchiveProperties(kind)
            | Endpoint::CreateGroup(kind) => match kind {
                Kind::Deal => vec![Scope::DealSchemasWrite],
                Kind::Contact | Kind::Company | Kind::Task | Kind::Note | Kind::User => vec![kind.write_scope()],
            },
            Endpoint::AccountDetails | Endpoint::DailyUsage => Vec::new(),
        }
    }

    /// The budget that the call is counted against.
    pub(crate) fn budget(self) -> Budget {
        let links = matches!(
            self,
            Endpoint::ReadLinks(..)
                | Endpoint::CreateLinks(..)
                | Endpoint::CreateDefaultLinks(..)
                | Endpoint::PutDefaultLink(..)
                | Endpoint::LinkLabels(..)
        );
        if matches!(self, Endpoint::Search(_)) {
            Budget::Search
        } else if links {
            Budget::Associations
        } else {
            Budget::General
        }
    }
}

/// The call as it is counted: with the plural names of types, without a version, without ids.
impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut objects =
            |method: &str, kind: Kind, rest: &str| write!(f, "{method} /crm/objects/{}{rest}", kind.plural());
        match *self {
            Endpoint::List(kind) => objects("GET", kind, ""),
            Endpoint::Create(kind) => objects("POST", kind, ""),
            Endpoint::Get(kind, _) => objects("GET", kind, "/{id}"),
            Endpoint::Update(kind, _) => objects("PATCH", kind, "/{id}"),
            Endpoint::Archive(kind, _) => objects("DELETE", kind, "/{id}"),
            Endpoint::BatchCreate(kind) => objects("POST", kind, "/batch/create"),
            Endpoint::BatchRead(kind) => objects("POST", kind, "/batch/read"),
            Endpoint::BatchUpdate(kind) => objects("POST", kind, "/batch/update"),
            Endpoint::BatchUpsert(kind) => objects("POST", kind, "/batch/upsert"),
            Endpoint::BatchArchive(kind) => objects("POST", kind, "/batch/archive"),
            Endpoint::Search(kind) => objects("POST", kind, "/search"),
            Endpoint::Merge(kind) => objects("POST", kind, "/merge"),
            Endpoint::PutDefaultLink(from, _, to, _) => {
                objects("PUT", from, &format!("/{{id}}/associations/default/{}/{{id}}", to.plural()))
            }
            Endpoint::Owners => f.write_str("GET /crm/owners"),
            Endpoint::Owner(_) => f.write_str("GET /crm/owners/{id}"),
            Endpoint::Properties(kind) => write!(f, "GET /crm/properties/{}", kind.plural()),
            Endpoint::Property(kind, _) => write!(f, "GET /crm/properties/{}/{{name}}", kind.plural()),
            Endpoint::CreateProperty(kind) => write!(f, "POST /crm/properties/{}", kind.plural()),
            Endpoint::UpdateProperty(kind, _) => write!(f, "PATCH /crm/properties/{}/{{name}}", kind.plural()),
            Endpoint::ArchiveProperty(kind, _) => write!(f, "DELETE /crm/properties/{}/{{name}}", kind.plural()),
            Endpoint::BatchCreateProperties(kind) => write!(f, "POST /crm/properties/{}/batch/create", kind.plural()),
            Endpoint::BatchReadProperties(kind) => write!(f, "POST /crm/properties/{}/batch/read", kind.plural()),
            Endpoint::BatchArchiveProperties(kind) => {
                write!(f, "POST /crm/properties/{}/batch/archive", kind.plural())
            }
            Endpoint::Groups(kind) => write!(f, "GET /crm/properties/{}/groups", kind.plural()),
            Endpoint::CreateGroup(kind) => write!(f, "POST /crm/properties/{}/groups", kind.plural()),
            Endpoint::Group(kind, _) => write!(f, "GET /crm/properties/{}/groups/{{name}}", kind.plural()),
            Endpoint::Pipelines(kind) => write!(f, "GET /crm/pipelines/{}", kind.plural()),
            Endpoint::Pipeline(kind, _) => write!(f, "GET /crm/pipelines/{}/{{id}}", kind.plural()),
            Endpoint::Stages(kind, _) => write!(f, "GET /crm/pipelines/{}/{{id}}/stages", kind.plural()),
            Endpoint::Stage(kind, ..) => write!(f, "GET /crm/pipelines/{}/{{id}}/stages/{{id}}", kind.plural()),
            Endpoint::ReadLinks(from, to) => {
                write!(f, "POST /crm/associations/{}/{}/batch/read", from.plural(), to.plural())
            }
            Endpoint::CreateLinks(from, to) => {
                write!(f, "POST /crm/associations/{}/{}/batch/create", from.plural(), to.plural())
            }
            Endpoint::CreateDefaultLinks(from, to) => {
                write!(f, "POST /crm/associations/{}/{}/batch/associate/default", from.plural(), to.plural())
            }
            Endpoint::LinkLabels(from, to) => {
                write!(f, "GET /crm/associations/{}/{}/labels", from.plural(), to.plural())
            }
            Endpoint::AccountDetails => f.write_str("GET /account-info/details"),
            Endpoint::DailyUsage => f.write_str("GET /account-info/api-usage/daily/private-apps"),
        }
    }
}

fn is_version(segment: &str) -> bool {
    matches!(segment, "v3" | "v4" | "2026-03" | "2026-09")
}

fn parse_objects<'a>(method: &str, kind: Kind, rest: &[&'a str]) -> Option<Endpoint<'a>> {
    match (method, rest) {
        ("GET", []) => Some(Endpoint::List(kind)),
        ("POST", []) => Some(Endpoint::Create(kind)),
        ("POST", ["search"]) => Some(Endpoint::Search(kind)),
        ("POST", ["merge"]) => Some(Endpoint::Merge(kind)),
        ("POST", ["batch", "create"]) => Some(Endpoint::BatchCreate(kind)),
        ("POST", ["batch", "read"]) => Some(Endpoint::BatchRead(kind)),
        ("POST", ["batch", "update"]) => Some(Endpoint::BatchUpdate(kind)),
        ("POST", ["batch", "upsert"]) => Some(Endpoint::BatchUpsert(kind)),
        ("POST", ["batch", "archive"]) => Some(Endpoint::BatchArchive(kind)),
        ("GET", [id]) => Some(Endpoint::Get(kind, id)),
        ("PATCH", [id]) => Some(Endpoint::Update(kind, id)),
        ("DELETE", [id]) => Some(Endpoint::Archive(kind, id)),
        ("PUT", [id, "associations", "default", to, to_id]) => {
            Some(Endpoint::PutDefaultLink(kind, id, Kind::parse(to)?, to_id))
        }
        _ => None,
    }
}

fn parse_properties<'a>(method: &str, kind: Kind, rest: &[&'a str]) -> Option<Endpoint<'a>> {
    match (method, rest) {
        ("GET", []) => Some(Endpoint::Properties(kind)),
        ("POST", []) => Some(Endpoint::CreateProperty(kind)),
        ("POST", ["batch", "create"]) => Some(Endpoint::BatchCreateProperties(kind)),
        ("POST", ["batch", "read"]) => Some(Endpoint::BatchReadProperties(kind)),
        ("POST", ["batch", "archive"]) => Some(Endpoint::BatchArchiveProperties(kind)),
        ("GET", ["groups"]) => Some(Endpoint::Groups(kind)),
        ("POST", ["groups"]) => Some(Endpoint::CreateGroup(kind)),
        ("GET", ["groups", name]) => Some(Endpoint::Group(kind, name)),
        ("GET", [name]) => Some(Endpoint::Property(kind, name)),
        ("PATCH", [name]) => Some(Endpoint::UpdateProperty(kind, name)),
        ("DELETE", [name]) => Some(Endpoint::ArchiveProperty(kind, name)),
        _ => None,
    }
}

fn parse_pipelines<'a>(method: &str, kind: Kind, rest: &[&'a str]) -> Option<Endpoint<'a>> {
    match (method, rest) {
        ("GET", []) => Some(Endpoint::Pipelines(kind)),
        ("GET", [id]) => Some(Endpoint::Pipeline(kind, id)),
        ("GET", [id, "stages"]) => Some(Endpoint::Stages(kind, id)),
        ("GET", [id, "stages", stage]) => Some(Endpoint::Stage(kind, id, stage)),
        _ => None,
    }
}

fn parse_links<'a>(method: &str, from: Kind, to: Kind, rest: &[&'a str]) -> Option<Endpoint<'a>> {
    match (method, rest) {
        ("POST", ["batch", "read"]) => Some(Endpoint::ReadLinks(from, to)),
        ("POST", ["batch", "create"]) => Some(Endpoint::CreateLinks(from, to)),
        ("POST", ["batch", "associate", "default"]) => Some(Endpoint::CreateDefaultLinks(from, to)),
        ("GET", ["labels"]) => Some(Endpoint::LinkLabels(from, to)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dated_and_numbered_paths_address_the_same_calls() {
        for (method, path, key) in [
            ("GET", "/crm/objects/2026-09/deals", "GET /crm/objects/deals"),
            ("GET", "/crm/v3/objects/0-3", "GET /crm/objects/deals"),
            ("GET", "/crm/objects/2026-09/0-3/17", "GET /crm/objects/deals/{id}"),
            ("POST", "/crm/objects/2026-03/tasks/batch/create", "POST /crm/objects/tasks/batch/create"),
            ("GET", "/crm/v3/owners/", "GET /crm/owners"),
            ("GET", "/crm/properties/2026-09/deals/amount", "GET /crm/properties/deals/{name}"),
            ("GET", "/crm/v3/pipelines/deals/default/stages/x", "GET /crm/pipelines/deals/{id}/stages/{id}"),
            ("POST", "/crm/v4/associations/0-3/0-27/batch/read", "POST /crm/associations/deals/tasks/batch/read"),
            (
                "PUT",
                "/crm/v4/objects/task/1/associations/default/deal/2",
                "PUT /crm/objects/tasks/{id}/associations/default/deals/{id}",
            ),
            ("GET", "/account-info/v3/details", "GET /account-info/details"),
        ] {
            let method: Method = method.parse().unwrap();
            let found = Endpoint::parse(&method, path).map(|endpoint| endpoint.to_string());
            assert_eq!(found.as_deref(), Some(key), "{path}");
        }
    }

    #[test]
    fn unknown_paths_address_nothing() {
        for path in ["/", "/crm/objects/deals", "/crm/v3/objects/quotes", "/crm/objects/2031-01/deals", "/crm/v3"] {
            assert_eq!(Endpoint::parse(&Method::GET, path), None, "{path}");
        }
    }
}
