//! Why a client was refused, for whoever runs the server; never with what it presented as proof.

use super::PresentedCredentials;
use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::model::client::{AuthMethod, Client};
use crate::model::jws::UnverifiedJws;
use crate::model::tenant::Tenant;
use crate::noted;

/// Writes one line about a client that was refused. Nothing is written when the server itself failed.
pub(super) async fn log(app: &App, tenant: &Tenant, presented: &PresentedCredentials, error: &OAuthError) {
    let is_refusal = !matches!(error.code, ErrorCode::TemporarilyUnavailable | ErrorCode::ServerError);
    if !is_refusal || !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let claimed = claimed_id(presented);
    let client = match &claimed {
        Some(id) => app.cached.client(&app.db, tenant.id, id).await.ok().flatten(),
        None => None,
    };
    let method = presented_method(presented);
    tracing::info!(
        tenant = tenant.slug.as_str(),
        client_id = claimed,
        presented = method,
        registered = client.as_ref().map(|client| client.auth_method.as_str()),
        reason = reason(client.as_deref(), method, error),
        request_id = noted::request_id().map(|id| id.to_string()),
        "client refused"
    );
}

/// Returns what failed, as exactly as the client itself must not know.
fn reason(client: Option<&Client>, presented: &str, error: &OAuthError) -> &'static str {
    match (client, error.code) {
        (None, ErrorCode::InvalidClient) => "client unknown",
        (Some(client), ErrorCode::InvalidClient) if !client.enabled => "client disabled",
        (Some(client), ErrorCode::InvalidClient) if client.auth_method.as_str() == presented => {
            if takes_secret(presented) {
                "secret does not match"
            } else {
                error.description
            }
        }
        // A secret counts in either place, unless a policy insists on the registered one.
        (Some(client), ErrorCode::InvalidClient)
            if takes_secret(client.auth_method.as_str()) && takes_secret(presented) =>
        {
            "secret does not match, or the policy insists on the registered method"
        }
        (Some(_), ErrorCode::InvalidClient) => "method differs from the registered one",
        _ => error.description,
    }
}

fn takes_secret(method: &str) -> bool {
    [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost].iter().any(|one| one.as_str() == method)
}

/// The client that the request says it is from.
fn claimed_id(presented: &PresentedCredentials) -> Option<String> {
    let of_assertion = || {
        let jws = UnverifiedJws::parse(presented.assertion.as_deref()?).ok()?;
        Some(jws.unverified_claim("sub")?.as_str()?.to_owned())
    };
    let basic = presented.basic.as_ref().map(|(id, _)| id.clone());
    let id = basic.or_else(|| presented.client_id.clone()).or_else(of_assertion)?;
    (!id.contains('\0')).then(|| id.chars().take(noted::MAX_CLIENT_ID_CHARS).collect())
}

/// The method by which it authenticates, by its registered name.
fn presented_method(presented: &PresentedCredentials) -> &'static str {
    let PresentedCredentials {
        basic,
        client_id: _,
        client_secret,
        assertion_type,
        assertion,
        device_code: _,
    } = presented;
    // Nothing behind the colon is how some public clients send their client_id.
    let basic = basic.as_ref().is_some_and(|(_, secret)| !secret.is_empty());
    match (basic, client_secret.is_some(), assertion.is_some() || assertion_type.is_some()) {
        (false, false, false) => AuthMethod::None.as_str(),
        (true, false, false) => AuthMethod::ClientSecretBasic.as_str(),
        (false, true, false) => AuthMethod::ClientSecretPost.as_str(),
        (false, false, true) => AuthMethod::PrivateKeyJwt.as_str(),
        _ => "several",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::ClientId;
    use crate::model::tenant::DEFAULT_TENANT;

    #[test]
    fn the_reason_is_more_exact_than_what_the_client_is_told() {
        let client = |auth_method, enabled| Client {
            auth_method,
            enabled,
            ..Client::public(DEFAULT_TENANT, ClientId::parse("tv").unwrap())
        };
        let refused = OAuthError::new(ErrorCode::InvalidClient, "Client authentication failed.");
        let (basic, none) = (AuthMethod::ClientSecretBasic, AuthMethod::None);
        for (client, presented, expected) in [
            (None, none, "client unknown"),
            (Some(client(none, false)), none, "client disabled"),
            (Some(client(basic, true)), none, "method differs from the registered one"),
            (Some(client(none, true)), basic, "method differs from the registered one"),
            (Some(client(basic, true)), basic, "secret does not match"),
            (
                Some(client(basic, true)),
                AuthMethod::ClientSecretPost,
                "secret does not match, or the policy insists on the registered method",
            ),
        ] {
            assert_eq!(reason(client.as_ref(), presented.as_str(), &refused), expected);
        }
        let twice = OAuthError::invalid_request("Use only one client authentication method per request.");
        assert_eq!(reason(None, "several", &twice), twice.description);
    }
}
