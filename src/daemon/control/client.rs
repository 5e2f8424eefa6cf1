//! The asking side of the control socket.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Reply, Request};

/// What became of a question.
#[derive(Debug)]
pub enum Asked {
    /// The daemon answered.
    Answer(serde_json::Value),
    /// The daemon would not, and says why.
    Refused(String),
    /// No daemon runs on this store.
    NoDaemon,
}

/// How long a daemon may take to answer; an export of a large store takes the longest.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// Asks the daemon behind a socket.
pub async fn ask(socket: &Path, request: &Request) -> std::io::Result<Asked> {
    match tokio::time::timeout(PATIENCE, converse(socket, request)).await {
        Ok(asked) => asked,
        Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within two minutes")),
    }
}

async fn converse(socket: &Path, request: &Request) -> std::io::Result<Asked> {
    let mut stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(Asked::NoDaemon),
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).await?;
    Ok(match serde_json::from_str(&reply)? {
        Reply::Ok(value) => Asked::Answer(value),
        Reply::Error(reason) => Asked::Refused(reason),
    })
}

/// Whether an error means that nobody listens: no socket, or one left behind by a process that was killed.
pub(super) fn is_nobody(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
}
