//! Asks the program: starts it when it is needed, one question at a time, and again after a pause when it failed.

use std::sync::{Arc, OnceLock};

use dealclock_connector::{Clock, Error, Result};
use dealclock_model::Instant;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::api::{Bounds, VERSION, Verb};
use crate::errors::Broken;
use crate::log::Log;
use crate::process::{Process, Program, line_of};
use crate::wire::Introduction;
use crate::wire::question::{Initialize, Request};

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: chrono::Duration = chrono::Duration::seconds(1);

/// The longest pause.
const LONGEST_PAUSE: chrono::Duration = chrono::Duration::minutes(5);

/// Asks one program.
pub struct Client {
    program: Program,
    greeting: Arc<dyn Fn() -> Initialize + Send + Sync>,
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    log: Log,
    state: Mutex<State>,
    introduction: OnceLock<Introduction>,
}

#[derive(Default)]
struct State {
    /// The run, between two questions. It is taken out while a question is open: whoever stops waiting for the answer
    /// drops the run with it, so no later question gets an answer that was meant for an earlier one.
    process: Option<Process>,
    failures: u32,
    failed: Option<Failed>,
}

struct Failed {
    at: Instant,
    until: Instant,
    why: String,
}

impl Client {
    /// A client of a program that is not started yet.
    pub fn new(
        program: Program,
        greeting: impl Fn() -> Initialize + Send + Sync + 'static,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
        log: Log,
    ) -> Client {
        let state = Mutex::default();
        Client { program, greeting: Arc::new(greeting), bounds, clock, log, state, introduction: OnceLock::new() }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A text of the program's without secrets.
    pub fn clean(&self, text: &str) -> String {
        self.log.clean(text)
    }

    /// How the program introduced itself, once it did.
    pub fn known(&self) -> Option<&Introduction> {
        self.introduction.get()
    }

    /// How the program introduces itself; it is started for that where it does not run.
    pub async fn introduction(&self, verb: Verb) -> Result<&Introduction> {
        if let Some(known) = self.introduction.get() {
            return Ok(known);
        }
        let mut state = self.state.lock().await;
        let process = self.running(&mut state).await.map_err(|broken| self.error(broken, verb))?;
        state.process = Some(process);
        drop(state);
        let unknown = || Error::transient(format!("{}: the program did not introduce itself", verb.method()));
        self.introduction.get().ok_or_else(unknown)
    }

    /// Asks the program and reads its answer.
    pub async fn ask<A: DeserializeOwned>(&self, verb: Verb, params: impl Serialize) -> Result<A> {
        self.ask_broken(verb, params).await.map_err(|broken| self.error(broken, verb))
    }

    async fn ask_broken<A: DeserializeOwned>(
        &self,
        verb: Verb,
        params: impl Serialize,
    ) -> std::result::Result<A, Broken> {
        let mut state = self.state.lock().await;
        let mut process = self.running(&mut state).await?;
        let answered = self.put(&mut process, verb, params).await;
        match answered {
            Ok(answer) => {
                state.process = Some(process);
                (state.failures, state.failed) = (0, None);
                read(answer)
            }
            Err(Broken::Refused(failure)) => {
                state.process = Some(process);
                (state.failures, state.failed) = (0, None);
                Err(Broken::Refused(failure))
            }
            Err(broken) => {
                self.note(&mut state, &broken);
                Err(broken)
            }
        }
    }

    /// The run to ask, taken out of its place; a new one where there is none.
    async fn running(&self, state: &mut State) -> std::result::Result<Process, Broken> {
        if let Some(process) = state.process.take() {
            return Ok(process);
        }
        let now = self.now();
        if let Some(failed) = &state.failed
            && failed.at <= now
            && now < failed.until
        {
            return Err(Broken::Resting { until: failed.until, why: failed.why.clone() });
        }
        match self.start().await {
            Ok(process) => Ok(process),
            Err(broken) => {
                self.note(state, &broken);
                // Whatever it was that the program did at its start, the question itself was never put.
                Err(match broken {
                    Broken::NotStarted(why) => Broken::NotStarted(why),
                    other => Broken::NotStarted(other.to_string()),
                })
            }
        }
    }

    async fn start(&self) -> std::result::Result<Process, Broken> {
        let mut process = self.program.start(&self.log).map_err(|error| Broken::NotStarted(error.to_string()))?;
        let answer = self.put(&mut process, Verb::Initialize, (self.greeting)()).await?;
        let introduction: Introduction = read(answer)?;
        if !introduction.fits() {
            let theirs = introduction.protocol;
            return Err(Broken::NotStarted(format!("it speaks version {theirs} of the protocol, not {VERSION}")));
        }
        // A program that was replaced while we run is asked in the batches of its predecessor until we start again.
        let _ = self.introduction.set(introduction);
        Ok(process)
    }

    async fn put(
        &self,
        process: &mut Process,
        verb: Verb,
        params: impl Serialize,
    ) -> std::result::Result<Value, Broken> {
        let id = process.next_id();
        let line = line_of(&Request::new(id, verb.method(), self.now(), params));
        let response = process.ask(id, &line, self.bounds.answer).await?;
        match response.error {
            Some(failure) => Err(Broken::Refused(failure)),
            None => Ok(response.result),
        }
    }

    /// Remembers a failure: the next start waits longer each time.
    fn note(&self, state: &mut State, broken: &Broken) {
        let pause = FIRST_PAUSE * 2_i32.saturating_pow(state.failures.min(10));
        let at = self.now();
        state.failures = state.failures.saturating_add(1);
        state.failed = Some(Failed { at, until: at + pause.min(LONGEST_PAUSE), why: broken.to_string() });
    }

    fn error(&self, broken: Broken, verb: Verb) -> Error {
        let error = broken.into_error(verb, self.now());
        Error { message: self.clean(&error.message), ..error }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(process) = self.state.get_mut().process.take() else { return };
        // Outside of a runtime it is killed at once.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(process.end(self.bounds.end));
        }
    }
}

/// Reads an answer; what does not fit is said with its place, never with its content.
pub fn read<A: DeserializeOwned>(answer: Value) -> std::result::Result<A, Broken> {
    serde_path_to_error::deserialize(answer).map_err(|error| {
        let path = error.path().to_string();
        Broken::Shape(if path == "." { "the whole of it".to_owned() } else { format!("at `{path}`") })
    })
}
