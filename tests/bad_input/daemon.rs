//! A daemon in this process, beside accounts in the sandbox, on a clock that is turned by hand.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{Clock, Transport, TransportError};
use dealclock_daemon::clock::HandClock;
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::connect::connect_over;
use dealclock_daemon::explain::{Explanation, explain, find};
use dealclock_daemon::kit::{Kind, Kit};
use dealclock_daemon::launch::{open_store, spec};
use dealclock_daemon::runtime::Runtime;
use dealclock_daemon::status::{ConnectionStatus, Sources, gather};
use dealclock_model::{ConnectionId, Instant};
use dealclock_sandbox::Sandbox;

use crate::account::Account;
use crate::files::Files;

/// An instant of the week in which everything here happens: Monday is 2 March 2026.
pub fn at(text: &str) -> Instant {
    let (day, time) = text.split_once(' ').unwrap();
    let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().position(|name| *name == day).unwrap();
    format!("2026-03-{:02}T{time}:00Z", day + 2).parse().unwrap()
}

/// Calls a sandbox without sockets, on the daemon's clock.
struct Direct {
    sandbox: Sandbox,
    clock: Arc<HandClock>,
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        self.sandbox.set_now(self.clock.now());
        self.sandbox
            .handle(request)
            .map_err(|dropped| TransportError::Lost { host: "sandbox".into(), reason: dropped.to_string() })
    }
}

/// A daemon with a connection to each of some accounts.
pub struct Daemon {
    runtime: Arc<Runtime>,
    clock: Arc<HandClock>,
    accounts: Vec<Account>,
    _files: Files,
}

impl Daemon {
    /// A daemon that has read each account for the first time.
    pub async fn new(accounts: &[(&str, &Account)]) -> Daemon {
        let connections: Vec<_> = accounts.iter().map(|(name, _)| (*name, "http://127.0.0.1:9")).collect();
        let files = Files::new(&connections);
        let loaded = Loaded::load(Some(&files.config()), &Environment::default(), &["hubspot"]).unwrap();
        let clock = Arc::new(HandClock::new(at("Mon 08:00")));
        let shown: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let specs = accounts.iter().map(|(name, account)| {
            let connection = &loaded.config.connections[*name];
            let transport = Direct { sandbox: account.sandbox.clone(), clock: Arc::clone(&clock) };
            let opened = connect_over(Arc::new(transport), connection, &kit(), &Environment::default(), &shown);
            spec(connection, opened.unwrap())
        });
        let specs = specs.collect();
        let store = open_store(&loaded.config).unwrap();
        let runtime = Runtime::new(store, shown, loaded.ruleset, specs, None).unwrap();
        let accounts = accounts.iter().map(|(_, account)| (*account).clone()).collect();
        let daemon = Daemon { runtime, clock, accounts, _files: files };
        daemon.run_until("Mon 09:00").await;
        daemon
    }

    /// Takes every step that is due until an instant, that one included.
    pub async fn run_until(&self, until: &str) {
        let until = at(until);
        loop {
            let woken = self.runtime.settle().await.unwrap();
            let now = self.clock.now();
            if now >= until {
                return;
            }
            let next = woken.map_or(until, |woken| woken.min(until));
            assert!(next > now, "time stands still at {now}");
            self.clock.set(next);
            for account in &self.accounts {
                account.sandbox.set_now(next);
            }
        }
    }

    /// What `dealclock status` says of a connection.
    pub fn status(&self, connection: &str) -> ConnectionStatus {
        let ids = [ConnectionId::from(connection)];
        let runtime = &self.runtime;
        let status = gather(&Sources {
            store: runtime.store(),
            ruleset: &runtime.ruleset(),
            connections: &ids,
            web: None,
            runtime: Some(runtime),
            now: runtime.now(),
        })
        .unwrap();
        status.connections.into_iter().next().unwrap()
    }

    /// What is failing on a connection now, in the words of `dealclock status`.
    pub fn troubles(&self, connection: &str) -> String {
        let troubles = self.status(connection).troubles;
        troubles.iter().map(|(work, trouble)| format!("{work}: {}\n", trouble.message)).collect()
    }

    /// What `dealclock explain` says of a deal.
    pub fn explain(&self, deal: &str) -> Explanation {
        let runtime = &self.runtime;
        let ids: Vec<_> = runtime.connections().keys().cloned().collect();
        let record = find(runtime.store(), &ids, deal).unwrap();
        let people = runtime.connections()[&record.connection].people().unwrap();
        explain(runtime.store(), &runtime.ruleset(), &people, record, runtime.now()).unwrap()
    }
}

fn kit() -> Kit {
    let open = Kind { open: dealclock_hubspot::connect, hosts: dealclock_hubspot::HOSTS, auth: None };
    Kit {
        connectors: [("hubspot", open)].into(),
        sandboxes: &["hubspot"],
        demo: |_, _| Box::pin(async { unreachable!("nobody asks for a demo here") }),
        sandbox: |_, _| Box::pin(async { unreachable!("nobody asks for a sandbox here") }),
    }
}
