//! One connection's token file: replaced as a whole, locked against other processes, closed to other users.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dealclock_connector::oauth::{Tokens, Vault, VaultError};
use dealclock_model::ConnectionId;

use super::key::{KeyPlace, failed};
use super::stored::{open, seal};
use crate::config::Environment;

/// Keeps the tokens of one connection in an encrypted file.
pub struct FileVault {
    path: PathBuf,
    connection: ConnectionId,
    key: KeyPlace,
    environment: Environment,
}

impl FileVault {
    /// The vault of a connection in a directory that all connections share; nothing is read or made yet.
    pub fn new(directory: &Path, connection: &ConnectionId, key: KeyPlace, environment: Environment) -> FileVault {
        FileVault { path: directory.join(connection.as_str()), connection: connection.clone(), key, environment }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, VaultError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &self.path, &error)),
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn make_directory(&self) -> Result<(), VaultError> {
        let directory = self.directory();
        if directory.is_dir() {
            return Ok(());
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.and_then(|()| sync_directory(directory)).map_err(|error| failed("make", directory, &error))
    }

    /// Replaces the file in one step that a crash leaves done or undone.
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        // It is closed to other users from the start: that is the mode of such files.
        let mut passing = tempfile::NamedTempFile::new_in(self.directory())?;
        passing.write_all(bytes)?;
        passing.as_file().sync_all()?;
        passing.persist(&self.path).map_err(|error| error.error)?;
        sync_directory(&self.path)
    }

    fn unreadable(&self, why: &str) -> VaultError {
        let (path, name) = (self.path.display(), &self.connection);
        VaultError(format!(
            "the token file {path} {why}; bring the right key or file back, or forget it with `dealclock auth {name} \
             --revoke` and log in anew with `dealclock auth {name}`"
        ))
    }
}

impl Vault for FileVault {
    fn load(&self) -> Result<Option<Tokens>, VaultError> {
        let Some(bytes) = self.read()? else { return Ok(None) };
        let key = self.key.read(&self.environment)?.ok_or_else(|| self.unreadable("has lost its key"))?;
        let opened = open(&bytes, self.connection.as_str(), &key);
        opened.map(Some).map_err(|why| self.unreadable(&why.to_string()))
    }

    fn save(&self, tokens: &Tokens) -> Result<(), VaultError> {
        // What cannot be read may still be worth something to somebody who has the key.
        self.load()?;
        self.make_directory()?;
        let key = self.key.read_or_make(&self.environment)?;
        let bytes = seal(tokens, self.connection.as_str(), &key).map_err(VaultError)?;
        self.replace(&bytes).map_err(|error| failed("write", &self.path, &error))
    }

    fn clear(&self) -> Result<(), VaultError> {
        match fs::remove_file(&self.path).and_then(|()| sync_directory(&self.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(|error| failed("remove", &self.path, &error)),
        }
    }

    fn lock(&self) -> Result<Box<dyn Send>, VaultError> {
        self.make_directory()?;
        let path = self.path.with_extension("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let locked = file.and_then(|file| file.lock().map(|()| file));
        // Closing the file unlocks it, and so does the end of the process.
        locked.map(|file| Box::new(file) as Box<dyn Send>).map_err(|error| failed("lock", &path, &error))
    }
}

/// Makes the entry of a path in its directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
