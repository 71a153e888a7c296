//! `POST /oauth/revoke` (RFC 7009)

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::required;
use crate::app::App;
use crate::domain::authenticate_client::authenticate;
use crate::domain::{revoke, tenants};
use crate::http::asked::Slug;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::origin::Origin;
use crate::http::parameters::BodyParameters;

/// Revocation request (RFC 7009 §2.1).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RevocationRequest {
    /// Access token or refresh token.
    pub token: String,
    /// Type of the token; optional, the server detects it.
    #[schema(example = "refresh_token")]
    pub token_type_hint: Option<String>,
    /// Client ID; optional with HTTP Basic.
    #[schema(example = "tv")]
    pub client_id: Option<String>,
    /// Client secret (`client_secret_post`).
    pub client_secret: Option<String>,
}

/// Revoke a token
///
/// Revokes all tokens of the device, whichever of them is sent.
#[utoipa::path(
    post,
    path = "/oauth/revoke",
    operation_id = "v1_oauth_revoke_create",
    tag = "OAuth Tokens",
    security((), ("client" = [])),
    request_body(
        content(
            (RevocationRequest = "application/x-www-form-urlencoded"),
            (RevocationRequest = "application/json"),
            (RevocationRequest = "multipart/form-data")
        )
    ),
    responses(
        (status = 200, description = "Token revoked, or already invalid"),
        (status = 400, description = "`invalid_request`, `invalid_client`; `unsupported_token_type` for an ID token",
            body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`, if the client used the `Authorization` header",
            body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Unsupported media type", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable, nothing was revoked; see `Retry-After`",
            body = OAuthErrorBody),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    slug: Slug,
    Origin(origin): Origin,
    mut parameters: BodyParameters,
) -> Result<Response, OAuthEndpointError> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let client = authenticate(&app, &tenant, parameters.take_credentials()?).await?;
    let token = required(parameters.take_secret("token")?, "token is required.")?;
    // The token itself says what it is (RFC 7009 §2.1); a hint must be text all the same.
    parameters.take("token_type_hint")?;
    revoke::revoke(&app, &tenant, &client, &token, &origin).await?;
    Ok([(header::CACHE_CONTROL, "no-store")].into_response())
}
