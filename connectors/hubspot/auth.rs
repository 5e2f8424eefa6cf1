//! How HubSpot speaks OAuth 2.0.

use dealclock_connector::oauth::{Advice, Dialect, GrantKind, Identity};

/// HubSpot's dialect; see [OAuth tokens](https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens).
pub const DIALECT: Dialect = Dialect {
    authorize_host: "https://app.hubspot.com",
    token_host: "https://api.hubapi.com",
    authorize_path: "/oauth/authorize",
    // The same version as in `api::VERSION`, which a constant cannot be put together from.
    token_path: "/oauth/2026-09/token",
    revoke_path: Some("/oauth/2026-09/token/revoke"),
    introspect_path: Some("/oauth/2026-09/token/introspect"),
    grants: &[GrantKind::AuthorizationCode],
    scopes: &[
        "oauth",
        "crm.objects.deals.read",
        "crm.objects.deals.write",
        "crm.objects.owners.read",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.users.read",
        "crm.schemas.deals.read",
        "crm.schemas.deals.write",
    ],
    app_scopes: &[
        "developer.webhooks_journal.read",
        "developer.webhooks_journal.subscriptions.read",
        "developer.webhooks_journal.subscriptions.write",
        "crm.objects.deals.read",
    ],
    challenge: true,
    audiences: &[],
    home: None,
    identity: Identity::Fields { account: "hub_id", person: "user_id" },
    lifetime: Some(1_800),
    permanent: &[
        "BAD_REFRESH_TOKEN",
        "BAD_AUTH_CODE",
        "BAD_HUB",
        "BAD_CLIENT_ID",
        "BAD_CLIENT_SECRET",
        "BAD_REDIRECT_URI",
        "BAD_CODE_VERIFIER",
        "BAD_SCOPES",
    ],
    advice: &[
        Advice {
            error: "BAD_REFRESH_TOKEN",
            says: "",
            way_out: "the app was removed from the account or its access withdrawn: allow it again by `dealclock auth NAME`",
        },
        Advice {
            error: "BAD_HUB",
            says: "",
            way_out: "the account is gone or does not have the app any more: install it again by `dealclock auth NAME`",
        },
        Advice {
            error: "BAD_AUTH_CODE",
            says: "",
            way_out: "the code was used already or is too old: run `dealclock auth NAME` again",
        },
        Advice { error: "BAD_CLIENT_ID", says: "", way_out: "check `client_id` against the app's settings in HubSpot" },
        Advice {
            error: "BAD_CLIENT_SECRET",
            says: "",
            way_out: "check `client_secret` against the app's settings in HubSpot; it may have been rotated",
        },
        Advice {
            error: "BAD_REDIRECT_URI",
            says: "",
            way_out: "add the redirect address to `redirectUrls` of the app, exactly as it is shown",
        },
        Advice {
            error: "BAD_SCOPES",
            says: "",
            way_out: "the app's settings must name every scope that is asked for; `scopes` can name fewer",
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::VERSION;

    #[test]
    fn tokens_are_asked_for_in_the_version_that_everything_else_is_asked_in() {
        let paths = [Some(DIALECT.token_path), DIALECT.revoke_path, DIALECT.introspect_path];
        for path in paths.into_iter().flatten() {
            assert!(path.starts_with(&format!("/oauth/{VERSION}/")), "{path}");
        }
    }
}
