//! The house rules that no compiler checks: who may depend on whom, which words stand where, how long a file may be.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may depend on within the workspace. Everything that is not here is a wall.
const EDGES: &[(&str, &[&str])] = &[
    ("dealclock-model", &[]),
    ("dealclock-engine", &["dealclock-model"]),
    ("dealclock-store", &["dealclock-model"]),
    ("dealclock-connector", &["dealclock-model"]),
    ("dealclock-hubspot", &["dealclock-connector", "dealclock-model"]),
    ("dealclock-plugin", &["dealclock-connector", "dealclock-model"]),
    ("dealclock-salesforce", &["dealclock-connector", "dealclock-model"]),
    ("dealclock-sandbox", &[]),
    ("dealclock-daemon", &["dealclock-connector", "dealclock-engine", "dealclock-model", "dealclock-store"]),
];

/// Packages that only one crate may name.
const SOLE_USERS: &[(&str, &str)] = &[
    ("sled", "dealclock-store"),
    ("cel", "dealclock-engine"),
    ("lettre", "dealclock-daemon"),
    ("oauth2", "dealclock-connector"),
    ("governor", "dealclock-connector"),
];

/// Packages that a crate must never name, because it would let the world in.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("dealclock-model", &["tokio", "reqwest", "sled", "axum", "rand"]),
    ("dealclock-engine", &["tokio", "reqwest", "sled", "axum", "rand", "async-trait"]),
    ("dealclock-store", &["reqwest", "axum", "rand"]),
];

const LONGEST_FILE: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let normal = |package: &cargo_metadata::Package| {
        let deps = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        deps.map(|d| d.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), normal(package))).collect()
}

fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|ext| ext == extension) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for top in ["src", "connectors", "tests", "benches"] {
        files(&root().join(top), "rs", &mut found);
    }
    found
}

#[test]
fn crates_depend_only_along_the_drawn_edges() {
    let dependencies = dependencies();
    for (name, allowed) in EDGES {
        let found: Vec<_> = dependencies[*name].iter().filter(|d| d.starts_with("dealclock")).collect();
        let extra: Vec<_> = found.iter().filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(extra.is_empty(), "{name} must not depend on {extra:?}");
    }
    let drawn: BTreeSet<_> = EDGES.iter().map(|(name, _)| *name).collect();
    for name in dependencies.keys().filter(|name| *name != "dealclock") {
        assert!(drawn.contains(name.as_str()), "{name} has no line in the table of edges");
    }
}

#[test]
fn some_packages_have_one_user() {
    let dependencies = dependencies();
    for (package, user) in SOLE_USERS {
        let users: Vec<_> = dependencies.iter().filter(|(_, d)| d.contains(*package)).map(|(name, _)| name).collect();
        assert_eq!(users, [*user], "who names {package}");
    }
    for (name, forbidden) in FORBIDDEN {
        for package in *forbidden {
            assert!(!dependencies[*name].contains(*package), "{name} must not name {package}");
        }
    }
}

/// Words by which a line of shared code would show that it knows a CRM.
const CRM_WORDS: &[&str] =
    &["hubspot", "hubapi", "salesforce", "soql", "sobject", "sfdc", "force.com", "dynamics", "pipedrive"];

#[test]
fn shared_code_names_no_crm() {
    for part in ["src/model", "src/engine", "src/store", "src/daemon", "src/connector"] {
        let mut found = Vec::new();
        files(&root().join(part), "rs", &mut found);
        for file in found {
            let text = std::fs::read_to_string(&file).unwrap();
            // What a test is about may bear a name; what runs may not.
            let in_tests = file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests");
            let code = if in_tests { "" } else { text.split("#[cfg(test)]").next().unwrap_or_default() };
            for (number, line) in code.lines().enumerate() {
                let line = line.split("//").next().unwrap_or_default().to_lowercase();
                for word in CRM_WORDS {
                    assert!(!line.contains(word), "{}:{}: names a CRM", file.display(), number + 1);
                }
            }
        }
    }
}

/// The files that a connector consists of, each with one subject.
const CONNECTOR_FILES: &[&str] = &[
    "Cargo.toml",
    "README.md",
    "api.rs",
    "check.rs",
    "client.rs",
    "cursor.rs",
    "discover.rs",
    "errors.rs",
    "find.rs",
    "history.rs",
    "lib.rs",
    "provision.rs",
    "read.rs",
    "translate.rs",
    "wire.rs",
    "write.rs",
];

#[test]
fn every_connector_has_the_same_files() {
    // A program's cursor is its own; what it is and how to run it, its protocol says.
    let of_programs = ["cursor.rs", "README.md"];
    for connector in ["hubspot", "salesforce", "plugin"] {
        for file in CONNECTOR_FILES {
            let is_spared = connector == "plugin" && of_programs.contains(file);
            let path = root().join("connectors").join(connector).join(file);
            assert!(is_spared || path.exists(), "{} is missing", path.display());
        }
    }
    assert!(root().join("connectors/plugin/PROTOCOL.md").exists());
}

#[test]
fn every_file_opens_with_a_sentence_and_stays_short() {
    for file in rust_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not say what it is", file.display());
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", file.display());
    }
}

#[test]
fn tests_do_not_sleep_and_are_not_ignored() {
    let banned = [concat!("#[ig", "nore"), concat!("thread::sl", "eep"), concat!("tokio::time::sl", "eep")];
    for file in rust_files() {
        let path = file.strip_prefix(root()).unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let in_tests = path.starts_with("tests") || path.components().any(|part| part.as_os_str() == "tests");
        let tests_from = if in_tests { 0 } else { text.find("#[cfg(test)]").unwrap_or(text.len()) };
        for word in banned {
            assert!(!text[tests_from..].contains(word), "{} has `{word}` in a test", path.display());
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let mut manifests = Vec::new();
    for top in ["src", "connectors"] {
        files(&root().join(top), "toml", &mut manifests);
    }
    manifests.retain(|path| path.file_name().is_some_and(|name| name == "Cargo.toml"));
    assert!(manifests.len() >= EDGES.len());
    for manifest in manifests {
        let text = std::fs::read_to_string(&manifest).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            manifest.display()
        );
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
}

#[test]
fn every_licence_in_the_tree_is_one_we_accept() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().unwrap();
    for package in &metadata.packages {
        let licence = package.license.clone().unwrap_or_default();
        // A disjunction is fine when one of its sides is; a conjunction when all of its parts are.
        let fine = licence.replace('/', " OR ").split(" OR ").any(|side| {
            side.split(" AND ").all(|part| {
                let part = part.trim().trim_matches(['(', ')']);
                !part.is_empty() && deny.contains(&format!("\"{part}\""))
            })
        });
        assert!(fine, "{} {}: licence `{licence}`", package.name, package.version);
    }
}
