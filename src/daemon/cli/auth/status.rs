//! `dealclock auth --status`: what is kept of an authorization, and never the token itself.

use dealclock_connector::oauth::{GrantKind, Tokens};
use dealclock_model::Instant;
use serde::Serialize;

use super::Desk;
use crate::cli::{Exit, Failure};

/// How a connection's login stands.
#[derive(Debug, PartialEq, Serialize)]
struct Standing<'a> {
    connection: &'a str,
    grant: &'static str,
    login: &'a str,
    state: State,
    /// Why a new authorization is needed.
    reason: Option<&'a str>,
    account: Option<&'a str>,
    identity: Option<&'a str>,
    scopes: &'a [String],
    obtained_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// Whether the CRM says that the token lets calls in, where it can be asked.
    active: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// A person has allowed access.
    Connected,
    /// Nobody has allowed access yet.
    NotConnected,
    /// The authorization has ended.
    NeedsReauthorization,
    /// Nothing is kept: a token is fetched when one is needed.
    FetchedWhenNeeded,
}

/// Shows how the login stands.
pub(super) async fn show(desk: &Desk<'_>) -> Result<Exit, Failure> {
    let tokens = desk.kept().await?;
    let active = match &tokens {
        Some(tokens) if tokens.refused.is_none() => match desk.source.introspect().await {
            Ok(said) => said.map(|said| said.active),
            Err(error) => {
                desk.output.note(format_args!("warning: the CRM did not say whether the token is active: {error}"));
                None
            }
        },
        Some(_) | None => None,
    };
    let login = desk.source.login();
    let state = state(login.kind(), tokens.as_ref());
    let standing = Standing {
        connection: desk.connection.id.as_str(),
        grant: login.kind().as_str(),
        login: login.host(),
        state,
        reason: tokens.as_ref().and_then(|tokens| tokens.refused.as_ref()).map(|refused| &refused.reason[..]),
        account: tokens.as_ref().and_then(|tokens| tokens.account_id.as_deref()),
        identity: tokens.as_ref().and_then(|tokens| tokens.identity.as_deref()),
        scopes: tokens.as_ref().map_or(&[], |tokens| &tokens.scopes),
        obtained_at: tokens.as_ref().map(|tokens| tokens.obtained_at),
        expires_at: tokens.as_ref().and_then(|tokens| tokens.expires_at),
        active,
    };
    desk.output.text(lines(&standing));
    desk.output.document(&standing);
    Ok(match state {
        State::Connected | State::FetchedWhenNeeded => Exit::Ok,
        State::NotConnected | State::NeedsReauthorization => Exit::Found,
    })
}

fn state(grant: GrantKind, tokens: Option<&Tokens>) -> State {
    match (grant, tokens) {
        (GrantKind::ClientCredentials | GrantKind::JwtBearer, _) => State::FetchedWhenNeeded,
        (GrantKind::AuthorizationCode, None) => State::NotConnected,
        (GrantKind::AuthorizationCode, Some(tokens)) if tokens.refused.is_some() => State::NeedsReauthorization,
        (GrantKind::AuthorizationCode, Some(_)) => State::Connected,
    }
}

fn lines(standing: &Standing<'_>) -> String {
    let Standing { connection, grant, login, reason, account, identity, scopes, .. } = standing;
    let mut text = format!("{connection} logs in at {login} by {grant}: ");
    text.push_str(match standing.state {
        State::Connected => "connected",
        State::NotConnected => "nobody has allowed access yet",
        State::NeedsReauthorization => "needs a new authorization",
        State::FetchedWhenNeeded => "nothing is kept, a token is fetched when one is needed",
    });
    let moment = |at: Option<Instant>| at.map(|at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string());
    let joined = scopes.join(" ");
    let rows = [
        ("why", reason.map(str::to_owned)),
        ("account", account.map(str::to_owned)),
        ("as", identity.map(str::to_owned)),
        ("scopes", Some(joined).filter(|joined| !joined.is_empty())),
        ("obtained", moment(standing.obtained_at)),
        ("expires", moment(standing.expires_at)),
        ("active", standing.active.map(|active| if active { "yes".to_owned() } else { "no".to_owned() })),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            text.push_str(&format!("\n  {name:<9} {value}"));
        }
    }
    if standing.state == State::NotConnected {
        text.push_str(&format!("\n  help: run `dealclock auth {connection}`"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_say_what_is_known_and_nothing_else() {
        let scopes = ["api".to_owned(), "refresh_token".to_owned()];
        let standing = Standing {
            connection: "acme",
            grant: "authorization_code",
            login: "login.crm.example",
            state: State::NeedsReauthorization,
            reason: Some("revoked"),
            account: Some("00D1"),
            identity: None,
            scopes: &scopes,
            obtained_at: "2026-03-02T09:00:00Z".parse().ok(),
            expires_at: None,
            active: None,
        };
        let expected = "acme logs in at login.crm.example by authorization_code: needs a new authorization
  why       revoked
  account   00D1
  scopes    api refresh_token
  obtained  2026-03-02 09:00:00 UTC";
        assert_eq!(lines(&standing), expected);
    }
}
