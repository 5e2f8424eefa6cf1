//! How Salesforce speaks OAuth 2.0.

use dealclock_connector::oauth::{Advice, Dialect, GrantKind, Identity};

/// Salesforce's dialect.
///
/// Client credentials and JWT come first: they hold no token that a lost answer could cost. See
/// [OAuth authorization flows](https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flows.htm).
pub const DIALECT: Dialect = Dialect {
    authorize_host: "https://login.salesforce.com",
    token_host: "https://login.salesforce.com",
    authorize_path: "/services/oauth2/authorize",
    token_path: "/services/oauth2/token",
    revoke_path: Some("/services/oauth2/revoke"),
    // It calls a token dead that works when another client asks.
    introspect_path: None,
    grants: &[GrantKind::ClientCredentials, GrantKind::JwtBearer, GrantKind::AuthorizationCode],
    scopes: &["api", "refresh_token"],
    app_scopes: &[],
    challenge: true,
    audiences: &[
        ("test.salesforce.com", "https://test.salesforce.com"),
        (".sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("salesforce.com", "https://login.salesforce.com"),
    ],
    home: Some("instance_url"),
    identity: Identity::Address("id"),
    // A session ends when it was idle for as long as the org says, which the answer does not tell.
    lifetime: None,
    permanent: &["invalid_client_id", "invalid_app_access", "inactive_user", "inactive_org"],
    advice: &[
        Advice {
            error: "invalid_grant",
            says: "request not supported on this domain",
            way_out: "set `login_url` to the org's own My Domain; client credentials are not taken elsewhere",
        },
        Advice {
            error: "invalid_grant",
            says: "user hasn't approved this consumer",
            way_out: "let an administrator approve the app for the integration user by a permission set",
        },
        Advice {
            error: "invalid_grant",
            says: "audience is invalid",
            way_out: "set `login_url` to https://login.salesforce.com, or https://test.salesforce.com for a sandbox",
        },
        Advice {
            error: "invalid_grant",
            says: "no client credentials user enabled",
            way_out: "tick `Enable Client Credentials Flow` on the app and name the user it runs as",
        },
        Advice {
            error: "invalid_grant",
            says: "expired access/refresh token",
            way_out: "allow the app again: `dealclock auth NAME`",
        },
        Advice {
            error: "invalid_grant",
            says: "authentication failure",
            way_out: "reactivate the integration user, or allow the app again as another one",
        },
        Advice {
            error: "invalid_app_access",
            says: "",
            way_out: "let an administrator approve the app for the integration user by a permission set",
        },
        Advice { error: "inactive_user", says: "", way_out: "reactivate the integration user" },
    ],
};
