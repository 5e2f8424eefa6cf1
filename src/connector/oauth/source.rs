//! Access that renews itself: one login at a time, kept before it is used, and never tried without end.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use dealclock_model::Instant;
use http::Uri;
use tokio::sync::Mutex;

use super::code::{Begun, Introspected, Verifier};
use super::dialect::GrantKind;
use super::login::Login;
use super::pace::{Pace, SLOW};
use super::refusal::Trouble;
use super::tokens::{Refused, Tokens, Vault, VaultError};
use crate::{Access, Authorizer, Error, ErrorKind, Origin, Result};

/// Access to one account by tokens that are fetched, kept and renewed.
///
/// A new token is durable in the vault before anything uses it. One login is under way at a time, whoever asks, and it
/// goes on when the one who asked goes away: an answer that is dropped may cost the authorization.
pub struct TokenSource(Arc<Source>);

struct Source {
    login: Login,
    origin: Origin,
    vault: Arc<dyn Vault>,
    current: RwLock<Option<Current>>,
    flight: Mutex<Flight>,
}

/// The access in use.
#[derive(Clone)]
struct Current {
    access: Access,
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
}

/// What the one who logs in knows.
#[derive(Default)]
struct Flight {
    /// What the vault holds, as far as we know.
    kept: Option<Tokens>,
    /// What came and could not be kept yet; it is not used before it is.
    unsaved: Option<Tokens>,
    pace: Pace,
    generation: u64,
}

/// What a caller wants.
#[derive(Clone, Copy)]
enum Want {
    /// Access that is good for a while.
    Fresh,
    /// Another access than the refused one of this generation.
    OtherThan(u64),
}

/// How a revocation went; what was kept here is forgotten in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The CRM took the token back.
    AtCrm,
    /// The CRM has no way to take a token back.
    NoWay,
    /// The CRM did not, and why.
    Failed(String),
    /// There was nothing to take back.
    Nothing,
}

impl TokenSource {
    /// Access by a login. The home that the CRM names is held against `origin`; only what a person allowed is kept.
    pub fn new(login: Login, origin: Origin, vault: Arc<dyn Vault>) -> TokenSource {
        let (current, flight) = (RwLock::default(), Mutex::default());
        TokenSource(Arc::new(Source { login, origin, vault, current, flight }))
    }

    /// The login behind it.
    pub fn login(&self) -> &Login {
        &self.0.login
    }

    /// Asks a person for access; the code comes to `redirect`.
    pub fn begin(&self, redirect: &str) -> std::result::Result<Begun, String> {
        self.0.login.begin(redirect)
    }

    /// Exchanges the code that a person brought; the tokens are kept, and used from now on.
    pub async fn finish(&self, code: &str, verifier: Verifier) -> Result<Tokens> {
        let mut flight = self.0.flight.lock().await;
        let _alone = self.0.in_vault(|vault| vault.lock()).await.map_err(passing)?;
        let now = self.0.login.clock.now();
        let fetched = self.0.login.finish(code, verifier).await;
        let tokens = fetched.map_err(|trouble| Pace::default().failed(trouble, false, now))?;
        let tokens = self.0.keep(&mut flight, tokens, now).await?;
        self.0.publish(&mut flight, &tokens)?;
        Ok(tokens)
    }

    /// What is kept of the authorization; an error also when nothing could be kept.
    pub async fn kept(&self) -> std::result::Result<Option<Tokens>, VaultError> {
        let by_person = self.0.is_by_person();
        let work =
            move |vault: &dyn Vault| if by_person { vault.lock().and_then(|_alone| vault.load()) } else { Ok(None) };
        self.0.in_vault(work).await
    }

    /// Takes the token back at the CRM and forgets it here, even when the CRM does not answer.
    pub async fn revoke(&self) -> Result<Revoked> {
        let mut flight = self.0.flight.lock().await;
        let _alone = self.0.in_vault(|vault| vault.lock()).await.map_err(passing)?;
        let revoked = match self.0.in_vault(|vault| vault.load()).await {
            Ok(None) => Revoked::Nothing,
            Ok(Some(tokens)) => match self.0.login.revoke(&tokens).await {
                Ok(true) => Revoked::AtCrm,
                Ok(false) => Revoked::NoWay,
                Err(trouble) => Revoked::Failed(trouble.to_string()),
            },
            // What cannot be read can still be forgotten.
            Err(error) => Revoked::Failed(error.to_string()),
        };
        self.0.in_vault(|vault| vault.clear()).await.map_err(passing)?;
        *flight = Flight { generation: flight.generation, ..Flight::default() };
        self.0.set(None);
        Ok(revoked)
    }

