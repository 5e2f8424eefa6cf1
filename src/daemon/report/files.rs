//! The files of a report: whole or not there at all, and for the daemon's user and group only.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dealclock_engine::report::Sheet;

use super::{Format, show};

/// Readable by the user and the group.
const MODE: u32 = 0o640;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file or its directory.
    #[error("failed to write {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The page could not be put together.
    #[error("failed to put the page together: {0}")]
    Page(#[from] askama::Error),
}

/// Writes a report in every format to `<directory>/<connection>/<key>-<from>..<to>.<format>`, and tells where.
pub fn write_all(directory: &Path, key: &str, sheet: &Sheet) -> Result<Vec<PathBuf>, FileError> {
    let place = directory.join(file_name(sheet.connection.as_str()));
    fs::create_dir_all(&place).map_err(|source| FileError::Io { path: place.clone(), source })?;
    let mut paths = Vec::new();
    for format in Format::FILES {
        let (from, to) = (sheet.period.from, sheet.period.to);
        let path = place.join(format!("{}-{from}..{to}.{}", file_name(key), format.as_str()));
        write_file(&path, &show(sheet, format)?)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Writes a file beside its place and moves it there, so that nobody ever reads half of it.
pub fn write_file(path: &Path, text: &str) -> Result<(), FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The file beside it has a name of its own, which nobody who asked for this one has heard of.
    let unnamed = |error: io::Error| failed(io::Error::other(cause(error.kind())));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(unnamed)?;
    file.write_all(text.as_bytes()).map_err(unnamed)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(MODE)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Why nothing can be written, in the words of the system rather than of a library.
fn cause(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::NotFound => "there is no such directory".to_owned(),
        io::ErrorKind::NotADirectory => "what it should stand in is no directory".to_owned(),
        other => other.to_string(),
    }
}

/// A name as part of a path: what could lead elsewhere is left out.
fn file_name(name: &str) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.starts_with('.') { name.replacen('.', "_", 1) } else { name }
}
