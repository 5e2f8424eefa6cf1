//! The layers of the configuration merged by the `config` crate: shipped defaults, the file, the environment.

use std::collections::{BTreeMap, HashMap};

use config::{ConfigError, File, FileFormat, Value, ValueKind};
use serde::Deserialize;

use super::DEFAULTS;

/// The merged keys, still as they are written.
#[derive(Deserialize)]
pub(super) struct Merged {
    pub(super) store: Store,
    pub(super) log: Log,
    pub(super) rules: Rules,
    pub(super) reports: Reports,
    #[serde(default)]
    pub(super) secrets: Secrets,
    pub(super) mail: Mail,
    pub(super) web: Web,
    #[serde(default)]
    pub(super) control: Control,
    #[serde(default)]
    pub(super) clock: Clock,
    connection_defaults: HashMap<String, Value>,
    #[serde(default)]
    connection: BTreeMap<String, HashMap<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct Store {
    pub(super) path: String,
    pub(super) cache_mb: u32,
    pub(super) compact_at: f64,
}

#[derive(Deserialize)]
pub(super) struct Log {
    pub(super) level: String,
    pub(super) format: super::LogFormat,
}

#[derive(Deserialize)]
pub(super) struct Reports {
    pub(super) path: String,
}

#[derive(Deserialize)]
pub(super) struct Rules {
    pub(super) files: Texts,
}

/// A list in a file; in the environment one text with commas.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    Many(Vec<String>),
    Joined(String),
}

impl Default for Texts {
    fn default() -> Texts {
        Texts::Many(Vec::new())
    }
}

impl Texts {
    /// The texts of the list.
    pub(super) fn list(&self) -> Vec<&str> {
        match self {
            Texts::Many(texts) => texts.iter().map(String::as_str).collect(),
            Texts::Joined(texts) => texts.split(',').map(str::trim).collect(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Mail {
    pub(super) enabled: bool,
    pub(super) host: Option<String>,
    pub(super) port: u16,
    pub(super) tls: super::MailTls,
    pub(super) allow_local: bool,
    pub(super) from: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Reference>,
    pub(super) on_unknown: super::OnUnknown,
}

#[derive(Default, Deserialize)]
pub(super) struct Secrets {
    pub(super) key: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct Web {
    pub(super) listen: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) body_limit: String,
}

#[derive(Default, Deserialize)]
pub(super) struct Control {
    pub(super) socket: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Clock {
    pub(super) follow: Option<String>,
}

/// A reference to a secret.
#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) env: Option<String>,
    pub(super) file: Option<String>,
    pub(super) credential: Option<String>,
}

/// One connection with the defaults of all connections beneath it.
#[derive(Deserialize)]
pub(super) struct Connection {
    pub(super) kind: Option<String>,
    pub(super) token: Option<Reference>,
    pub(super) auth: Option<Auth>,
    pub(super) webhook_secret: Option<Reference>,
    #[serde(default)]
    pub(super) command: Texts,
    #[serde(default)]
    pub(super) env: BTreeMap<String, Reference>,
    pub(super) base_url: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) quiet_hours: Option<String>,
    pub(super) fallback: Option<String>,
    pub(super) poll: String,
    pub(super) reconcile: String,
    pub(super) refresh: String,
    pub(super) share: f64,
    pub(super) daily_share: f64,
    pub(super) send_time: String,
    pub(super) max_per_person_per_day: u32,
    pub(super) storm_above: u32,
    pub(super) max_wait: String,
    pub(super) feed: bool,
    pub(super) holidays: super::Holidays,
    pub(super) allow_local: bool,
    #[serde(default)]
    pub(super) fields: Fields,
    #[serde(default)]
    pub(super) stages: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) managers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) team_managers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) roles: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) people: BTreeMap<String, Person>,
}

/// How an app logs in to an account.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) grant: Option<dealclock_connector::oauth::GrantKind>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Reference>,
    pub(super) login_url: Option<String>,
    pub(super) username: Option<String>,
    pub(super) private_key: Option<Reference>,
    #[serde(default)]
    pub(super) scopes: Texts,
}

#[derive(Default, Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    pub(super) opportunity: BTreeMap<String, Field>,
}

#[derive(Deserialize)]
pub(super) struct Field {
    pub(super) field: Option<String>,
    #[serde(rename = "type")]
    pub(super) value_type: Option<dealclock_model::ValueType>,
    pub(super) stage_entered: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Person {
    #[serde(default)]
    pub(super) absent: Vec<String>,
    pub(super) absences_ics: Option<String>,
    pub(super) deputy: Option<String>,
}

/// Merges the layers. Both upper ones were checked, so an error is one of the schema and not of the person.
pub(super) fn merge(file: &str, variables: BTreeMap<String, String>) -> Result<Merged, ConfigError> {
    let environment = config::Environment::with_prefix("DEALCLOCK")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables.into_iter().collect()));
    config::Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .add_source(File::from_str(file, FileFormat::Toml))
        .add_source(environment)
        .build()?
        .try_deserialize()
}

impl Merged {
    /// The connections, each over the defaults of all.
    pub(super) fn connections(&self) -> Result<BTreeMap<String, Connection>, ConfigError> {
        let over = |own: &HashMap<String, Value>| {
            let mut keys = self.connection_defaults.clone();
            keys.extend(own.clone());
            Value::new(None, ValueKind::Table(keys)).try_deserialize()
        };
        self.connection.iter().map(|(name, own)| Ok((name.clone(), over(own)?))).collect()
    }
}
