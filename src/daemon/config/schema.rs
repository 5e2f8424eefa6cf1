//! Every key of the configuration with its kind: what `config/dealclock.toml` shows, as data.

use super::kind::{Form, Key, Kind, Naming};

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind }
}

const fn text(name: &'static str, form: Form) -> Key {
    Key { name, kind: Kind::Text(form) }
}

/// The whole file.
pub(super) static ROOT: &[Key] = &[
    key("store", Kind::Section(STORE)),
    key("log", Kind::Section(LOG)),
    key("rules", Kind::Section(RULES)),
    key("reports", Kind::Section(REPORTS)),
    key("secrets", Kind::Section(SECRETS)),
    key("mail", Kind::Section(MAIL)),
    key("web", Kind::Section(WEB)),
    key("control", Kind::Section(CONTROL)),
    key("clock", Kind::Section(CLOCK)),
    key("connection_defaults", Kind::Section(CONNECTION_DEFAULTS)),
    key("connection", Kind::Named(Naming::Connection, &Kind::Section(CONNECTION))),
];

static STORE: &[Key] =
    &[text("path", Form::Path), key("cache_mb", Kind::Count(8, 4096)), key("compact_at", Kind::Number(1.0, 100.0))];

static LOG: &[Key] = &[text("level", Form::LogLevel), text("format", Form::Word(&["auto", "text", "json"]))];

static RULES: &[Key] = &[key("files", Kind::List(Form::Path))];

static REPORTS: &[Key] = &[text("path", Form::Path)];

static SECRETS: &[Key] = &[key("key", Kind::Secret)];

static MAIL: &[Key] = &[
    key("enabled", Kind::Bool),
    text("host", Form::Plain),
    key("port", Kind::Count(1, 65_535)),
    text("tls", Form::Word(&["starttls", "implicit", "none"])),
    key("allow_local", Kind::Bool),
    text("from", Form::Mailbox),
    text("user", Form::Plain),
    key("password", Kind::Secret),
    text("on_unknown", Form::Word(&["again", "drop"])),
];

static WEB: &[Key] = &[text("listen", Form::Listen), text("public_url", Form::Url), text("body_limit", Form::Size)];

static CONTROL: &[Key] = &[text("socket", Form::Path)];

static CLOCK: &[Key] = &[text("follow", Form::Url)];

static CONNECTION_DEFAULTS: &[Key] = &[
    text("poll", Form::Duration),
    text("reconcile", Form::Duration),
    text("refresh", Form::Duration),
    key("share", Kind::Number(0.0, 1.0)),
    key("daily_share", Kind::Number(0.0, 1.0)),
    text("send_time", Form::TimeOfDay),
    key("max_per_person_per_day", Kind::Count(1, 1000)),
    key("storm_above", Kind::Count(1, 1_000_000)),
    text("max_wait", Form::Duration),
    key("feed", Kind::Bool),
    text("holidays", Form::Word(&["none", "crm"])),
    key("allow_local", Kind::Bool),
];

static CONNECTION: &[Key] = &[
    text("kind", Form::Plain),
    key("token", Kind::Secret),
    key("auth", Kind::Section(AUTH)),
    key("webhook_secret", Kind::Secret),
    key("command", Kind::List(Form::Plain)),
    key("env", Kind::Named(Naming::Variable, &Kind::Secret)),
    text("base_url", Form::Url),
    text("ca_file", Form::Path),
    text("zone", Form::Zone),
    text("quiet_hours", Form::DailyRange),
    text("fallback", Form::Plain),
    text("poll", Form::Duration),
    text("reconcile", Form::Duration),
    text("refresh", Form::Duration),
    key("share", Kind::Number(0.0, 1.0)),
    key("daily_share", Kind::Number(0.0, 1.0)),
    text("send_time", Form::TimeOfDay),
    key("max_per_person_per_day", Kind::Count(1, 1000)),
    key("storm_above", Kind::Count(1, 1_000_000)),
    text("max_wait", Form::Duration),
    key("feed", Kind::Bool),
    text("holidays", Form::Word(&["none", "crm"])),
    key("allow_local", Kind::Bool),
    key("fields", Kind::Section(FIELDS)),
    key("stages", Kind::Named(Naming::Free, &Kind::List(Form::Plain))),
    key("managers", Kind::Named(Naming::Free, &Kind::Text(Form::Plain))),
    key("team_managers", Kind::Named(Naming::Free, &Kind::Text(Form::Plain))),
    key("roles", Kind::Named(Naming::Role, &Kind::List(Form::Plain))),
    key("people", Kind::Named(Naming::Free, &Kind::Section(PERSON))),
];

