//! From merged keys to the typed configuration, with the checks that need more than one key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dealclock_model::fault::Source;
use dealclock_model::{ConnectionId, Fault};

use super::kind::{Wrong, is_local, is_loopback, mailbox, suggest, url};
use super::layers::{self, Merged, Reference, Texts};
use super::places::Places;
use super::walk::{remove, walk, written};
use super::{Config, Connection, Environment, Faults, Log, Mail, MailTls, RuleFiles, Secret, SecretRef, Store, env};

/// The keys behind which a reference to a secret stands.
const SECRET_KEYS: [&str; 6] = ["token", "password", "key", "client_secret", "private_key", "webhook_secret"];

/// The longest path of a Unix socket that every system takes, in bytes.
const LONGEST_SOCKET: usize = 100;

/// A configuration as far as it could be built.
pub(crate) struct Built {
    /// The configuration; its faulty keys have their defaults.
    pub(crate) config: Option<Config>,
    /// What is wrong with it.
    pub(crate) faults: Vec<Fault>,
    /// Whether the connections are as the person wrote them, so that rules can be judged against them.
    pub(crate) connections_whole: bool,
}

impl Built {
    /// The configuration, when nothing is wrong with it.
    pub(crate) fn whole(self) -> Result<Config, Faults> {
        Faults::unless_empty(self.faults)?;
        self.config.ok_or_else(|| Faults::from(Fault::new(&Source::new("configuration", ""), 0..0, "is not complete")))
    }
}

/// Reads, merges, checks.
pub(super) fn build(name: &str, text: &str, directory: &Path, environment: &Environment, kinds: &[&str]) -> Built {
    let mut walked = walk(name, text);
    let layer = env::Layer::read(environment);
    // A variable that says where a secret stands replaces the whole reference of the file.
    for path in layer.places.keys() {
        if let [front @ .., secret, _place] = path.as_slice()
            && SECRET_KEYS.contains(&secret.as_str())
        {
            remove(walked.document.as_table_mut(), &[front, std::slice::from_ref(secret)].concat());
        }
    }
    let mut faults = walked.faults;
    faults.extend(layer.faults);
    let places = Places { source: walked.source, spans: walked.spans, environment: layer.places, bad: walked.bad };
    let merged = layers::merge(&walked.document.to_string(), layer.values)
        .and_then(|merged| merged.connections().map(|connections| (merged, connections)));
    let mut building = Building { places, faults, directory, kinds, store: PathBuf::new(), key: None };
    let config = match merged {
        Ok((merged, connections)) => building.config(&merged, connections),
        Err(error) => {
            building.fault(&[], format!("cannot be merged with the defaults: {error}"), "compare it with the defaults");
            None
        }
    };
    let connections_whole = !building.places.is_bad(&["connection"])
        && building.places.bad.iter().all(|bad| bad.first().is_none_or(|section| section != "connection"));
    Built { config, faults: building.faults, connections_whole }
}

/// The state of building: places to point at, faults so far.
pub(super) struct Building<'a> {
    pub(super) places: Places,
    pub(super) faults: Vec<Fault>,
    directory: &'a Path,
    pub(super) kinds: &'a [&'a str],
    /// The store, beside which tokens are kept.
    pub(super) store: PathBuf,
    /// The key that they are encrypted with, where one is configured.
    pub(super) key: Option<Secret>,
}

