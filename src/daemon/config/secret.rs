//! References to secrets: the configuration names where a secret stands and never holds it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dealclock_model::Fault;
use dealclock_model::fault::Source;
use secrecy::SecretString;

use super::places::Place;
use super::{Environment, cannot_be_read};

/// Where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file of its own; one trailing line break is not part of it.
    File(PathBuf),
    /// In a systemd credential: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "the environment variable {name}"),
            SecretRef::File(path) => write!(f, "the file {}", path.display()),
            SecretRef::Credential(name) => write!(f, "the systemd credential {name}"),
        }
    }
}

/// A secret of the configuration: where it stands, and where the configuration says so.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Where it stands.
    pub from: SecretRef,
    pub(super) place: Place,
    /// Whether it spans lines, as keys do.
    pub(super) has_lines: bool,
}

impl Secret {
    /// Reads the secret now; a secret that was exchanged in its place is read anew by the next call.
    pub fn read(&self, environment: &Environment) -> Result<SecretString, Fault> {
        let text = match &self.from {
            SecretRef::Env(name) => environment.get(name).map(str::to_owned).ok_or_else(|| "is not set".to_owned()),
            SecretRef::File(path) => read_file(path),
            SecretRef::Credential(name) => match environment.get("CREDENTIALS_DIRECTORY") {
                Some(directory) => read_file(&PathBuf::from(directory).join(name)),
                None => Err("is not there: $CREDENTIALS_DIRECTORY is not set".to_owned()),
            },
        };
        let text = text.map_err(|reason| self.fault(format!("{} {reason}", self.from)))?;
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.is_empty() {
            return Err(self.fault(format!("{} is empty", self.from)));
        }
        let fits = |char: char| matches!(char, ' '..='~') || self.has_lines && matches!(char, '\n' | '\r');
        if !secret.chars().all(fits) {
            return Err(self.fault(format!("{} holds characters that no token or password has", self.from)));
        }
        Ok(SecretString::from(secret))
    }

    /// A fault at the key that names the secret.
    fn fault(&self, message: String) -> Fault {
        let help = match &self.from {
            SecretRef::Env(name) => format!("start the program with {name} set"),
            SecretRef::File(_) => "write the secret alone into that file, readable for this user".to_owned(),
            SecretRef::Credential(name) => {
                format!("start the service with LoadCredential={name}:PATH, or use {{ env = \"NAME\" }}")
            }
        };
        self.place.fault(message).help(help)
    }

    /// A secret for tests and for the demo, named by no file.
    pub fn from_env(name: impl Into<String>) -> Secret {
        let source: Arc<Source> = Source::new("environment", "");
        Secret { from: SecretRef::Env(name.into()), place: Place { source, span: 0..0 }, has_lines: false }
    }
}

fn read_file(path: &std::path::Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| cannot_be_read(&error))
}
