//! `GET` and `POST /oauth/userinfo` (OpenID Connect Core §5.3)

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::person_claims::PersonClaims;
use crate::domain::{access_tokens, tenants};
use crate::http::asked::Slug;
use crate::http::bearer::{AccessToken, BearerError, BearerErrorBody};
use crate::http::json::no_store;
use crate::http::oauth_endpoint_error::OAuthErrorBody;
use crate::model::scope::OPENID;

/// Userinfo request (RFC 6750 §2.2).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserInfoRequest {
    /// Access token; not allowed with an `Authorization` header.
    pub access_token: Option<String>,
}

/// User claims that the scopes of the token allow.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserInfoResponse {
    /// User ID, as in the ID token.
    pub sub: String,
    /// Display name, with scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Ada Lovelace")]
    pub name: Option<String>,
    /// Username, with scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada")]
    pub preferred_username: Option<String>,
    /// Email address, with scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada@example.org")]
    pub email: Option<String>,
    /// Whether the email address is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

/// Get user claims
#[utoipa::path(
    get,
    path = "/oauth/userinfo",
    operation_id = "v1_oauth_userinfo_show",
    tag = "OAuth Tokens",
    security(("access_token" = ["openid"])),
    responses(
        (status = 200, description = "The user claims", body = UserInfoResponse),
        (status = 400, description = "`invalid_request`; see `WWW-Authenticate`", body = BearerErrorBody),
        (status = 401, description = "Missing or invalid token; see `WWW-Authenticate`", body = BearerErrorBody),
        (status = 403, description = "`insufficient_scope`: the token lacks `openid`", body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    slug: Slug,
    token: Result<AccessToken, BearerError>,
) -> Result<Response, BearerError> {
    answer(&app, &slug, token).await
}

/// Get user claims (token in header or form)
#[utoipa::path(
    post,
    path = "/oauth/userinfo",
    operation_id = "v1_oauth_userinfo_show_to_form",
    tag = "OAuth Tokens",
    security((), ("access_token" = ["openid"])),
    request_body(content = Option<UserInfoRequest>, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The user claims", body = UserInfoResponse),
        (status = 400, description = "`invalid_request`; see `WWW-Authenticate`", body = BearerErrorBody),
        (status = 401, description = "Missing or invalid token; see `WWW-Authenticate`", body = BearerErrorBody),
        (status = 403, description = "`insufficient_scope`: the token lacks `openid`", body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn show_to_form(
    State(app): State<Arc<App>>,
    slug: Slug,
    token: Result<AccessToken, BearerError>,
) -> Result<Response, BearerError> {
    answer(&app, &slug, token).await
}

async fn answer(
    app: &App,
    slug: &Slug,
    token: Result<AccessToken, BearerError>,
) -> Result<Response, BearerError> {
    let tenant = tenants::find(app, &slug.0).await?;
    let (token, user) = access_tokens::accept_of_person(app, &tenant, &token?.0, &[OPENID]).await?;
    let person = PersonClaims::of(&user, &token.claims.scopes());
    Ok(no_store(UserInfoResponse {
        sub: user.id.to_string(),
        name: person.name.map(ToOwned::to_owned),
        preferred_username: person.preferred_username.map(ToOwned::to_owned),
        email: person.email.map(ToOwned::to_owned),
        email_verified: person.email_verified,
    }))
}