static AUTH: &[Key] = &[
    text("grant", Form::Word(&["authorization_code", "client_credentials", "jwt_bearer"])),
    text("client_id", Form::Plain),
    key("client_secret", Kind::Secret),
    text("login_url", Form::Url),
    text("username", Form::Plain),
    key("private_key", Kind::Secret),
    key("scopes", Kind::List(Form::Plain)),
];

static FIELDS: &[Key] = &[key("opportunity", Kind::Named(Naming::Field, &Kind::Field))];

/// The keys of a mapped field; exactly one of `field` and `stage_entered` stands.
pub(super) static FIELD: &[Key] = &[
    text("field", Form::Plain),
    text("type", Form::Word(&["bool", "number", "text", "time", "date"])),
    text("stage_entered", Form::Plain),
];

static PERSON: &[Key] =
    &[key("absent", Kind::List(Form::DateRange)), text("absences_ics", Form::Path), text("deputy", Form::Plain)];

/// The places where a secret may stand; exactly one is named.
pub(super) static SECRET: &[Key] =
    &[text("env", Form::Plain), text("file", Form::Path), text("credential", Form::Plain)];

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::DEFAULTS;

    fn leaves(prefix: &str, kind: &Kind, found: &mut BTreeSet<String>) {
        match kind {
            Kind::Section(keys) => {
                for key in *keys {
                    leaves(&format!("{prefix}.{}", key.name), &key.kind, found);
                }
            }
            Kind::Named(_, kind) => leaves(&format!("{prefix}.*"), kind, found),
            Kind::Secret
            | Kind::Field
            | Kind::Bool
            | Kind::Count(..)
            | Kind::Number(..)
            | Kind::Text(_)
            | Kind::List(_) => {
                found.insert(prefix.to_owned());
            }
        }
    }

    /// The paths that stand in a document, with `*` for the keys that a person chooses.
    fn standing(prefix: &str, table: &dyn toml_edit::TableLike, kind: &Kind, found: &mut BTreeSet<String>) {
        for (name, item) in table.iter() {
            let (name, inner) = match kind {
                Kind::Section(keys) => {
                    let key = keys.iter().find(|key| key.name == name);
                    (name, &key.unwrap_or_else(|| panic!("{prefix}.{name} is not in the schema")).kind)
                }
                Kind::Named(_, kind) => ("*", *kind),
                _ => panic!("{prefix} is not a table in the schema"),
            };
            let path = format!("{prefix}.{name}");
            match inner {
                Kind::Section(_) | Kind::Named(..) => standing(&path, item.as_table_like().unwrap(), inner, found),
                _ => drop(found.insert(path)),
            }
        }
    }

    /// The shipped file with the keys that it shows commented out brought to life.
    pub(in crate::config) fn every_key() -> String {
        DEFAULTS
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[' || c == '"') => rest,
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_shipped_file_and_the_schema_hold_the_same_keys() {
        let root = Kind::Section(ROOT);
        let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
        leaves("", &root, &mut known);
        let document = toml_edit::Document::parse(every_key()).unwrap();
        standing("", document.as_table(), &root, &mut shown);
        assert_eq!(known, shown);
    }
}