    /// What the CRM says about the token that is kept; `None` where it cannot be asked.
    pub async fn introspect(&self) -> Result<Option<Introspected>> {
        let Some(access) = self.kept().await.map_err(lasting)?.and_then(|tokens| tokens.access) else {
            return Ok(None);
        };
        let now = self.0.login.clock.now();
        self.0.login.introspect(&access).await.map_err(|trouble| Pace::default().failed(trouble, false, now))
    }

    /// Logs in beside the caller, who may go away meanwhile.
    async fn fly(&self, want: Want) -> Result<Access> {
        let flight = tokio::spawn(Arc::clone(&self.0).fly(want));
        flight.await.unwrap_or_else(|_| Err(Error::transient("the login was cut off")))
    }
}

#[async_trait]
impl Authorizer for TokenSource {
    async fn access(&self) -> Result<Access> {
        let now = self.0.login.clock.now();
        match self.0.current() {
            Some(current) if current.serves(Want::Fresh, now) => Ok(current.access),
            // Somebody renews it, and it is good until they have.
            Some(current) if current.is_good(now) && self.0.flight.try_lock().is_err() => Ok(current.access),
            Some(_) | None => self.fly(Want::Fresh).await,
        }
    }

    async fn renew(&self, refused: &Access) -> Result<Option<Access>> {
        self.fly(Want::OtherThan(refused.generation)).await.map(Some)
    }
}

impl Current {
    fn serves(&self, want: Want, now: Instant) -> bool {
        match want {
            Want::Fresh => self.renew_at.is_none_or(|at| now < at),
            Want::OtherThan(refused) => self.access.generation != refused && self.is_good(now),
        }
    }

    fn is_good(&self, now: Instant) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

impl Source {
    async fn fly(self: Arc<Self>, want: Want) -> Result<Access> {
        let mut flight = self.flight.lock().await;
        let now = self.login.clock.now();
        if let Some(current) = self.current().filter(|current| current.serves(want, now)) {
            return Ok(current.access);
        }
        match self.obtain(&mut flight, want, now).await {
            Ok(tokens) => self.publish(&mut flight, &tokens),
            Err(error) => match (want, self.current()) {
                // It is early to renew, and there is time until it must have worked.
                (Want::Fresh, Some(current)) if current.is_good(now) && error.kind != ErrorKind::Unauthorized => {
                    Ok(current.access)
                }
                (Want::Fresh | Want::OtherThan(_), _) => Err(error),
            },
        }
    }

    async fn obtain(&self, flight: &mut Flight, want: Want, now: Instant) -> Result<Tokens> {
        if let Some(tokens) = flight.unsaved.take() {
            return self.keep(flight, tokens, now).await;
        }
        if let Some(error) = flight.pace.held(now).filter(|error| error.kind != ErrorKind::Unauthorized) {
            return Err(error);
        }
        // Somebody may have allowed access anew, or another process may have renewed it.
        if let Some(tokens) = self.look(flight, now).await? {
            return Ok(tokens);
        }
        if let Some(error) = flight.pace.held(now) {
            return Err(error);
        }
        if matches!(want, Want::OtherThan(_)) && !flight.pace.may_renew(now) {
            return Err(Error::unauthorized(self.refused_again()));
        }
        let _alone =
            if self.is_by_person() { Some(self.in_vault(|vault| vault.lock()).await.map_err(passing)?) } else { None };
        if let Some(tokens) = self.look(flight, now).await? {
            return Ok(tokens);
        }
        match self.login.fetch(flight.kept.as_ref()).await {
            Ok(tokens) => self.keep(flight, tokens, now).await,
            Err(trouble) => {
                self.remember(flight, &trouble, now).await;
                Err(flight.pace.failed(trouble, self.is_by_person(), now))
            }
        }
    }

    /// What the vault holds, when it is new to us and good.
    async fn look(&self, flight: &mut Flight, now: Instant) -> Result<Option<Tokens>> {
        if !self.is_by_person() {
            return Ok(None);
        }
        let Some(tokens) = self.in_vault(|vault| vault.load()).await.map_err(lasting)? else {
            flight.kept = None;
            return Err(Error::unauthorized(self.login.not_allowed_yet()));
        };
        if flight.kept.as_ref().is_some_and(|kept| kept.is_same(&tokens)) {
            return Ok(None);
        }
        flight.pace.succeeded();
        if let Some(refused) = &tokens.refused {
            flight.pace.hold(refused.at + SLOW, refused.reason.clone());
        }
        flight.kept = Some(tokens.clone());
        Ok(Some(tokens).filter(|tokens| tokens.is_usable(now) && self.home(tokens).is_ok()))
    }

