//! Who the integration user is, asked once for each token's user.

use dealclock_connector::{Priority, Result};
use dealclock_model::PersonId;

use crate::Salesforce;
use crate::api::USER_INFO;
use crate::client::Call;
use crate::errors::Refusal;
use crate::wire::UserInfo;

/// What was asked; `check` asks anew, as the token may have become another user's.
pub(crate) type Identities = tokio::sync::Mutex<Option<Identity>>;

/// The integration user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The user.
    pub(crate) user: PersonId,
    /// The org's id.
    pub(crate) organization: String,
}

impl Salesforce {
    /// The integration user, as last asked.
    pub(crate) async fn identity(&self) -> Result<Identity> {
        let mut known = self.identities.lock().await;
        if let Some(identity) = &*known {
            return Ok(identity.clone());
        }
        let identity = self.ask_identity().await?;
        *known = Some(identity.clone());
        Ok(identity)
    }

    /// Asks who the integration user is now, and remembers it.
    pub(crate) async fn learn_identity(&self) -> std::result::Result<Identity, Refusal> {
        let identity = self.ask_identity().await?;
        *self.identities.lock().await = Some(identity.clone());
        Ok(identity)
    }

    async fn ask_identity(&self) -> std::result::Result<Identity, Refusal> {
        let call = Call::get("read the integration user", USER_INFO.to_owned()).priority(Priority::Write);
        let answer = self.client.ask(call).await?;
        let info: UserInfo = answer.read()?;
        Ok(Identity { user: PersonId::from(&info.user_id), organization: info.organization_id })
    }
}
