//! `dealclock auth`: lets a person allow access once, tries a login, shows what is kept, and takes it back.

mod callback;
mod status;

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chrono::Duration;
use dealclock_connector::oauth::{GrantKind, Revoked, TokenSource, Tokens, Verifier};
use dealclock_connector::{Account, Authorizer, Clock, Connector, Error};
use serde_json::json;
use tokio::net::TcpListener;

use super::{AuthArgs, Context, Exit, Failure, Output};
use crate::config::{Connection, Credentials};
use crate::connect::{Opened, open};
use crate::patience::Patience;
use crate::vault::KeyPlace;
use callback::{Callback, pasted};

/// How long a person has for allowing access.
const TIME_TO_ALLOW: Duration = Duration::minutes(5);

/// Carries the command out.
pub(super) async fn run(args: &AuthArgs, context: &Context) -> Result<Exit, Failure> {
    carry_out(args, context, open_browser).await
}

async fn carry_out(args: &AuthArgs, context: &Context, browser: fn(&str)) -> Result<Exit, Failure> {
    let config = context.config()?;
    let name = args.connection.as_str();
    let connection = config.connections.get(name).ok_or_else(|| Failure::no_connection(name, &config))?;
    let Credentials::Login(_) = &connection.credentials else { return Err(no_login(connection)) };
    let clock = context.clock();
    let Opened { connector, source } = open(connection, &context.kit, &context.environment, &clock)?;
    let source = source.ok_or_else(|| no_login(connection))?;
    let desk = Desk { connection, source, connector, clock, output: context.output, browser };
    if args.status {
        status::show(&desk).await
    } else if args.revoke {
        desk.revoke().await
    } else {
        desk.log_in(args).await
    }
}

fn no_login(connection: &Connection) -> Failure {
    let id = &connection.id;
    Failure::new(Exit::Usage, format!("connection `{id}` does not log in: it has no section [connection.{id}.auth]"))
}

/// One connection with its login.
struct Desk<'a> {
    connection: &'a Connection,
    source: Arc<TokenSource>,
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    output: Output,
    /// Opens an address before the person's eyes.
    browser: fn(&str),
}