    /// Makes tokens durable, and only then lets them be used.
    async fn keep(&self, flight: &mut Flight, mut tokens: Tokens, now: Instant) -> Result<Tokens> {
        let home = self.home(&tokens);
        if home.is_err() {
            // What renews is kept, or the authorization would be lost; what lets calls in has nowhere to go.
            tokens.access = None;
            tokens.home = None;
        }
        if self.is_by_person() {
            let saved = tokens.clone();
            if let Err(error) = self.in_vault(move |vault| vault.save(&saved)).await {
                flight.unsaved = Some(tokens);
                return Err(passing(error));
            }
        }
        flight.kept = Some(tokens.clone());
        match home {
            Ok(home) => {
                flight.pace.succeeded();
                tokens.home = home;
                Ok(tokens)
            }
            Err(message) => Err(flight.pace.failed(Trouble::refused(message), false, now)),
        }
    }

    /// Writes down that the authorization has ended, for `--status` and for the next start.
    async fn remember(&self, flight: &mut Flight, trouble: &Trouble, now: Instant) {
        if let (Trouble::Refused { ended: true, message }, Some(kept)) = (trouble, &mut flight.kept) {
            kept.refused = Some(Refused { at: now, reason: message.clone() });
            let kept = kept.clone();
            // The error that is on its way says the same; what cannot be written here is found out again.
            let _ = self.in_vault(move |vault| vault.save(&kept)).await;
        }
    }

    fn publish(&self, flight: &mut Flight, tokens: &Tokens) -> Result<Access> {
        let Some(token) = tokens.access.clone() else {
            return Err(Error::unauthorized(self.login.not_allowed_yet()));
        };
        flight.generation += 1;
        let home = self.home(tokens).map_err(Error::unauthorized)?;
        let access = Access { token, home, generation: flight.generation };
        let (renew_at, expires_at) = (tokens.renew_at(), tokens.expires_at);
        self.set(Some(Current { access: access.clone(), renew_at, expires_at }));
        Ok(access)
    }

    /// Where the account lives, as scheme and host, held against the list of hosts.
    fn home(&self, tokens: &Tokens) -> std::result::Result<Option<String>, String> {
        let (Some(field), Some(home)) = (self.login.dialect.home, &tokens.home) else {
            return match (self.login.dialect.home, &tokens.access) {
                (Some(field), Some(_)) => Err(format!("the token of {} came without `{field}`", self.login.host())),
                (Some(_), None) | (None, _) => Ok(None),
            };
        };
        let uri: Uri = home.parse().map_err(|_| format!("the `{field}` that came with the token is no address"))?;
        self.origin.admit(&uri).map_err(|forbidden| {
            let hosts = self.origin.hosts().join(", ");
            format!("the token is not sent to the `{field}` that came with it: {forbidden}; admitted are: {hosts}")
        })?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or("https"), uri.authority());
        Ok(authority.map(|authority| format!("{scheme}://{authority}")))
    }

    fn refused_again(&self) -> String {
        format!("tokens of {} are refused soon after they are given out; check the app's policies", self.login.host())
    }

    fn is_by_person(&self) -> bool {
        match self.login.kind() {
            GrantKind::AuthorizationCode => true,
            GrantKind::ClientCredentials | GrantKind::JwtBearer => false,
        }
    }

    /// Works on the vault where waiting for a disk holds up nobody.
    async fn in_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Vault) -> std::result::Result<T, VaultError> + Send + 'static,
    ) -> std::result::Result<T, VaultError> {
        let vault = Arc::clone(&self.vault);
        let done = tokio::task::spawn_blocking(move || work(vault.as_ref())).await;
        done.unwrap_or_else(|_| Err(VaultError("the work on the kept tokens was cut off".to_owned())))
    }

    fn current(&self) -> Option<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, current: Option<Current>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }
}

/// A disk that refuses now may not refuse later.
fn passing(VaultError(message): VaultError) -> Error {
    Error::transient(message)
}

/// What cannot be read stays so until somebody mends it.
fn lasting(VaultError(message): VaultError) -> Error {
    Error::unauthorized(message)
}
