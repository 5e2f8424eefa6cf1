//! One run of the program: started, asked in lines, killed with all it started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api::LONGEST_LINE;
use crate::errors::Broken;
use crate::log::{LastWords, Log};
use crate::wire::Response;
use crate::wire::question::Notification;

/// What the program inherits of our environment. Everything else stays here: it may hold the secrets of others.
const INHERITED: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// How long a program that closed its output may take to end.
const TO_DIE: Duration = Duration::from_millis(200);

/// What is run.
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    env: BTreeMap<String, SecretString>,
}

impl Program {
    /// The program of a command; the message says what is wrong with it.
    pub fn of(command: &[String], env: BTreeMap<String, SecretString>) -> Result<Program, String> {
        let [name, arguments @ ..] = command else {
            return Err(
                "command: the program to run is missing, such as command = [\"python3\", \"crm.py\"]".to_owned()
            );
        };
        let path = find(name, std::env::var_os("PATH"))?;
        Ok(Program { path, arguments: arguments.to_vec(), env })
    }

    /// Starts it, in a process group of its own.
    pub fn start(&self, log: &Log) -> std::io::Result<Process> {
        let inherited = INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .env_clear()
            .envs(inherited)
            .envs(self.env.iter().map(|(name, value)| (name, value.expose_secret())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("a pipe to it is missing");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let last_words = LastWords::default();
        let errors = child.stderr.take().ok_or_else(missing)?;
        let complaints = tokio::spawn(log.clone().follow(errors, last_words.clone()));
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Process { child, input, output, complaints, last_words, group, last: 0 })
    }
}

/// A run of the program. Dropping it kills it.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    complaints: JoinHandle<()>,
    last_words: LastWords,
    group: Option<Pid>,
    last: u64,
}

impl Process {
    /// The id of the next question.
    pub fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Asks a question and waits for its answer; after an error the run is of no use any more.
    pub async fn ask(&mut self, id: u64, line: &[u8], at_most: Duration) -> Result<Response, Broken> {
        // It is read while it is written to: a program that talks before it listens would block both.
        let exchange = async {
            let write = async {
                // A program that ends without having listened is noticed by its output.
                let _ = self.input.write_all(line).await;
                let _ = self.input.flush().await;
                Ok(())
            };
            tokio::try_join!(write, answer(&mut self.output, id)).map(|((), response)| response)
        };
        match timeout(at_most, exchange).await {
            Ok(Ok(Some(response))) => Ok(response),
            Ok(Ok(None)) => Err(Broken::Ended(self.last_status().await)),
            Ok(Err(broken)) => {
                self.kill().await;
                Err(broken)
            }
            Err(_elapsed) => {
                self.kill().await;
                Err(Broken::Hung(at_most.as_secs()))
            }
        }
    }

    /// Tells it to end, and kills what is left of it after a while.
    pub async fn end(mut self, within: Duration) {
        let line = line_of(&Notification::shutdown());
        let last_words = async {
            let _ = self.input.write_all(&line).await;
            let _ = self.input.shutdown().await;
            let mut rest = [0; 4096];
            while matches!(self.output.read(&mut rest).await, Ok(1..)) {}
        };
        let _ = timeout(within, last_words).await;
        self.kill().await;
    }

    /// How it ended, and the last that it said: what went wrong is mostly said there.
    async fn last_status(&mut self) -> String {
        let status = self.status().await;
        // What it said may still be on its way to us.
        let _ = timeout(TO_DIE, &mut self.complaints).await;
        match self.last_words.said() {
            Some(said) => format!("{status}; it said: {said}"),
            None => status,
        }
    }

    /// How it ended. A program that closed its output is about to end by itself; its own status says more than ours.
    async fn status(&mut self) -> String {
        let ended = timeout(TO_DIE, self.child.wait()).await;
        match ended {
            Ok(Ok(status)) => {
                self.kill_group();
                status.to_string()
            }
            Ok(Err(_)) | Err(_) => {
                self.kill().await;
                "it closed its output".to_owned()
            }
        }
    }

    /// Kills it with everything that it started, and waits for its end, so that no zombie stays.
    async fn kill(&mut self) {
        self.kill_group();
        // By itself as well: it may have gone over to another group. An error means that it is gone already.
        let _ = self.child.kill().await;
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // It may be gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
        self.complaints.abort();
    }
}

/// A message as a line.
pub fn line_of(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("a message has only text keys");
    line.push(b'\n');
    line
}

/// Reads lines until the answer to the question comes; `None` where the output ends.
///
/// Other answers and messages of the program's own are skipped; the time for the answer bounds how many.
async fn answer(output: &mut BufReader<ChildStdout>, id: u64) -> Result<Option<Response>, Broken> {
    loop {
        let mut line = Vec::new();
        let read = output.take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line).await;
        match read {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) if line.len() > LONGEST_LINE => return Err(Broken::Endless),
            // A line that the end of the output cuts off is the sign of a crash, not of nonsense.
            Ok(_) if line.last() != Some(&b'\n') => return Ok(None),
            Ok(_) if line.trim_ascii().is_empty() => {}
            Ok(_) => {
                let response: Response = serde_json::from_slice(&line).map_err(|_| Broken::Nonsense)?;
                // A program that could not read the question does not know its id.
                let is_refusal_of_all = response.id.is_null() && response.error.is_some();
                if response.id.as_u64() == Some(id) || is_refusal_of_all {
                    return Ok(Some(response));
                }
            }
        }
    }
}

/// The file of a program: as it stands where it names a directory, else looked for along `PATH`.
fn find(name: &str, path: Option<OsString>) -> Result<PathBuf, String> {
    if name.contains('/') {
        let file = PathBuf::from(name);
        return match is_executable(&file) {
            Ok(true) => Ok(file),
            Ok(false) => Err(format!("command: `{name}` is not executable; `chmod +x` makes it so")),
            Err(error) => Err(format!("command: `{name}` cannot be run: {}", error.kind())),
        };
    }
    let directories = path.iter().flat_map(std::env::split_paths).map(|directory| directory.join(name));
    directories
        .into_iter()
        .find(|file| matches!(is_executable(file), Ok(true)))
        .ok_or_else(|| format!("command: there is no program `{name}` in any directory of PATH"))
}

fn is_executable(file: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(file)?;
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
