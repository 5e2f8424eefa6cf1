//! What an application was allowed: codes, refresh tokens and access tokens, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use super::instant::Millis;
use crate::options::{HubSpotApp, Scope};

/// An access token lives half an hour.
/// <https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens>
pub(crate) const LIFETIME: Millis = 1_800_000;

/// A code is good for this long.
const CODE_LIFETIME: Millis = 10 * 60_000;

/// An access token of an application.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// The scopes, under the names that the CRM gives them.
    pub(crate) scopes: BTreeSet<String>,
    /// When it runs out.
    pub(crate) until: Millis,
    /// Whether it stands for the application itself, and not for an account.
    pub(crate) of_app: bool,
}

impl Granted {
    /// The scopes that endpoints of an account ask for.
    pub(crate) fn account_scopes(&self) -> BTreeSet<Scope> {
        Scope::ALL.into_iter().filter(|scope| self.scopes.contains(scope.name())).collect()
    }
}

/// A code that waits to be exchanged.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) redirect: String,
    pub(crate) challenge: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    until: Millis,
}

/// The application of an account, and everything that it was allowed.
#[derive(Debug)]
pub(crate) struct Grants {
    pub(crate) app: HubSpotApp,
    codes: BTreeMap<String, Code>,
    refresh: BTreeMap<String, BTreeSet<String>>,
    access: BTreeMap<String, Granted>,
    made: u64,
}

impl Grants {
    pub(crate) fn new(app: HubSpotApp) -> Grants {
        Grants { app, codes: BTreeMap::new(), refresh: BTreeMap::new(), access: BTreeMap::new(), made: 0 }
    }

    /// A person's consent, as a code.
    pub(crate) fn consent(
        &mut self,
        redirect: &str,
        challenge: Option<String>,
        scopes: BTreeSet<String>,
        now: Millis,
    ) -> String {
        let code = self.secret("na1");
        let until = now + CODE_LIFETIME;
        self.codes.insert(code.clone(), Code { redirect: redirect.to_owned(), challenge, scopes, until });
        code
    }

    /// Takes a code, which is good once and for a while.
    pub(crate) fn take_code(&mut self, code: &str, now: Millis) -> Option<Code> {
        self.codes.remove(code).filter(|code| now < code.until)
    }

    /// Begins an authorization: its refresh token.
    pub(crate) fn allow(&mut self, scopes: BTreeSet<String>) -> String {
        let token = self.secret("1e8f");
        self.refresh.insert(token.clone(), scopes);
        token
    }

    /// The refresh token to use from now on, with its scopes; another one where they rotate.
    pub(crate) fn renew(&mut self, token: &str) -> Option<(String, BTreeSet<String>)> {
        let scopes = self.refresh.get(token)?.clone();
        if !self.app.rotates {
            return Some((token.to_owned(), scopes));
        }
        self.refresh.remove(token);
        Some((self.allow(scopes.clone()), scopes))
    }

    /// An access token, of an account or of the application itself.
    pub(crate) fn give(&mut self, scopes: BTreeSet<String>, of_app: bool, now: Millis) -> String {
        let token = self.secret("CJSP5qf1KhICAQEYs");
        self.access.retain(|_, granted| now < granted.until + LIFETIME);
        self.access.insert(token.clone(), Granted { scopes, until: now + LIFETIME, of_app });
        token
    }

    /// An access token that was given, run out or not.
    pub(crate) fn granted(&self, token: &str) -> Option<&Granted> {
        self.access.get(token)
    }

    /// The scopes of a refresh token.
    pub(crate) fn refresh_scopes(&self, token: &str) -> Option<&BTreeSet<String>> {
        self.refresh.get(token)
    }

    /// Takes a token back. Access tokens go on until they run out, as with the live CRM.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let is_refresh = self.refresh.remove(token).is_some();
        self.access.remove(token).is_some() || is_refresh
    }

    /// Takes every authorization back, as when the application is removed from the account.
    pub(crate) fn remove_app(&mut self) {
        self.refresh.clear();
        self.access.retain(|_, granted| granted.of_app);
    }

    /// A text that nobody guesses by accident, and the same in every run.
    fn secret(&mut self, prefix: &str) -> String {
        self.made += 1;
        let mixed = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{prefix}-{mixed:016x}-{:08x}", self.made)
    }
}