impl Desk<'_> {
    /// Fetches a token, by a person where the grant wants one, and asks the account whether all is well.
    async fn log_in(&self, args: &AuthArgs) -> Result<Exit, Failure> {
        let tell = self.output.waiting(self.connection.id.as_str());
        let patience = Patience { clock: self.clock.as_ref(), tell: &tell };
        match self.source.login().kind() {
            GrantKind::AuthorizationCode => self.ask_person(args).await?,
            GrantKind::ClientCredentials | GrantKind::JwtBearer => {
                patience.wait_for(|| self.source.access()).await.map_err(|error| self.failed(&error))?;
            }
        }
        let checked = patience.wait_for(|| self.connector.check()).await;
        let account = checked.map_err(|error| {
            let id = &self.connection.id;
            Failure::new(Exit::Crm, format!("connection `{id}`: the login worked, and its first call did not: {error}"))
        })?;
        self.report(&account).await
    }

    async fn ask_person(&self, args: &AuthArgs) -> Result<(), Failure> {
        // Nobody is asked for what could not be kept afterwards.
        self.kept().await?;
        let listener = if args.paste { None } else { Some(listen(args.port).await?) };
        let port = match &listener {
            Some(listener) => listener.local_addr()?.port(),
            None => args.port,
        };
        let redirect = format!("http://localhost:{port}/callback");
        let begun = self.source.begin(&redirect).map_err(|reason| Failure::new(Exit::Faulty, reason))?;
        self.output.note(format_args!(
            "Open this address, log in to the account, and allow access:\n\n  {}\n\nThe app must have this redirect \
             address: {redirect}",
            begun.address
        ));
        if listener.is_some() {
            self.output.note("This waits five minutes for it.");
        }
        let code = match listener {
            Some(listener) => {
                (self.browser)(&begun.address);
                self.await_code(Callback::serve(listener, begun.state)).await?
            }
            None => {
                self.output
                    .note("\nPaste the whole address to which the browser was sent in the end, or the code in it:");
                let line = tokio::task::spawn_blocking(read_line).await.map_err(|_| nothing_pasted())??;
                pasted(&line, &begun.state).map_err(|reason| Failure::new(Exit::Crm, reason))?
            }
        };
        self.finish(&code, begun.verifier).await
    }

    async fn await_code(&self, callback: Callback) -> Result<String, Failure> {
        let answer = tokio::select! {
            answer = callback.answer() => answer,
            () = self.clock.sleep_until(self.clock.now() + TIME_TO_ALLOW) => {
                Err("nobody allowed access within five minutes; on a machine without a browser use --paste".to_owned())
            }
        };
        answer.map_err(|reason| Failure::new(Exit::Crm, reason))
    }

    async fn finish(&self, code: &str, verifier: Verifier) -> Result<(), Failure> {
        let key = self.key_to_make();
        self.source.finish(code, verifier).await.map_err(|error| self.failed(&error))?;
        if let Some(key) = key.filter(|key| key.exists()) {
            self.output.note(format_args!(
                "Made {}, the key that the login is encrypted with: keep it with the store's exports.",
                key.display()
            ));
        }
        Ok(())
    }

    /// The file of the key that a login which is kept makes, where there is none yet.
    fn key_to_make(&self) -> Option<&Path> {
        let Credentials::Login(auth) = &self.connection.credentials else { return None };
        match &auth.key {
            KeyPlace::Beside(path) => Some(path.as_path()).filter(|path| !path.exists()),
            KeyPlace::Configured(_) => None,
        }
    }

    /// Says who is connected, and what is still in the way.
    async fn report(&self, account: &Account) -> Result<Exit, Failure> {
        let tokens = self.kept().await?;
        let (id, grant) = (&self.connection.id, self.source.login().kind());
        let Account { id: account_id, zone, currency, problems, .. } = account;
        let identity = tokens.as_ref().and_then(|tokens| tokens.identity.as_deref());
        let who = identity.map(|identity| format!(" as {identity}")).unwrap_or_default();
        self.output.text(format_args!("{id} is connected to account {account_id}{who} ({zone}, {currency})."));
        for problem in problems {
            self.output.text(format_args!("  {}; {}", problem.what, problem.way_out));
        }
        self.output.document(&json!({
            "connection": id,
            "grant": grant.as_str(),
            "account": account_id,
            "zone": zone.name(),
            "currency": currency,
            "identity": identity,
            "scopes": tokens.as_ref().map(|tokens| &tokens.scopes),
            "problems": problems,
        }));
        // What is in the way of reminders is not in the way of a login; `setup` comes after it.
        Ok(Exit::Ok)
    }

    async fn revoke(&self) -> Result<Exit, Failure> {
        let revoked = self.source.revoke().await.map_err(|error| self.failed(&error))?;
        let id = &self.connection.id;
        let (exit, told) = match &revoked {
            Revoked::AtCrm => (Exit::Ok, format!("The CRM took the token of {id} back, and it is forgotten here.")),
            Revoked::NoWay => (
                Exit::Ok,
                format!("The token of {id} is forgotten here. Take the app back in the CRM's settings as well."),
            ),
            Revoked::Nothing => (Exit::Ok, format!("Nothing is kept for {id}.")),
            Revoked::Failed(why) => (
                Exit::Crm,
                format!(
                    "The token of {id} is forgotten here, and the CRM did not take it back: {why}. Take the app back in \
                     the CRM's settings."
                ),
            ),
        };
        self.output.text(&told);
        let at_crm = matches!(revoked, Revoked::AtCrm);
        self.output.document(&json!({ "connection": id, "revoked": at_crm, "message": told }));
        Ok(exit)
    }

    async fn kept(&self) -> Result<Option<Tokens>, Failure> {
        let kept = self.source.kept().await;
        kept.map_err(|error| Failure::new(Exit::Store, format!("connection `{}`: {error}", self.connection.id)))
    }

    /// A login's error names its way out already.
    fn failed(&self, error: &Error) -> Failure {
        Failure::new(Exit::Crm, format!("connection `{}`: {error}", self.connection.id))
    }
}

async fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        let way_out = "choose another with --port, and register its redirect address with the app; or use --paste";
        Failure::new(Exit::Usage, format!("failed to listen on port {port}: {error}\n  help: {way_out}"))
    })
}

/// Opens a browser where a person sits before this machine; without one the address was printed.
fn open_browser(address: &str) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    for program in ["xdg-open", "open"] {
        let quiet = |command: &mut Command| {
            command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        if quiet(&mut Command::new(program)).is_ok() {
            return;
        }
    }
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line)? {
        0 => Err(nothing_pasted()),
        _ => Ok(line),
    }
}

fn nothing_pasted() -> Failure {
    Failure::new(Exit::Usage, "nothing was pasted")
}

#[cfg(test)]
mod tests;
