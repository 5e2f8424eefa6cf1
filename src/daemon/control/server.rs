//! The answering side of the control socket.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{LONGEST_REQUEST, Reply, Request};

/// Answers one request; the text of an error is shown to whoever asked.
pub type Answer = Arc<dyn Fn(Request) -> Result<serde_json::Value, String> + Send + Sync>;

/// How long an asker may take to put its question.
const PATIENCE: Duration = Duration::from_secs(5);

/// A socket that is being listened on; removed when dropped.
pub struct Listening {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Listening {
    /// Stops listening, and returns once nothing answers any more.
    pub async fn close(mut self) {
        self.task.abort();
        // Only an aborted task's end is awaited here.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Listens on a socket that only the daemon's own user may open. A socket that a killed daemon left is replaced.
pub fn listen(path: &Path, answer: Answer) -> std::io::Result<Listening> {
    // Whoever listens here holds the store's lock as well, so a socket file that is there belongs to nobody.
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let task = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, Arc::clone(&answer)));
                }
                Err(error) => {
                    tracing::warn!("the control socket failed to accept: {error}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    });
    Ok(Listening { path: path.to_owned(), task })
}

async fn serve(mut stream: UnixStream, answer: Answer) {
    let (reading, mut writing) = stream.split();
    let mut line = String::new();
    let mut bounded = BufReader::new(reading.take(LONGEST_REQUEST));
    let reply = match tokio::time::timeout(PATIENCE, bounded.read_line(&mut line)).await {
        Err(_) => return,
        Ok(Err(error)) => Reply::Error(format!("failed to read the request: {error}")),
        Ok(Ok(_)) => match serde_json::from_str::<Request>(&line) {
            Err(error) => Reply::Error(format!("not a request that this daemon knows: {error}")),
            Ok(request) => {
                let answered = tokio::task::spawn_blocking(move || answer(request)).await;
                match answered {
                    Ok(Ok(value)) => Reply::Ok(value),
                    Ok(Err(reason)) => Reply::Error(reason),
                    Err(_) => Reply::Error("the daemon failed to answer; its log says why".into()),
                }
            }
        },
    };
    if let Ok(mut bytes) = serde_json::to_vec(&reply) {
        bytes.push(b'\n');
        // An asker that went away needs no answer.
        let _ = writing.write_all(&bytes).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Asked, ask};

    fn answering() -> Answer {
        Arc::new(|request| match request {
            Request::Status => Ok(serde_json::json!({ "fine": true })),
            other => Err(format!("cannot answer {other:?}")),
        })
    }

    #[tokio::test]
    async fn a_request_is_answered_refused_or_finds_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        assert!(matches!(ask(&path, &Request::Status).await.unwrap(), Asked::NoDaemon));
        let listening = listen(&path, answering()).unwrap();
        let Asked::Answer(value) = ask(&path, &Request::Status).await.unwrap() else { panic!("not answered") };
        assert_eq!(value, serde_json::json!({ "fine": true }));
        assert!(matches!(ask(&path, &Request::Held).await.unwrap(), Asked::Refused(_)));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(listening);
        assert!(matches!(ask(&path, &Request::Status).await.unwrap(), Asked::NoDaemon));
    }

    #[tokio::test]
    async fn nonsense_is_refused_and_harms_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let _listening = listen(&path, answering()).unwrap();
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"\xff\xfe nonsense\n").await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        assert!(String::from_utf8(reply).unwrap().contains("error"));
        assert!(matches!(ask(&path, &Request::Status).await.unwrap(), Asked::Answer(_)));
    }
}
