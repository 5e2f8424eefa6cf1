//! Sessions: which tokens are let in, as whom, and until when.

use std::collections::HashMap;
use std::time::Duration;

use super::id::Id;
use super::to_millis;
use crate::portal::instant::Millis;

/// What a token stands for.
#[derive(Clone, Debug)]
struct Session {
    user: Id,
    last_used: Millis,
    /// Whether it stays however long nobody uses it.
    lasting: bool,
    /// The authorization that it came from; revoking that ends it.
    grant: Option<u64>,
}

/// A code that can be exchanged once.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) user: Id,
    pub(crate) redirect_url: String,
    pub(crate) challenge: Option<String>,
    pub(crate) until: Millis,
}

/// A refresh token, as it is or as it was before it was exchanged.
#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) user: Id,
    /// All tokens that came from one authorization have its number.
    pub(crate) grant: u64,
    /// Whether another has taken its place.
    pub(crate) spent: bool,
}

/// All tokens of an org.
#[derive(Debug)]
pub(crate) struct Sessions {
    lifetime: Millis,
    sessions: HashMap<String, Session>,
    codes: HashMap<String, Code>,
    refreshes: HashMap<String, Refresh>,
    last_grant: u64,
}

impl Sessions {
    pub(crate) fn new(lifetime: Duration) -> Sessions {
        Sessions {
            lifetime: to_millis(lifetime),
            sessions: HashMap::new(),
            codes: HashMap::new(),
            refreshes: HashMap::new(),
            last_grant: 0,
        }
    }

    /// Lets a token in that stays.
    pub(crate) fn admit(&mut self, token: &str, user: Id) {
        self.sessions.insert(token.to_owned(), Session { user, last_used: 0, lasting: true, grant: None });
    }

    /// Begins a session that ends when nobody uses it for its lifetime.
    pub(crate) fn begin(&mut self, token: &str, user: Id, grant: Option<u64>, now: Millis) {
        self.sessions.insert(token.to_owned(), Session { user, last_used: now, lasting: false, grant });
    }

    /// Who calls with a token; every call keeps the session alive.
    pub(crate) fn user(&mut self, token: &str, now: Millis) -> Option<Id> {
        let session = self.sessions.get_mut(token)?;
        if !session.lasting && now - session.last_used >= self.lifetime {
            self.sessions.remove(token);
            return None;
        }
        session.last_used = session.last_used.max(now);
        Some(session.user)
    }

    /// Until when a token is let in if nobody uses it; asking does not keep the session alive.
    pub(crate) fn ends(&self, token: &str) -> Option<(Id, Millis)> {
        let session = self.sessions.get(token)?;
        Some((session.user, session.last_used.saturating_add(self.lifetime)))
    }

    /// Ends every session, also of the tokens that stay.
    pub(crate) fn end_all(&mut self) {
        self.sessions.clear();
    }

    pub(crate) fn keep_code(&mut self, text: String, code: Code) {
        self.codes.insert(text, code);
    }

    /// Takes a code, which thereby is used up.
    pub(crate) fn take_code(&mut self, text: &str) -> Option<Code> {
        self.codes.remove(text)
    }

    pub(crate) fn next_grant(&mut self) -> u64 {
        self.last_grant += 1;
        self.last_grant
    }

    pub(crate) fn keep_refresh(&mut self, token: String, user: Id, grant: u64) {
        self.refreshes.insert(token, Refresh { user, grant, spent: false });
    }

    pub(crate) fn refresh(&mut self, token: &str) -> Option<&mut Refresh> {
        self.refreshes.get_mut(token)
    }

    /// Ends everything that came from one authorization.
    pub(crate) fn revoke_grant(&mut self, grant: u64) {
        self.refreshes.retain(|_, refresh| refresh.grant != grant);
        self.sessions.retain(|_, session| session.grant != Some(grant));
    }

    /// Revokes a token of either kind; says whether there was one.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(grant) = self.refreshes.get(token).map(|refresh| refresh.grant) {
            self.revoke_grant(grant);
            return true;
        }
        self.sessions.remove(token).is_some()
    }

    /// Revokes every authorization that a person gave.
    pub(crate) fn revoke_all(&mut self) {
        self.refreshes.clear();
        self.sessions.clear();
        self.codes.clear();
    }
}
