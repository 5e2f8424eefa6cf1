//! Opens a connector: its secrets, its transport, its settings.

use std::sync::Arc;

use dealclock_connector::oauth::{Dialect, Grant, Login, LoginSettings, NoVault, TokenSource, Vault};
use dealclock_connector::{
    Authorizer, Bounds, Clock, Connector, Origin, ReqwestTransport, Settings, StaticToken, Transport,
};
use dealclock_model::Fault;
use http::Uri;
use secrecy::SecretString;

use crate::config::{Auth, Config, Connection, Credentials, Environment, Faults, GrantKeys, cannot_be_read};
use crate::kit::{Kind, Kit};
use crate::vault::FileVault;

/// Why a connector could not be opened; nothing was asked of the CRM yet.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration cannot be followed: a secret cannot be read, a grant is not known.
    #[error("{0}")]
    Faulty(Fault),
    /// The program has no connector of this kind.
    #[error("there is no connector for `{0}`")]
    NoSuchKind(String),
}

/// A connector with what lets it in.
pub struct Opened {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// The login behind it, where it logs in.
    pub source: Option<Arc<TokenSource>>,
}

/// Opens the connector of a connection, with calls over HTTP.
pub fn connect(
    connection: &Connection,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Connector>, ConnectError> {
    Ok(open(connection, kit, environment, clock)?.connector)
}

/// Opens the connector of a connection with its login, with calls over HTTP.
pub fn open(
    connection: &Connection,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Opened, ConnectError> {
    let origin = origin(connection, kit.kind(&connection.kind)?);
    let authorities = authorities(connection)?;
    let transport = ReqwestTransport::trusting(&authorities, origin, Bounds::default());
    let transport = transport.map_err(|reason| match &connection.ca_file {
        Some(file) => faulty_authorities(connection, &format!("{}: {reason}", file.display())),
        None => refused(connection, reason),
    })?;
    open_over(Arc::new(transport), connection, kit, environment, clock)
}

/// Opens the connector of a connection, with calls over any transport.
pub fn connect_over(
    transport: Arc<dyn Transport>,
    connection: &Connection,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Connector>, ConnectError> {
    Ok(open_over(transport, connection, kit, environment, clock)?.connector)
}

fn open_over(
    transport: Arc<dyn Transport>,
    connection: &Connection,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Opened, ConnectError> {
    let kind = kit.kind(&connection.kind)?;
    if let Some(fault) = foreign_address(connection, kind) {
        return Err(ConnectError::Faulty(fault));
    }
    let opening = Opening { connection, kind, environment, transport: &transport, clock };
    let (auth, app_auth, source): (Arc<dyn Authorizer>, _, _) = match &connection.credentials {
        Credentials::None => (Arc::new(StaticToken::new(SecretString::default())), None, None),
        Credentials::Token(token) => {
            let token = token.read(environment).map_err(ConnectError::Faulty)?;
            (Arc::new(StaticToken::new(token)), None, None)
        }
        Credentials::Login(auth) => {
            let dialect = dialect(connection, kind, auth).map_err(ConnectError::Faulty)?;
            let source = Arc::new(opening.source(auth, dialect)?);
            (Arc::clone(&source) as Arc<dyn Authorizer>, opening.app(auth, dialect)?, Some(source))
        }
    };
    let read = |secret: &crate::config::Secret| secret.read(environment).map_err(ConnectError::Faulty);
    let env = connection.env.iter().map(|(name, secret)| Ok((name.clone(), read(secret)?)));
    let settings = Settings {
        connection: connection.id.clone(),
        base_url: connection.base_url.clone(),
        auth,
        app_auth,
        webhook_secret: connection.webhook_secret.as_ref().map(read).transpose()?,
        command: connection.command.clone(),
        env: env.collect::<Result<_, ConnectError>>()?,
        mapping: connection.mapping.clone(),
        share: connection.share,
        daily_share: connection.daily_share,
        transport: Arc::clone(&transport),
        clock: Arc::clone(clock),
    };
    let connector = (kind.open)(settings).map_err(|reason| refused(connection, reason))?;
    if connection.wants_feed && connector.feed().is_none() {
        let message = "`feed` cannot be followed: the CRM keeps no log of changes that this login may read";
        let help = "remove `feed`, as changes are polled; or let the app log in as the connector's README has it";
        return Err(ConnectError::Faulty(connection.fault(message.to_owned()).help(help)));
    }
    Ok(Opened { connector, source })
}

/// Holds the logins and commands of a configuration against what their connectors know.
pub fn judge(config: &Config, kit: &Kit) -> Result<(), Faults> {
    let faults = config.connections.values().filter_map(|connection| {
        let kind = kit.kind(&connection.kind).ok()?;
        if let Some(fault) = foreign_address(connection, kind) {
            return Some(fault);
        }
        match &connection.credentials {
            Credentials::Login(auth) => dialect(connection, kind, auth).err(),
            // What logs in over the network is no program.
            Credentials::None | Credentials::Token(_) if kind.auth.is_some() => useless_command(connection),
            Credentials::None | Credentials::Token(_) => None,
        }
    });
    Faults::unless_empty(faults.collect())
}

/// The address that is configured and that no call may go to, if there is one.
fn foreign_address(connection: &Connection, kind: &Kind) -> Option<Fault> {
    let login = match &connection.credentials {
        Credentials::Login(auth) => auth.login_url.as_ref(),
        Credentials::None | Credentials::Token(_) => None,
    };
    let origin = origin(connection, kind);
    [("base_url", connection.base_url.as_ref()), ("login_url", login)].into_iter().find_map(|(key, address)| {
        let forbidden = origin.admit(&address?.parse::<Uri>().ok()?).err()?;
        let help = format!("write an address of {}, or leave it out", origin.hosts().join(" or "));
        Some(connection.fault(format!("`{key}`: {forbidden}")).help(help))
    })
}

fn useless_command(connection: &Connection) -> Option<Fault> {
    let message = format!("`command` is of no use: the connector for `{}` runs no program", connection.kind);
    let help = "remove it; a `token` or a section `auth` lets the connection in";
    (!connection.command.is_empty()).then(|| connection.fault(message).help(help))
}

/// How the CRM of a connection speaks when an app logs in.
fn dialect(connection: &Connection, kind: &Kind, auth: &Auth) -> Result<&'static Dialect, Fault> {
    let grant = auth.grant.kind();
    let Some(dialect) = kind.auth else {
        let message = format!("the connector for `{}` knows no login", connection.kind);
        return Err(auth.fault(message).help("use `token` in place of `auth`"));
    };
    if !dialect.grants.contains(&grant) {
        let known = dialect.grants.iter().map(|grant| format!("\"{grant}\"")).collect::<Vec<_>>().join(" or ");
        let message = format!("the connector for `{}` does not know the grant `{grant}`", connection.kind);
        return Err(auth.fault(message).help(format!("write {known}")));
    }
    Ok(dialect)
}

/// What every login of a connection is made from.
struct Opening<'a> {
    connection: &'a Connection,
    kind: &'a Kind,
    environment: &'a Environment,
    transport: &'a Arc<dyn Transport>,
    clock: &'a Arc<dyn Clock>,
}

impl Opening<'_> {
    /// The login to the account.
    fn source(&self, auth: &Auth, dialect: &'static Dialect) -> Result<TokenSource, ConnectError> {
        let read = |secret: &crate::config::Secret| secret.read(self.environment).map_err(ConnectError::Faulty);
        let (grant, client_secret) = match &auth.grant {
            GrantKeys::AuthorizationCode { client_secret } => {
                (Grant::AuthorizationCode, client_secret.as_ref().map(read).transpose()?)
            }
            GrantKeys::ClientCredentials { client_secret } => (Grant::ClientCredentials, Some(read(client_secret)?)),
            GrantKeys::JwtBearer { username, private_key } => {
                (Grant::JwtBearer { username: username.clone(), private_key: read(private_key)? }, None)
            }
        };
        let id = &self.connection.id;
        let vault = FileVault::new(&auth.tokens, id, auth.key.clone(), self.environment.clone());
        self.login(auth, dialect, grant, client_secret, auth.scopes.clone(), Arc::new(vault))
    }

    /// The login of the app itself, where a person allowed it and the CRM tells the app from its accounts.
    fn app(&self, auth: &Auth, dialect: &'static Dialect) -> Result<Option<Arc<dyn Authorizer>>, ConnectError> {
        let GrantKeys::AuthorizationCode { client_secret: Some(secret) } = &auth.grant else { return Ok(None) };
        if dialect.app_scopes.is_empty() {
            return Ok(None);
        }
        let secret = secret.read(self.environment).map_err(ConnectError::Faulty)?;
        let scopes = dialect.app_scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let source = self.login(auth, dialect, Grant::ClientCredentials, Some(secret), scopes, Arc::new(NoVault))?;
        Ok(Some(Arc::new(source)))
    }

    fn login(
        &self,
        auth: &Auth,
        dialect: &'static Dialect,
        grant: Grant,
        client_secret: Option<SecretString>,
        scopes: Vec<String>,
        vault: Arc<dyn Vault>,
    ) -> Result<TokenSource, ConnectError> {
        let login = Login::new(LoginSettings {
            connection: self.connection.id.clone(),
            dialect,
            login_url: auth.login_url.clone(),
            client_id: auth.client_id.clone(),
            client_secret,
            grant,
            scopes,
            transport: Arc::clone(self.transport),
            clock: Arc::clone(self.clock),
        });
        let login = login.map_err(|reason| ConnectError::Faulty(auth.fault_of_login(reason)))?;
        Ok(TokenSource::new(login, origin(self.connection, self.kind), vault))
    }
}

/// The faults of authorities that are named and cannot be read.
pub(crate) fn missing_authorities(config: &Config) -> Vec<Fault> {
    let faulty = config.connections.values().filter_map(|connection| match authorities(connection) {
        Err(ConnectError::Faulty(fault)) => Some(fault),
        Err(ConnectError::NoSuchKind(_)) | Ok(_) => None,
    });
    faulty.collect()
}

/// The authorities that a connection trusts beside the system's, as PEM.
fn authorities(connection: &Connection) -> Result<Vec<u8>, ConnectError> {
    let Some(file) = &connection.ca_file else { return Ok(Vec::new()) };
    std::fs::read(file)
        .map_err(|error| faulty_authorities(connection, &format!("{} {}", file.display(), cannot_be_read(&error))))
}

fn faulty_authorities(connection: &Connection, reason: &str) -> ConnectError {
    let help = "name a file with the authority's certificate in PEM, readable for this user";
    ConnectError::Faulty(connection.fault(format!("`ca_file`: {reason}")).help(help))
}

/// The hosts that a connection may call.
fn origin(connection: &Connection, kind: &Kind) -> Origin {
    Origin::new(kind.hosts.iter().copied(), connection.allow_local)
}

/// The connector refused its settings, or the transport could not be made.
fn refused(connection: &Connection, reason: String) -> ConnectError {
    let help = format!("correct [connection.{}]", connection.id);
    ConnectError::Faulty(connection.fault(reason).help(help))
}
