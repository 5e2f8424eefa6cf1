//! Opens a connector: its secret, its transport, its settings.

use std::sync::Arc;

use dealclock_connector::{Bounds, Clock, Connector, Origin, ReqwestTransport, Settings, StaticToken, Transport};
use dealclock_model::Fault;

use crate::config::{Connection, Environment};
use crate::kit::Kit;

/// Why a connector could not be opened; nothing was asked of the CRM yet.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The token cannot be read.
    #[error("{0}")]
    Secret(Fault),
    /// The program has no connector of this kind.
    #[error("there is no connector for `{0}`")]
    NoSuchKind(String),
    /// The connector refused its settings, or the transport could not be made.
    #[error("connection `{connection}`: {reason}")]
    Settings {
        /// Which connection.
        connection: String,
        /// What is wrong.
        reason: String,
    },
}

/// Opens the connector of a connection, with calls over HTTP.
pub fn connect(
    connection: &Connection,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Connector>, ConnectError> {
    let kind = kit.kind(&connection.kind)?;
    let origin = Origin::new(kind.hosts.iter().copied(), connection.allow_local);
    let transport = ReqwestTransport::new(origin, Bounds::default()).map_err(|reason| refused(connection, reason))?;
    connect_over(Arc::new(transport), connection, kit, environment, clock)
}

/// Opens the connector of a connection, with calls over any transport.
pub fn connect_over(
    transport: Arc<dyn Transport>,
    connection: &Connection,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Connector>, ConnectError> {
    let kind = kit.kind(&connection.kind)?;
    let token = connection.token.read(environment).map_err(ConnectError::Secret)?;
    let settings = Settings {
        connection: connection.id.clone(),
        base_url: connection.base_url.clone(),
        auth: Arc::new(StaticToken::new(token)),
        app_auth: None,
        webhook_secret: None,
        command: Vec::new(),
        env: std::collections::BTreeMap::new(),
        mapping: connection.mapping.clone(),
        share: connection.share,
        daily_share: 1.0,
        transport,
        clock: Arc::clone(clock),
    };
    (kind.open)(settings).map_err(|reason| refused(connection, reason))
}

fn refused(connection: &Connection, reason: String) -> ConnectError {
    ConnectError::Settings { connection: connection.id.to_string(), reason }
}
