//! `dealclock store`: export, import and compaction.

use std::fs::OpenOptions;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use dealclock_store::{Exported, Store};
use serde_json::json;

use super::args::StoreCommand;
use super::{Context, Exit, Failure, no_answer};
use crate::config::Config;
use crate::control::{Asked, Request, ask};
use crate::launch::store_options;

/// Carries the command out.
pub(super) async fn run(command: StoreCommand, context: &Context) -> Result<Exit, Failure> {
    let config = context.config()?;
    match command {
        StoreCommand::Export { file } => export(&file, &config, context).await,
        StoreCommand::Import { file } => import(&file, &config, context),
        StoreCommand::Compact => compact(&config, context),
    }
}

/// Lets the running daemon write the file, since it holds the store; opens the store itself when none runs.
async fn export(file: &Path, config: &Config, context: &Context) -> Result<Exit, Failure> {
    let to_stdout = file == Path::new("-");
    let passing = tempfile::tempdir()?;
    let path = if to_stdout { passing.path().join("export") } else { std::path::absolute(file)? };
    match ask(&config.socket, &Request::Export { path: path.clone() }).await {
        Ok(Asked::Answer(_)) if to_stdout => {
            std::io::copy(&mut std::fs::File::open(&path)?, &mut std::io::stdout().lock())?;
            return Ok(Exit::Ok);
        }
        Ok(Asked::Answer(answer)) => {
            context.output.text(format_args!("The daemon wrote {}.", path.display()));
            context.output.document(&answer);
            return Ok(Exit::Ok);
        }
        Ok(Asked::Refused(reason)) => {
            return Err(Failure::new(Exit::Store, format!("the daemon did not export: {reason}")));
        }
        Ok(Asked::NoDaemon) => {}
        Err(error) => return Err(no_answer(error)),
    }
    if !config.store.path.join("data").exists() {
        let message =
            format!("there is no store in {}; `path` in [store] says where it is", config.store.path.display());
        return Err(Failure::new(Exit::Store, message));
    }
    let store = Store::open(&store_options(config))?;
    if to_stdout {
        // The document is the export itself, with or without --json.
        store.export(BufWriter::new(std::io::stdout().lock()))?;
        return Ok(Exit::Ok);
    }
    let exported = write_new(&store, &path)?;
    context.output.text(format_args!("Wrote {} lines to {}.", exported.lines, path.display()));
    context.output.document(&json!({ "path": path, "exported": exported }));
    Ok(Exit::Ok)
}

/// Writes an export into a file that does not exist yet, and answers once it is on the disk.
fn write_new(store: &Store, path: &Path) -> Result<Exported, Failure> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(Exit::Store, format!("failed to {what} {}: {error}", path.display()))
    };
    let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| failed("make", error))?;
    let mut to = BufWriter::new(file);
    let exported = store.export(&mut to)?;
    to.flush().map_err(|error| failed("write", error))?;
    to.get_ref().sync_all().map_err(|error| failed("write", error))?;
    Ok(exported)
}

fn import(file: &Path, config: &Config, context: &Context) -> Result<Exit, Failure> {
    let imported = if file == Path::new("-") {
        Store::import(&store_options(config), std::io::stdin().lock())?
    } else {
        let opened = std::fs::File::open(file);
        let opened =
            opened.map_err(|error| Failure::new(Exit::Store, format!("failed to open {}: {error}", file.display())))?;
        Store::import(&store_options(config), BufReader::new(opened))?
    };
    context.output.text(format_args!("Read {} lines into {}.", imported.lines, config.store.path.display()));
    context.output.document(&json!({ "path": config.store.path, "imported": imported }));
    Ok(Exit::Ok)
}

fn compact(config: &Config, context: &Context) -> Result<Exit, Failure> {
    let compacted = Store::compact(&store_options(config))?;
    let megabytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    let (before, after) = (megabytes(compacted.before), megabytes(compacted.after));
    context.output.text(format_args!("{before:.1} MB became {after:.1} MB ({} rows).", compacted.rows));
    context.output.document(&json!({ "before": compacted.before, "after": compacted.after, "rows": compacted.rows }));
    Ok(Exit::Ok)
}
