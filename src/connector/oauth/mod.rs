//! Access by OAuth 2.0: the dialects of the CRMs, the grants, and tokens that renew themselves.
//!
//! The `oauth2` crate writes the requests and reads the answers; they leave through the connection's own [`Transport`],
//! so that the list of hosts, the bounds and the simulation hold for logins as well. A [`TokenSource`] is what calls
//! ask for access; a [`Vault`] keeps what must outlive the process.
//!
//! [`Transport`]: crate::Transport

mod answer;
mod assertion;
mod code;
pub mod dialect;
mod login;
mod pace;
mod refusal;
mod source;
mod tokens;

pub use code::{Begun, Introspected, Verifier};
pub use dialect::{Advice, Dialect, GrantKind, Identity};
pub use login::{Grant, Login, LoginSettings};
pub use source::{Revoked, TokenSource};
pub use tokens::{NoVault, Refused, Tokens, Vault, VaultError};

#[cfg(test)]
mod tests;
