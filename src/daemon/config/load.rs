//! Configuration and rules read together, so that the faults of all files come at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dealclock_engine::Ruleset;
use dealclock_engine::read::{Catalogs, Known, Roles};
use dealclock_model::fault::Source;
use dealclock_model::{Catalog, ConnectionId, Fault, Object};

use super::{Config, Connection, Environment, Faults, cannot_be_read};

/// A configuration with its rules.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is configured.
    pub config: Config,
    /// What the rule files say.
    pub ruleset: Ruleset,
}

impl Loaded {
    /// Reads the configuration and every rule file that it names.
    ///
    /// Rules are judged as soon as the connections are clear, whatever else is wrong with the configuration.
    pub fn load(path: Option<&Path>, environment: &Environment, kinds: &[&str]) -> Result<Loaded, Faults> {
        let built = Config::open(path, environment, kinds)?;
        if !built.connections_whole || built.config.is_none() {
            return built.whole().and_then(Loaded::with_rules);
        }
        let (config, mut faults) = (built.config, built.faults);
        match config.map(Loaded::with_rules) {
            Some(Ok(loaded)) if faults.is_empty() => return Ok(loaded),
            Some(Err(Faults(more))) => faults.extend(more),
            Some(Ok(_)) | None => {}
        }
        Err(Faults::sorted(faults))
    }

    fn with_rules(config: Config) -> Result<Loaded, Faults> {
        let ruleset = read_rules(&config)?;
        Ok(Loaded { config, ruleset })
    }
}

/// Reads every rule file again, against the mapping of the configuration.
pub fn read_rules(config: &Config) -> Result<Ruleset, Faults> {
    read(config, catalogs(config))
}

/// Reads every rule file again, against what one connection is known to have.
pub(crate) fn read_rules_against(
    config: &Config,
    connection: &ConnectionId,
    known: BTreeMap<Object, Catalog>,
) -> Result<Ruleset, Faults> {
    let mut catalogs = catalogs(config);
    catalogs.insert(connection.clone(), known);
    read(config, catalogs)
}

/// What the mapping of each connection lets rules name.
pub fn catalogs(config: &Config) -> Catalogs {
    let of = |connection: &Connection| {
        Object::ALL.into_iter().map(|object| (object, connection.mapping.catalog(object))).collect()
    };
    config.connections.iter().map(|(id, connection)| (id.clone(), of(connection))).collect()
}

fn read(config: &Config, catalogs: Catalogs) -> Result<Ruleset, Faults> {
    let roles = roles(config);
    let known = Known { catalogs: &catalogs, roles: Some(&roles) };
    Ruleset::read_knowing(&rule_sources(config)?, known, &load_calendar).map_err(Faults::sorted)
}

/// The roles of each connection.
fn roles(config: &Config) -> Roles {
    let of = |connection: &Connection| connection.roles.keys().cloned().collect();
    config.connections.iter().map(|(id, connection)| (id.clone(), of(connection))).collect()
}

/// Reads a calendar file that a rule file names.
pub(crate) fn load_calendar(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| cannot_be_read(&error))
}

/// The texts of the rule files, in the order of their names; a file that two patterns name is read once.
pub fn rule_sources(config: &Config) -> Result<Vec<Arc<Source>>, Faults> {
    let mut faults = Vec::new();
    let mut paths: Vec<PathBuf> = Vec::new();
    for pattern in &config.rules.patterns {
        match matching(pattern) {
            Ok(found) if found.is_empty() => {
                let message = format!("there is no rule file `{}`", pattern.display());
                let help = "name files that exist; a path starts at the configuration's directory";
                faults.push(config.rules.fault(message).help(help));
            }
            Ok(found) => paths.extend(found),
            Err(reason) => faults.push(config.rules.fault(format!("`{}` {reason}", pattern.display()))),
        }
    }
    paths.sort();
    paths.dedup();
    let mut sources = Vec::new();
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => sources.push(Source::new(path.display().to_string(), text)),
            Err(error) => {
                let source = Source::new(path.display().to_string(), "");
                faults.push(Fault::new(&source, 0..0, cannot_be_read(&error)));
            }
        }
    }
    Faults::unless_empty(faults)?;
    Ok(sources)
}

fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let text = pattern.to_str().ok_or("is not UTF-8")?;
    let found = glob::glob(text).map_err(|error| format!("is not a pattern of files: {}", error.msg))?;
    found.collect::<Result<_, _>>().map_err(|error| format!("cannot be searched: {}", error.error().kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str =
        "[rule.a]\nobject = \"opportunity\"\nwhen = 'amount > 1'\nuntil = 'is_closed'\ndeadline = \"5d\"\n";

    fn load(config: &str, rules: &[(&str, &str)]) -> Result<Loaded, String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in rules {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let path = directory.path().join("my.toml");
        std::fs::write(&path, format!("{config}\n[connection.acme]\nkind = \"k\"\ntoken = {{ env = \"T\" }}\n"))
            .unwrap();
        Loaded::load(Some(&path), &Environment::default(), &["k"])
            .map_err(|faults| faults.to_string().replace(&format!("{}/", directory.path().display()), ""))
    }

    #[test]
    fn a_rule_file_that_two_patterns_name_is_read_once() {
        let loaded = load("[rules]\nfiles = [\"*.rules\", \"a.rules\"]", &[("a.rules", RULE)]).unwrap();
        assert_eq!(loaded.ruleset.rules.by_key.len(), 1);
    }

    #[test]
    fn a_pattern_that_finds_nothing_is_a_fault() {
        let shown = load("[rules]\nfiles = [\"r/*.toml\"]", &[]).unwrap_err();
        assert!(shown.starts_with("my.toml:2:9: there is no rule file `r/*.toml`\n"), "{shown}");
    }

    #[test]
    fn a_role_that_no_connection_has_is_a_fault_of_the_rule_file() {
        let report = "[report.r]\nkind = \"requests\"\nevery = \"0 8 1 * *\"\nto = [\"role:director\"]\n";
        let rules = [("a.rules", report)];
        let shown = load("[rules]\nfiles = [\"a.rules\"]", &rules).unwrap_err();
        assert!(shown.starts_with("a.rules:4:7: no role `director` on connection `acme`\n"), "{shown}");
        assert!(load("[rules]\nfiles = [\"a.rules\"]\n[connection.acme.roles]\ndirector = [\"7\"]", &rules).is_ok());
    }

    #[test]
    fn faults_of_configuration_and_rules_come_together() {
        let shown = load(
            "[log]\nlevel = 1\n[rules]\nfiles = [\"a.rules\", \"b.rules\"]",
            &[
                (
                    "a.rules",
                    "[rule.a]\nobject = \"opportunity\"\nwhen = 'amont > 1'\nuntil = 'is_closed'\ndeadline = \"5d\"\n",
                ),
                ("b.rules", "[rul.b]\n"),
            ],
        )
        .unwrap_err();
        for part in ["my.toml:2:9: ", "a.rules:3:9: ", "b.rules:1:", "3 faults"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
