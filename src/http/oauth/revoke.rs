//! `POST /oauth/revoke` (RFC 7009)

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::required;
use super::{OAuthErrorBody, OAuthRefusal};
use crate::app::App;
use crate::domain::authenticate_client::authenticate;
use crate::domain::{revoke, tenants};
use crate::http::Slug;
use crate::http::origin::Origin;
use crate::http::parameters::Parameters;

/// What a client sends (RFC 7009 §2.1).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RevocationRequest {
    /// The token: an access token or a refresh token.
    pub token: String,
    /// What the client takes it for; the server finds out by itself.
    #[schema(example = "refresh_token")]
    pub token_type_hint: Option<String>,
    /// The client; not needed when HTTP Basic names it.
    #[schema(example = "tv")]
    pub client_id: Option<String>,
    /// The secret of a client that authenticates in the body.
    pub client_secret: Option<String>,
}

/// A client gives a token back. Whichever token of a device it is, all tokens of that device are dead when the answer
/// is sent.
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
        (status = 200, description = "The token is dead: by this request, or it was no living token of this client \
            before"),
        (status = 400, description = "`invalid_request`, `invalid_client`; `unsupported_token_type` for an ID token",
            body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`, for a client that used the `Authorization` header",
            body = OAuthErrorBody),
        (status = 404, description = "There is no such tenant", body = OAuthErrorBody),
        (status = 413, description = "The body is too large", body = OAuthErrorBody),
        (status = 415, description = "The body has another media type", body = OAuthErrorBody),
        (status = 503, description = "The database is away, and nothing was revoked; see `Retry-After`",
            body = OAuthErrorBody),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    slug: Slug,
    Origin(origin): Origin,
    mut parameters: Parameters,
) -> Result<Response, OAuthRefusal> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let client = authenticate(&app, &tenant, parameters.take_credentials()).await?;
    let token = required(parameters.take_secret("token"), "token is required.")?;
    revoke::revoke(&app, &tenant, &client, &token, &origin).await?;
    Ok([(header::CACHE_CONTROL, "no-store")].into_response())
}
