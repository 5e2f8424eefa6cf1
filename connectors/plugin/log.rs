//! What the program writes to its error output goes to our log: in bounded lines, so many a minute, without secrets.

use std::sync::{Arc, Mutex, PoisonError};

use dealclock_connector::{Clock, redact};
use dealclock_model::{ConnectionId, Instant};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// The longest line that is read as one, in bytes; what follows of it is skipped.
const LONGEST: u64 = 4_096;

/// Most lines that are logged within a minute.
const A_MINUTE: u32 = 120;

/// The longest end of what the program said that goes into an error, in characters.
const LAST_WORDS: usize = 200;

/// Secrets shorter than this are words that text may hold by chance.
const SHORTEST_SECRET: usize = 6;

/// The last line that one run of the program said, for the error that tells of its end.
#[derive(Clone, Default)]
pub struct LastWords(Arc<Mutex<String>>);

impl LastWords {
    /// The line, without secrets; `None` while nothing was said.
    pub fn said(&self) -> Option<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(said).filter(|said| !said.is_empty())
    }

    fn hear(&self, line: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = line.chars().take(LAST_WORDS).collect();
    }
}

/// Logs for one connection.
#[derive(Clone)]
pub struct Log {
    connection: ConnectionId,
    secrets: Arc<[SecretString]>,
    clock: Arc<dyn Clock>,
}

impl Log {
    /// A log that knows the secrets which no line may repeat.
    pub fn new(connection: ConnectionId, secrets: Arc<[SecretString]>, clock: Arc<dyn Clock>) -> Log {
        Log { connection, secrets, clock }
    }

    /// A text of the program's, fit for a log or an error.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().map(ExposeSecret::expose_secret) {
            if secret.len() >= SHORTEST_SECRET && text.contains(secret) {
                text = text.replace(secret, "<secret>");
            }
        }
        redact(&text)
    }

    /// Logs lines until the output ends, and remembers the last.
    pub async fn follow(self, output: impl AsyncRead + Unpin, last: LastWords) {
        let mut output = BufReader::new(output);
        let mut allowance = Allowance::from(self.clock.now());
        let mut is_middle = false;
        loop {
            let mut line = Vec::new();
            match (&mut output).take(LONGEST).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let is_begin = !is_middle;
            is_middle = line.last() != Some(&b'\n');
            let text = String::from_utf8_lossy(line.trim_ascii());
            if !is_begin || text.is_empty() {
                continue;
            }
            let text = self.clean(&text);
            last.hear(&text);
            if allowance.take(self.clock.now()) {
                tracing::info!(connection = %self.connection, "the program says: {text}");
            }
        }
        if allowance.left_out > 0 {
            tracing::warn!(connection = %self.connection, lines = allowance.left_out, "the program said more than is logged");
        }
    }
}

/// How many lines may still be logged in this minute.
struct Allowance {
    since: Instant,
    left: u32,
    left_out: u64,
}

impl Allowance {
    fn from(now: Instant) -> Allowance {
        Allowance { since: now, left: A_MINUTE, left_out: 0 }
    }

    fn take(&mut self, now: Instant) -> bool {
        if now < self.since || self.since + chrono::Duration::minutes(1) <= now {
            (self.since, self.left) = (now, A_MINUTE);
        }
        let is_allowed = self.left > 0;
        if is_allowed {
            self.left -= 1;
        } else {
            self.left_out += 1;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talkative_program_fills_no_log() {
        let now: Instant = "2026-03-02T09:00:00Z".parse().unwrap();
        let mut allowance = Allowance::from(now);
        let logged = (0..10_000).filter(|_| allowance.take(now)).count();
        assert_eq!((logged, allowance.left_out), (A_MINUTE as usize, 10_000 - u64::from(A_MINUTE)));
        assert!(allowance.take(now + chrono::Duration::minutes(1)));
    }
}
