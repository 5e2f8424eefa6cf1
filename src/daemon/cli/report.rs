//! `dealclock report`: what happened in a number of days, as tables, a page, CSV or JSON.

use std::path::Path;

use dealclock_engine::rules::ReportKind;
use dealclock_model::ConnectionId;
use serde_json::json;

use super::{Context, Exit, Failure, ReportArgs, no_answer, time};
use crate::control::{Asked, Request, ask};
use crate::launch::open_store;
use crate::report::{DemandError, Format, Wanted, answer, write_file};
use crate::runtime::recall_people;

/// Carries the command out: asks the daemon, or opens the store itself when none runs.
pub(super) async fn run(args: ReportArgs, context: Context) -> Result<Exit, Failure> {
    let output = context.output;
    let format = format(&args, output.is_json())?;
    let ReportArgs { kind, from, to, connection, out, .. } = args;
    let wanted = Wanted { kind, from, to, connection, format };
    wanted.judge()?;
    let config = context.config()?;
    wanted.connection(config.connections.keys().map(ConnectionId::as_str))?;
    let text = match ask(&config.socket, &Request::Report(wanted.clone())).await.map_err(no_answer)? {
        Asked::Answer(told) => told.as_str().unwrap_or_default().to_owned(),
        Asked::Refused(reason) => return Err(Failure::new(Exit::Found, reason)),
        Asked::NoDaemon => from_store(&wanted, &context).await?,
    };
    match out {
        Some(path) => {
            write_file(&path, &text).map_err(|error| Failure::new(Exit::Broken, error.to_string()))?;
            output.note(format_args!("written to {}", path.display()));
            output.document(&json!({ "written": path, "format": format }));
        }
        None => output.raw(text.trim_end()),
    }
    Ok(Exit::Ok)
}

async fn from_store(wanted: &Wanted, context: &Context) -> Result<String, Failure> {
    let loaded = context.load()?;
    let name = wanted.connection(loaded.config.connections.keys().map(ConnectionId::as_str))?;
    let store = open_store(&loaded.config)?;
    let people = recall_people(&store, &ConnectionId::from(name))?;
    let people = people.ok_or_else(|| DemandError::NoPeople(name.to_owned()))?;
    let now = time::now(&loaded.config, &store, context).await?;
    Ok(answer(&store, &loaded.ruleset, &people, wanted, now)?)
}

/// The format that is asked for, else what the file's name says, else what suits a program or a person.
fn format(args: &ReportArgs, json: bool) -> Result<Format, Failure> {
    let wrong = |message: String| Err(Failure::new(Exit::Usage, message));
    let extension = args.out.as_deref().and_then(Path::extension);
    match (args.format, extension, &args.out) {
        (None, Some(extension), Some(out)) => Format::of_extension(extension).map_or_else(
            || {
                wrong(format!(
                    "a report cannot be shown as {}: name a file that ends in .html, .csv, .json or .txt, or add \
                     --format",
                    out.display()
                ))
            },
            Ok,
        ),
        (Some(format), Some(extension), Some(out)) => match Format::of_extension(extension) {
            Some(named) if named != format => {
                wrong(format!("the name of {} says another format than --format", out.display()))
            }
            Some(_) | None => Ok(format),
        },
        (Some(Format::Text | Format::Html | Format::Csv), None, None) if json => {
            wrong("--json prints JSON, and --format says otherwise; leave one of them out".to_owned())
        }
        (Some(format), _, _) => Ok(format),
        (None, _, _) => Ok(if json { Format::Json } else { Format::Text }),
    }
}

/// Reads the kind of a report on the command line.
pub(super) fn kind(text: &str) -> Result<ReportKind, String> {
    let kinds = || ReportKind::ALL.map(ReportKind::as_str).join(", ");
    let found = ReportKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("there is no report `{text}`; there are {}", kinds()))
}

impl From<DemandError> for Failure {
    fn from(error: DemandError) -> Failure {
        match error {
            DemandError::Backwards { .. } | DemandError::WhichConnection(_) => {
                Failure::new(Exit::Usage, error.to_string())
            }
            DemandError::NoConnection { .. } | DemandError::NoPeople(_) => Failure::new(Exit::Found, error.to_string()),
            DemandError::Store(error) => error.into(),
            DemandError::Page(_) => Failure::new(Exit::Broken, error.to_string()),
        }
    }
}
