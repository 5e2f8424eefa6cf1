//! The environment: a layer of the configuration above the file, and the place of some secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use dealclock_model::Fault;
use dealclock_model::fault::Source;

use super::kind::{Key, Kind, Naming, Wrong, suggest};
use super::schema::{FIELD, ROOT, SECRET};
use super::walk::{Path, check_name, check_reference};

/// The prefix of variables that set keys: `DEALCLOCK__LOG__LEVEL`.
const PREFIX: &str = "DEALCLOCK__";

/// The environment variables that the program was started with.
///
/// It holds secrets, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; one that is not UTF-8 is left out.
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Environment {
        Environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The variables that set keys, after their check.
#[derive(Default)]
pub(super) struct Layer {
    /// The variables that are right.
    pub(super) values: BTreeMap<String, String>,
    /// The variable that sets each key, as faults show it.
    pub(super) places: BTreeMap<Path, Arc<Source>>,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
}

impl Layer {
    /// Reads every variable that begins with `DEALCLOCK__`.
    pub(super) fn read(environment: &Environment) -> Layer {
        let mut layer = Layer::default();
        for (name, value) in &environment.0 {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let path: Path = rest.to_lowercase().split("__").map(str::to_owned).collect();
            match check(&path, value) {
                Ok(()) => {
                    layer.values.insert(name.clone(), value.clone());
                    layer.places.insert(path, shown(name, value));
                }
                Err(Refused { wrong, show }) => {
                    let source = shown(name, if show { value } else { "***" });
                    let span = if show { name.len() + 1..source.text.len() } else { 0..name.len() };
                    let fault = Fault::new(&source, span, format!("`{name}` {}", wrong.message)).help(wrong.help);
                    layer.faults.push(fault);
                }
            }
        }
        layer
    }
}

fn shown(name: &str, value: &str) -> Arc<Source> {
    Source::new("environment", format!("{name}={value}"))
}

struct Refused {
    wrong: Wrong,
    show: bool,
}

fn hidden(message: impl Into<String>, help: impl Into<String>) -> Refused {
    Refused { wrong: Wrong { message: message.into(), help: help.into() }, show: false }
}

fn check(path: &[String], value: &str) -> Result<(), Refused> {
    let (mut keys, mut rest) = (ROOT, path);
    loop {
        let Some((name, deeper)) = rest.split_first() else {
            return Err(hidden("names a section, not a key", "add `__` and one of the section's keys"));
        };
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
            return Err(hidden(format!("sets `{name}`, which is no known key"), suggest(name, &known)));
        };
        (keys, rest) = match (&key.kind, deeper) {
            (Kind::Section(inner), deeper) => (*inner, deeper),
            (Kind::Secret, [place]) => return reference(place, value),
            (Kind::Named(Naming::Connection, Kind::Section(inner)), [name, deeper @ ..]) => {
                check_name(Naming::Connection, name).map_err(|wrong| hidden(wrong.message, wrong.help))?;
                (*inner, deeper)
            }
            (Kind::Secret, _) => {
                let help = "name where the secret stands: add `__ENV`, `__FILE` or `__CREDENTIAL` to the variable";
                return Err(hidden("would hold a secret itself", help));
            }
            (Kind::Named(..) | Kind::Field, _) => {
                return Err(hidden("cannot be set by a variable", "write this section into the file"));
            }
            (_, []) => return leaf(key, value),
            (_, [extra, ..]) => {
                return Err(hidden(
                    format!("goes on with `{extra}` behind `{name}`, which has no parts"),
                    "remove the end",
                ));
            }
        };
    }
}

fn reference(place: &str, value: &str) -> Result<(), Refused> {
    let Some(key) = SECRET.iter().find(|key| key.name == place) else {
        let known: Vec<&str> = SECRET.iter().map(|key| key.name).collect();
        return Err(hidden(format!("ends in `{place}`, which is no place for a secret"), suggest(place, &known)));
    };
    check_reference(key.name, value).map_err(|wrong| hidden(wrong.message, wrong.help))
}

fn leaf(key: &Key, value: &str) -> Result<(), Refused> {
    let wrong = |message: String, help: String| Refused { wrong: Wrong { message, help }, show: true };
    let text = |form: super::kind::Form, value: &str| {
        // An address may hold a password.
        form.check(value).map_err(|wrong| Refused { wrong, show: !value.contains('@') })
    };
    match &key.kind {
        Kind::Bool => matches!(value, "true" | "false")
            .then_some(())
            .ok_or_else(|| wrong("is neither true nor false".into(), "write true or false".into())),
        Kind::Count(least, most) => match value.parse::<u32>() {
            Ok(number) if (*least..=*most).contains(&number) => Ok(()),
            Ok(_) | Err(_) => {
                Err(wrong("is not a fitting whole number".into(), format!("write a number from {least} to {most}")))
            }
        },
        Kind::Number(above, most) => match value.parse::<f64>() {
            Ok(number) if number > *above && number <= *most => Ok(()),
            Ok(_) | Err(_) => {
                Err(wrong("is not a fitting number".into(), format!("write a number above {above} and at most {most}")))
            }
        },
        Kind::Text(form) => text(*form, value),
        Kind::List(form) => value.split(',').try_for_each(|element| text(*form, element)),
        Kind::Section(_) | Kind::Named(..) | Kind::Secret | Kind::Field => {
            let known: Vec<&str> = FIELD.iter().map(|key| key.name).collect();
            Err(wrong("cannot be set by a variable".into(), suggest(key.name, &known)))
        }
    }
}
