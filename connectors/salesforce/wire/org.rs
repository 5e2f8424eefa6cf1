//! Who we are there, and which versions the org speaks.

use serde::Deserialize;

/// A version of the API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Version {
    /// Such as `65.0`.
    pub version: String,
}

/// The user whose token we bear.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    /// The user's id.
    pub user_id: String,
    /// The org's id.
    pub organization_id: String,
}
