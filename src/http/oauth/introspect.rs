//! `POST /oauth/introspect` (RFC 7662)

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::required;
use crate::app::App;
use crate::domain::authenticate_client::authenticate_confidential;
use crate::domain::introspect::{self, ActiveToken, Introspected};
use crate::domain::tenants;
use crate::http::asked::Slug;
use crate::http::json::no_store;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::parameters::BodyParameters;
use crate::model::access_token::{AccessToken, Audience};
use crate::model::tenant::Tenant;
use crate::store::standings::LiveRefreshToken;

/// Introspection request (RFC 7662 §2.1).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IntrospectionRequest {
    /// Token.
    pub token: String,
    /// Type of the token; optional, the server detects it.
    #[schema(example = "access_token")]
    pub token_type_hint: Option<String>,
    /// Client ID of the caller; optional with HTTP Basic.
    #[schema(example = "photos-api")]
    pub client_id: Option<String>,
    /// Client secret of the caller (`client_secret_post`).
    pub client_secret: Option<String>,
}

/// Token state (RFC 7662 §2.2). Inactive tokens have no other member than `active`.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct IntrospectionResponse {
    /// Whether the token is valid for this caller.
    pub active: bool,
    /// Scopes of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "openid profile")]
    pub scope: Option<String>,
    /// Client that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Subject: the ID of a user or client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Audience: one, or a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub aud: Option<serde_json::Value>,
    /// Issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Expiry time, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Time of issue, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Token ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Type of an access token: `Bearer` or `DPoP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// Confirmation key of a DPoP-bound token (RFC 9449 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Cnf>,
    /// Time of the user's authentication, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Authentication methods (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// Authentication context class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Device that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Username; only for first-party callers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// Confirmation key (RFC 7800 §3.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct Cnf {
    /// JWK thumbprint (RFC 7638).
    pub jkt: String,
}

/// Introspect a token
#[utoipa::path(
    post,
    path = "/oauth/introspect",
    operation_id = "v1_oauth_introspect_create",
    tag = "OAuth Tokens",
    security(("client" = [])),
    request_body(
        content(
            (IntrospectionRequest = "application/x-www-form-urlencoded"),
            (IntrospectionRequest = "application/json"),
            (IntrospectionRequest = "multipart/form-data")
        )
    ),
    responses(
        (status = 200, description = "Token state; `{\"active\": false}` for tokens that are unknown, \
            expired, revoked, malformed or not meant for the caller", body = IntrospectionResponse),
        (status = 400, description = "`invalid_request`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`; public clients cannot introspect tokens", body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Unsupported media type", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    slug: Slug,
    mut parameters: BodyParameters,
) -> Result<Response, OAuthEndpointError> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let caller = authenticate_confidential(&app, &tenant, parameters.take_credentials()?).await?;
    let token = required(parameters.take_secret("token")?, "token is required.")?;
    // The token itself says what it is (RFC 7009 §2.1); a hint must be text all the same.
    parameters.take("token_type_hint")?;
    let found = introspect::introspect(&app, &tenant, &caller, &token).await?;
    let said = found.map(|found| IntrospectionResponse::of(found, &app, &tenant));
    Ok(no_store(said.unwrap_or_default()))
}

impl IntrospectionResponse {
    fn of(found: Introspected, app: &App, tenant: &Tenant) -> Self {
        let said = match found.token {
            ActiveToken::Access(token) => Self::from(&token.claims),
            ActiveToken::Refresh(token) => {
                let mut said = Self { iss: Some(tenants::issuer(app, tenant)), ..Self::from(*token) };
                // They stand in rows; the caller compares them with a clock of its own.
                for time in [&mut said.exp, &mut said.iat, &mut said.auth_time].into_iter().flatten() {
                    *time =
                        app.clock.to_own(DateTime::from_timestamp(*time, 0).unwrap_or_default()).timestamp();
                }
                said
            }
        };
        Self { active: true, username: found.username, ..said }
    }
}

impl From<&AccessToken> for IntrospectionResponse {
    fn from(token: &AccessToken) -> Self {
        Self {
            token_type: Some(if token.cnf.is_some() { "DPoP" } else { "Bearer" }),
            scope: Some(token.scope.clone()).filter(|scope| !scope.is_empty()),
            client_id: Some(token.client_id.clone()),
            sub: Some(token.sub.clone()),
            aud: Some(match &token.aud {
                Audience::One(audience) => audience.clone().into(),
                Audience::Several(all) => all.clone().into(),
            }),
            iss: Some(token.iss.clone()),
            exp: Some(token.exp),
            iat: Some(token.iat),
            jti: Some(token.jti.clone()),
            cnf: token.cnf.as_ref().map(|key| Cnf { jkt: key.jkt.clone() }),
            auth_time: token.auth_time,
            amr: token.amr.clone(),
            acr: token.acr.clone(),
            device_id: token.device_id.map(|id| id.to_string()),
            ..Self::default()
        }
    }
}

impl From<LiveRefreshToken> for IntrospectionResponse {
    fn from(token: LiveRefreshToken) -> Self {
        Self {
            scope: Some(token.scopes.to_string()),
            client_id: Some(token.client_id.to_string()),
            sub: Some(token.user_id.to_string()),
            exp: Some(token.expires_at.timestamp()),
            iat: Some(token.created_at.timestamp()),
            cnf: token.key.map(|key| Cnf { jkt: key.to_string() }),
            auth_time: Some(token.authentication.auth_time.timestamp()),
            acr: Some(token.authentication.acr().to_string()),
            amr: Some(token.authentication.amr),
            device_id: Some(token.device_id.to_string()),
            ..Self::default()
        }
    }
}
