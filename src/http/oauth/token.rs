//! `POST /oauth/token` (RFC 6749 §3.2, RFC 8628 §3.4)

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::authenticate_client::{PresentedCredentials, authenticate};
use crate::domain::client_credentials::{self, ClientCredentialsRequest};
use crate::domain::device_flow::poll::{self, PollRequest};
use crate::domain::device_flow::wait::{self, Polled, Waiting};
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::refresh::{self, RefreshRequest};
use crate::domain::tokens::IssuedTokens;
use crate::domain::{dpop, tenants};
use crate::http::asked::Slug;
use crate::http::delivered::delivered;
use crate::http::dpop::Dpop;
use crate::http::json::no_store;
use crate::http::later::later;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::origin::Origin;
use crate::http::parameters::BodyParameters;
use crate::http::prefer::Prefer;
use crate::http::unrouted::took_too_long;
use crate::http::within::within;
use crate::model::client::GrantType;

/// A token request.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceTokenRequest {
    /// `urn:ietf:params:oauth:grant-type:device_code`, `refresh_token` or `client_credentials`.
    #[schema(example = "urn:ietf:params:oauth:grant-type:device_code")]
    pub grant_type: String,
    /// Client ID; optional with HTTP Basic.
    #[schema(example = "tv")]
    pub client_id: Option<String>,
    /// Client secret (`client_secret_post`).
    pub client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`; required with `client_assertion` (RFC 7523
    /// §2.2).
    pub client_assertion_type: Option<String>,
    /// JWT signed by the client (RFC 7523).
    pub client_assertion: Option<String>,
    /// Device code, for the device code grant.
    pub device_code: Option<String>,
    /// Confirmation code from the approval page, for the device code grant; sent again with every poll until
    /// the response mentions it.
    #[schema(example = "KXT")]
    pub confirmation_code: Option<String>,
    /// Refresh token, for the refresh token grant.
    pub refresh_token: Option<String>,
    /// Subset of the granted scopes, separated by spaces.
    pub scope: Option<String>,
    /// Resource that the tokens are for (RFC 8707); can be repeated.
    pub resource: Option<Vec<String>>,
}

/// Token response (RFC 6749 §5.1).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    /// Access token (JWT, RFC 9068).
    pub access_token: String,
    /// `Bearer` or `DPoP`.
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Lifetime of the access token, in seconds.
    #[schema(example = 600)]
    pub expires_in: i64,
    /// Scopes of the token.
    #[schema(example = "offline_access openid profile")]
    pub scope: String,
    /// Refresh token; only if `offline_access` was granted. Can be used once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// ID token; only if `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

