//! What the binary gives the daemon, which names no CRM: connectors, the demo and the sandbox.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use dealclock_connector::contract::Factory;
use dealclock_connector::oauth::Dialect;

use crate::cli::{DemoArgs, Exit, Failure, Output, SandboxArgs};
use crate::connect::ConnectError;

/// A verb that the binary carries out.
pub type Verb<A> = fn(A, Output) -> Pin<Box<dyn Future<Output = Result<Exit, Failure>> + Send>>;

/// One kind of connector.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Makes it.
    pub open: Factory,
    /// The hosts that it may call, each with everything below it; empty for any public host.
    pub hosts: &'static [&'static str],
    /// How it logs in by OAuth 2.0; `None` for a token only.
    pub auth: Option<&'static Dialect>,
}

/// What the binary gives the daemon.
#[derive(Clone)]
pub struct Kit {
    /// The connectors by the kind that a configuration names.
    pub connectors: BTreeMap<&'static str, Kind>,
    /// The kinds of CRM that the sandbox speaks like.
    pub sandboxes: &'static [&'static str],
    /// Runs the demo.
    pub demo: Verb<DemoArgs>,
    /// Runs the sandbox.
    pub sandbox: Verb<SandboxArgs>,
}

impl Kit {
    /// The kinds that a configuration may name.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.connectors.keys().copied().collect()
    }

    /// A kind by its name.
    pub fn kind(&self, name: &str) -> Result<&Kind, ConnectError> {
        self.connectors.get(name).ok_or_else(|| ConnectError::NoSuchKind(name.to_owned()))
    }
}