impl Building<'_> {
    fn config(&mut self, merged: &Merged, connections: BTreeMap<String, layers::Connection>) -> Option<Config> {
        let store = Store {
            path: self.path(&["store", "path"], &merged.store.path),
            cache_bytes: u64::from(merged.store.cache_mb) * 1024 * 1024,
            compact_at: merged.store.compact_at,
        };
        self.store.clone_from(&store.path);
        self.key = merged.secrets.key.as_ref().and_then(|key| self.secret(&["secrets", "key"], key));
        let log = Log { level: merged.log.level.clone(), format: merged.log.format };
        let rules = self.rules(&merged.rules.files);
        let reports = self.path(&["reports", "path"], &merged.reports.path);
        let mail = self.mail(&merged.mail);
        let web = self.web(&merged.web);
        let socket = self.socket(merged.control.socket.as_deref(), &store.path);
        let follow = self.follow(merged.clock.follow.as_deref());
        let connections = self.connections(connections);
        Some(Config { store, log, rules, reports, mail: mail?, web: web?, socket, follow, connections })
    }

    /// Adds a fault at a key.
    pub(super) fn fault(&mut self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(self.places.of(path).fault(message).help(help));
    }

    /// Reads a text by its form. The walk has already named what does not fit, so only a default can fail here.
    pub(super) fn parse<T>(&mut self, path: &[&str], text: &str, form: fn(&str) -> Result<T, Wrong>) -> Option<T> {
        form(text)
            .map_err(|wrong| {
                let name = path.last().copied().unwrap_or_default();
                self.fault(path, format!("`{name}` {}", wrong.message), wrong.help);
            })
            .ok()
    }

    /// Adds a fault for a key that must stand, unless it was already found to be wrong.
    pub(super) fn missing(&mut self, section: &[&str], key: &str, why: &str, help: &str) {
        let path = [section, &[key]].concat();
        if !self.places.is_bad(&path) {
            let section: Vec<String> = section.iter().map(|part| (*part).to_owned()).collect();
            self.fault(&path[..path.len() - 1], format!("[{}] has no `{key}`{why}", written(&section)), help);
        }
    }

    /// A path of the file starts at the file's directory, one of the environment at the working directory.
    pub(super) fn path(&self, key: &[&str], text: &str) -> PathBuf {
        if self.places.is_from_environment(key) { PathBuf::from(text) } else { self.directory.join(text) }
    }

    /// The reference to a secret, which names exactly one place.
    pub(super) fn secret(&mut self, path: &[&str], reference: &Reference) -> Option<Secret> {
        let file_key = [path, &["file"]].concat();
        let from = match (&reference.env, &reference.file, &reference.credential) {
            (Some(name), None, None) => SecretRef::Env(name.clone()),
            (None, Some(file), None) => SecretRef::File(self.path(&file_key, file)),
            (None, None, Some(name)) => SecretRef::Credential(name.clone()),
            _ => {
                let name = path.last().copied().unwrap_or_default();
                let help = r#"name one: { env = "NAME" }, { file = "path" } or { credential = "name" }"#;
                self.fault(path, format!("`{name}` does not name one place"), help);
                return None;
            }
        };
        let has_lines = path.last() == Some(&"private_key");
        Some(Secret { from, place: self.places.of(path), has_lines })
    }

    fn rules(&mut self, files: &Texts) -> RuleFiles {
        let key = ["rules", "files"];
        let texts = files.list();
        if texts.is_empty() && !self.places.is_bad(&key) {
            self.fault(&key, "`files` names no rule file", r#"write for example ["rules/*.toml"]"#);
        }
        let patterns = texts.iter().map(|text| self.path(&key, text)).collect();
        RuleFiles { patterns, place: self.places.of(&key) }
    }

    /// The mail section: `None` when something is missing, `Some(None)` when mail is off.
    fn mail(&mut self, mail: &layers::Mail) -> Option<Option<Mail>> {
        let section = ["mail"];
        let from = mail.from.as_deref().and_then(|text| self.parse(&["mail", "from"], text, mailbox));
        let password = mail.password.as_ref().and_then(|reference| self.secret(&["mail", "password"], reference));
        if !mail.enabled {
            return Some(None);
        }
        if mail.host.is_none() {
            self.missing(&section, "host", ", and mail is enabled", r#"add for example host = "smtp.example.com""#);
        }
        if mail.from.is_none() {
            let help = r#"add for example from = "Dealclock <dealclock@example.com>""#;
            self.missing(&section, "from", ", and mail is enabled", help);
        }
        match (&mail.user, &mail.password) {
            (Some(_), None) => {
                let help = r#"add for example password = { env = "DEALCLOCK_MAIL_PASSWORD" }"#;
                self.missing(&section, "password", " for its `user`", help);
            }
            (None, Some(_)) => {
                self.missing(&section, "user", " for its `password`", "add `user`, or remove `password`")
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if mail.tls == MailTls::None && !mail.allow_local {
            let help =
                "use \"starttls\" or \"implicit\"; for a server on this machine or network add allow_local = true";
            self.fault(&["mail", "tls"], "`tls` is \"none\": mail and password would travel in clear", help);
        }
        let login = mail.user.clone().zip(password);
        Some(Some(Mail {
            host: mail.host.clone()?,
            port: mail.port,
            tls: mail.tls,
            from: from?,
            login,
            on_unknown: mail.on_unknown,
        }))
    }

    fn socket(&mut self, socket: Option<&str>, store: &Path) -> PathBuf {
        let key = ["control", "socket"];
        let (path, key): (PathBuf, &[&str]) = match socket {
            Some(socket) => (self.path(&key, socket), &key),
            None => (PathBuf::from(format!("{}.sock", store.display())), &["store", "path"]),
        };
        let length = path.as_os_str().len();
        if length > LONGEST_SOCKET {
            let help = format!("set `socket` in [control] to a path of at most {LONGEST_SOCKET} bytes");
            self.fault(key, format!("the control socket's path would have {length} bytes"), help);
        }
        path
    }

    fn follow(&mut self, follow: Option<&str>) -> Option<reqwest::Url> {
        let key = ["clock", "follow"];
        let address = self.parse(&key, follow?, url)?;
        if !is_loopback(&address) {
            let help = "only a sandbox on this machine has a clock to follow: \"http://127.0.0.1:PORT\"";
            self.fault(&key, "`follow` is not an address of this machine", help);
        }
        Some(address)
    }

    fn connections(&mut self, connections: BTreeMap<String, layers::Connection>) -> BTreeMap<ConnectionId, Connection> {
        if connections.is_empty()
            && !self.places.is_bad(&["connection"])
            && self.places.bad.iter().all(|bad| !bad.is_empty())
        {
            let kinds: Vec<String> = self.kinds.iter().map(|kind| format!("{kind:?}")).collect();
            let help = format!(
                "add [connection.NAME] with a `kind` ({}) and `token` or `auth`; or name the file that has it with --config",
                kinds.join(", ")
            );
            self.fault(&["connection"], "there is no connection to a CRM", help);
        }
        let mut built: BTreeMap<ConnectionId, Connection> = BTreeMap::new();
        for (name, keys) in connections {
            let Some(connection) = self.connection(&name, keys) else { continue };
            if let Some(twin) = built.values().find(|other| other.is_same_account(&connection)) {
                let key = connection.credentials.key();
                let message = format!("`{key}` is the same as that of [connection.{}]", twin.id);
                let help = "two connections to one account would write every reminder twice; remove one";
                self.fault(&["connection", &name, key], message, help);
            }
            built.insert(connection.id.clone(), connection);
        }
        built
    }

    /// Checks the kind of a connection.
    pub(super) fn kind(&mut self, name: &str, kind: &str) {
        if !self.kinds.contains(&kind) {
            let path = ["connection", name, "kind"];
            self.fault(&path, format!("there is no connector for `{kind}`"), suggest(kind, self.kinds));
        }
    }

    /// Checks an address of the CRM.
    pub(super) fn reach(&mut self, path: &[&str], text: &str, allow_local: bool) {
        let key = path.last().copied().unwrap_or_default();
        let Some(address) = self.parse(path, text, url) else { return };
        if is_loopback(&address) {
            if !allow_local {
                let help = "write the CRM's address; for a sandbox on this machine add allow_local = true";
                self.fault(path, format!("`{key}` is this machine"), help);
            }
        } else if address.scheme() == "http" || is_local(&address) {
            let help = "write the CRM's address, which begins with https:// and is public";
            self.fault(path, format!("`{key}` is not encrypted or not public"), help);
        }
    }
}