/// Get tokens
///
/// Grant types: device code, refresh token and client credentials.
#[utoipa::path(
    post,
    path = "/oauth/token",
    operation_id = "v1_oauth_token_create",
    tag = "OAuth Device Flow",
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=N`: hold a pending poll for up to N seconds, at most 60, until a decision (RFC 7240 §4.3)", example = "wait=30"),
        ("DPoP" = Option<String>, Header, description = "DPoP proof with the key of the tokens; a new one for each request (RFC 9449 §4)"),
    ),
    request_body(
        content(
            (DeviceTokenRequest = "application/x-www-form-urlencoded"),
            (DeviceTokenRequest = "application/json"),
            (DeviceTokenRequest = "multipart/form-data")
        )
    ),
    responses(
        (status = 200, description = "The tokens", body = TokenResponse),
        (status = 400, description = "`authorization_pending` (with \
            `confirmation_attempts_left` after a wrong `confirmation_code`), `slow_down`, `access_denied`, `expired_token`, \
            `invalid_client`, `invalid_grant`, `invalid_request`, `invalid_scope`, `invalid_target`, `unauthorized_client`, \
            `unsupported_grant_type`, `invalid_dpop_proof`, `use_dpop_nonce` (see `DPoP-Nonce`)", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`, if the client used the `Authorization` header",
            body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Unsupported media type", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    slug: Slug,
    Origin(origin): Origin,
    prefer: Prefer,
    Dpop(presented): Dpop,
    mut parameters: BodyParameters,
) -> Result<Response, OAuthEndpointError> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let grant = required(parameters.take("grant_type")?, "grant_type is required.")?;
    let is_poll = GrantType::parse(&grant) == Some(GrantType::DeviceCode);
    let device_code = parameters.hash_of("device_code").filter(|_| is_poll);
    let credentials = PresentedCredentials { device_code, ..parameters.take_credentials()? };
    let client = authenticate(&app, &tenant, credentials).await?;
    let proof = dpop::prove_for_tokens(&app, &tenant, &client, presented.as_ref()).await?;
    let (scope, resources) = (parameters.take("scope")?, parameters.take_resources()?);
    let tokens = match GrantType::parse(&grant) {
        Some(GrantType::DeviceCode) => {
            let device_code = required(parameters.take("device_code")?, "device_code is required.")?;
            let confirmation_code = parameters.take("confirmation_code")?;
            let request = PollRequest { device_code, confirmation_code, scope, resources, proof };
            let Some(patience) = prefer.wait else {
                return Ok(answer(poll::poll(&app, &tenant, &client, &request, &origin).await?));
            };
            return Ok(match wait::poll(&app, &tenant, client, request, patience, origin).await {
                Polled::Answered(outcome, preference) => prefer.confirm(preference, waited(outcome)),
                Polled::Waits(waiting) => later(answer_later(app, prefer, waiting)),
            });
        }
        Some(GrantType::RefreshToken) => {
            let refresh_token =
                required(parameters.take_secret("refresh_token")?, "refresh_token is required.")?;
            let request = RefreshRequest { refresh_token, scope, resources, proof };
            Box::pin(refresh::refresh(&app, &tenant, &client, &request, &origin)).await?
        }
        Some(GrantType::ClientCredentials) => {
            let request = ClientCredentialsRequest { scope, resources, proof };
            Box::pin(client_credentials::issue(&app, &tenant, &client, &request, &origin)).await?
        }
        None => {
            let description = "The grant type is not supported.";
            return Err(OAuthError::new(ErrorCode::UnsupportedGrantType, description).into());
        }
    };
    Ok(answer(tokens))
}

/// The answer to a poll that waits.
async fn answer_later(app: Arc<App>, prefer: Prefer, waiting: Box<Waiting>) -> Response {
    let ended = waiting.ended().await;
    let patience = Duration::from_secs(app.config.server.request_timeout_seconds);
    // Boxed, for it is much larger than what waits.
    match within(patience, Box::pin(waiting.answer(ended))).await {
        Some((outcome, preference)) => prefer.confirm(preference, waited(outcome)),
        None => took_too_long("/oauth/token"),
    }
}

fn waited(outcome: Result<IssuedTokens, OAuthError>) -> Response {
    outcome.map(answer).map_err(OAuthEndpointError::from).into_response()
}

fn answer(mut tokens: IssuedTokens) -> Response {
    let delivery = tokens.delivery.take();
    delivered(no_store(TokenResponse::from(tokens)), delivery)
}

pub(super) fn required<T>(value: Option<T>, refusal: &'static str) -> Result<T, OAuthError> {
    value.ok_or(OAuthError::invalid_request(refusal))
}

impl From<IssuedTokens> for TokenResponse {
    fn from(tokens: IssuedTokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: tokens.token_type.as_str().to_owned(),
            expires_in: tokens.expires_in,
            scope: tokens.scopes.to_string(),
            refresh_token: tokens.refresh_token.map(|token| token.expose().to_owned()),
            id_token: tokens.id_token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function with three arguments returns, in bytes.
    fn size<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_poll_that_waits_takes_little_memory() {
        assert!(size(answer_later) <= 1_536, "{}", size(answer_later));
    }
}
