//! Sends e-mail by SMTP, and says after a failure whether the message may have gone out.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use dealclock_connector::{Error, ErrorKind, Result, redact};
use dealclock_model::effect::Email;
use dealclock_model::{EffectId, Instant, Receipt};
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use secrecy::{ExposeSecret, SecretString};

use super::message;
use crate::config::{Environment, Faults, Mail as MailConfig, MailTls, OnUnknown};
use crate::web::Links;

/// How long one step of the conversation may take; RFC 5321 grants servers minutes, which no queue of ours should wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends e-mail through one mail server.
///
/// It speaks the steps of SMTP itself instead of handing a message to lettre's transport, because only the step at which
/// a connection broke tells whether the message may have been taken.
pub struct SmtpMail {
    host: String,
    port: u16,
    tls: MailTls,
    from: Mailbox,
    login: Option<(String, SecretString)>,
    on_unknown: OnUnknown,
    hello: ClientId,
    links: Option<Links>,
}

impl SmtpMail {
    /// A sender as configured; the password is read now.
    pub fn new(config: &MailConfig, environment: &Environment) -> std::result::Result<SmtpMail, Faults> {
        let login = match &config.login {
            Some((user, password)) => Some((user.clone(), password.read(environment)?)),
            None => None,
        };
        Ok(SmtpMail {
            host: config.host.clone(),
            port: config.port,
            tls: config.tls,
            from: config.from.clone(),
            login,
            on_unknown: config.on_unknown,
            hello: ClientId::default(),
            links: None,
        })
    }

    /// The same sender, whose mails lead to where their questions are answered.
    #[must_use]
    pub fn answering(self, links: Option<Links>) -> SmtpMail {
        SmtpMail { links, ..self }
    }

    /// Connects, encrypts and logs in, without sending anything: whether mail would leave.
    pub async fn check(&self) -> Result<()> {
        let mut server = self.open().await?;
        // Whatever the server says to a farewell, it has said enough.
        let _ = step(server.quit()).await;
        Ok(())
    }

    /// Sends one message to one address.
    async fn deliver(&self, message: &Message, to: Address) -> Result<()> {
        let mut server = self.open().await?;
        let sent = self.converse(&mut server, message, to).await;
        let _ = step(server.quit()).await;
        sent
    }

    async fn open(&self) -> Result<AsyncSmtpConnection> {
        let outer = match self.tls {
            MailTls::Implicit => Some(self.tls()?),
            MailTls::Starttls | MailTls::None => None,
        };
        let connect = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(PATIENCE),
            &self.hello,
            outer,
            None,
        );
        let mut server = step(connect).await.map_err(|broke| broke.before("reach the mail server"))?;
        if self.tls == MailTls::Starttls {
            if !server.can_starttls() {
                return Err(Error::unauthorized(
                    "the mail server does not offer STARTTLS; check `port` and `tls` in [mail]",
                ));
            }
            let encrypt = server.starttls(self.tls()?, &self.hello);
            step(encrypt).await.map_err(|broke| broke.before("encrypt the connection to the mail server"))?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let login = server.auth(DEFAULT_MECHANISMS, &credentials);
            step(login).await.map_err(|broke| broke.before("log in to the mail server"))?;
        }
        Ok(server)
    }

    fn tls(&self) -> Result<TlsParameters> {
        TlsParameters::new(self.host.clone())
            .map_err(|_| Error::unauthorized("failed to set up TLS for the mail server"))
    }

    async fn converse(&self, server: &mut AsyncSmtpConnection, message: &Message, to: Address) -> Result<()> {
        let from = MailFrom::new(Some(self.from.email.clone()), Vec::new());
        step(server.command(from)).await.map_err(|broke| broke.before("have the sender accepted"))?;
        step(server.command(Rcpt::new(to, Vec::new())))
            .await
            .map_err(|broke| broke.of_this("have the recipient accepted"))?;
        step(server.command(Data)).await.map_err(|broke| broke.of_this("announce the mail"))?;
        step(server.message(&message.formatted())).await.map_err(Broke::of_the_message)?;
        Ok(())
    }
}

#[async_trait]
impl crate::runtime::Mail for SmtpMail {
    fn sends_again(&self) -> bool {
        match self.on_unknown {
            OnUnknown::Again => true,
            OnUnknown::Drop => false,
        }
    }

    async fn send(&self, id: &EffectId, email: &Email, address: &str, now: Instant) -> Result<Receipt> {
        let to = address.parse::<Address>();
        let to = to.map_err(|_| Error::rejected("the recipient's mail address in the CRM is not one"))?;
        if !to.to_string().is_ascii() {
            return Err(Error::rejected("the recipient's mail address has characters beyond ASCII"));
        }
        let answer = email.question.as_ref().zip(self.links.as_ref()).map(|(question, links)| links.address(question));
        let message = message::write(id, email, &self.from, to.clone(), answer.as_deref(), now)?;
        self.deliver(&message, to).await?;
        Ok(Receipt { id: None, found: false, kept: Vec::new() })
    }
}

/// Why a step of the conversation did not succeed.
enum Broke {
    /// The server did not answer in time.
    Slow,
    /// The server refused, or the connection broke.
    Smtp(smtp::Error),
}

async fn step<T>(step: impl Future<Output = std::result::Result<T, smtp::Error>>) -> std::result::Result<T, Broke> {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(answer) => answer.map_err(Broke::Smtp),
        Err(_) => Err(Broke::Slow),
    }
}

impl Broke {
    /// Before any message: a refusal is of us, not of the message, and somebody has to mend the configuration.
    fn before(self, what: &str) -> Error {
        let kind = if self.is_permanent() { ErrorKind::Unauthorized } else { ErrorKind::Transient { retry_at: None } };
        Error::new(kind, self.message(what))
    }

    /// Before the message's content: a refusal is of this message, and nothing was sent.
    fn of_this(self, what: &str) -> Error {
        let kind = if self.is_permanent() { ErrorKind::Rejected } else { ErrorKind::Transient { retry_at: None } };
        Error::new(kind, self.message(what))
    }

    /// After the message's content: without an answer nobody knows whether the server took it.
    fn of_the_message(self) -> Error {
        let answered = matches!(&self, Broke::Smtp(error) if error.is_permanent() || error.is_transient());
        if answered {
            self.of_this("hand the mail over")
        } else {
            Error::unknown(self.message("hear whether the mail was taken"))
        }
    }

    fn is_permanent(&self) -> bool {
        match self {
            Broke::Slow => false,
            // A client error is one of setting up: no login mechanism in common, no STARTTLS.
            Broke::Smtp(error) => error.is_permanent() || error.is_client() || error.is_tls(),
        }
    }

    fn message(&self, what: &str) -> String {
        match self {
            Broke::Slow => format!("failed to {what}: no answer within {} seconds", PATIENCE.as_secs()),
            Broke::Smtp(error) => format!("failed to {what}: {}", redact(&innermost(error))),
        }
    }
}

fn innermost(error: &smtp::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => match error.status() {
            Some(code) => format!("{code} {source}"),
            None => source.to_string(),
        },
        None => error.to_string(),
    }
}
