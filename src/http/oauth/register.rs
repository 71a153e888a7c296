//! `/oauth/register`: clients that register themselves (RFC 7591) and manage their registration (RFC 7592).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::app::App;
use crate::domain::clients::registration::{self, Registered, RegistrationError};
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::{tenants, tokens};
use crate::http::asked::Slug;
use crate::http::bearer::BearerErrorBody;
use crate::http::challenge::{self, Reason, Scheme};
use crate::http::json::no_store;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::origin::Origin;
use crate::http::parameters::{collect, in_time};
use crate::http::rest::path::Path;
use crate::model::client::{Client, ClientKeys};
use crate::model::strict_json;
use crate::model::tenant::{Tenant, TenantSlug};

/// Register a client
///
/// Requires an initial access token. Disabled by default.
#[utoipa::path(
    post,
    path = "/oauth/register",
    operation_id = "v1_oauth_register_create",
    tag = "OAuth Registration",
    security(("access_token" = [])),
    request_body(content = Object, description = "Client metadata (RFC 7591 §2)",
        example = json!({"client_name": "Lamp", "token_endpoint_auth_method": "none", "scope": "openid"})),
    responses(
        (status = 201, description = "The client information (RFC 7591 §3.2.1)", body = Object),
        (status = 400, description = "`invalid_client_metadata` or `invalid_redirect_uri`", body = OAuthErrorBody),
        (status = 401, description = "Missing or invalid token; see `WWW-Authenticate`", body = BearerErrorBody),
        (status = 404, description = "Registration disabled, or tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Unsupported media type", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Slug(slug): Slug,
    Origin(origin): Origin,
    request: Request<Body>,
) -> Result<Response, RegisterError> {
    let tenant = open(&app, &slug).await?;
    let token = token(request.headers())?;
    let members = members(&app, request).await?;
    let registered = registration::register(&app, &tenant, &token, &members, &origin).await?;
    let location = uri(&app, &tenant, &registered.client);
    let body = information(&app, &tenant, &registered);
    let headers = [(header::CACHE_CONTROL, "no-store".to_owned()), (header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(body)).into_response())
}

/// Get a client registration
#[utoipa::path(
    get,
    path = "/oauth/register/{client_id}",
    operation_id = "v1_oauth_register_show",
    tag = "OAuth Registration",
    security(("access_token" = [])),
    params(("client_id" = String, Path, description = "Client ID")),
    responses(
        (status = 200, description = "The client information (RFC 7592 §3)", body = Object),
        (status = 401, description = "Missing or invalid token: it belongs to another client, or the client was deleted",
            body = BearerErrorBody),
        (status = 404, description = "Registration disabled, or tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    Slug(slug): Slug,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RegisterError> {
    let tenant = open(&app, &slug).await?;
    let registered = registration::find(&app, &tenant, &id, &token(&headers)?).await?;
    Ok(no_store(information(&app, &tenant, &registered)))
}

/// Replace a client registration
///
/// See RFC 7592 §2.2.
#[utoipa::path(
    put,
    path = "/oauth/register/{client_id}",
    operation_id = "v1_oauth_register_replace",
    tag = "OAuth Registration",
    security(("access_token" = [])),
    params(("client_id" = String, Path, description = "Client ID")),
    request_body(content = Object, description = "All client metadata, including `client_id`",
        example = json!({"client_id": "dyn-x", "client_name": "Lamp", "token_endpoint_auth_method": "none"})),
    responses(
        (status = 200, description = "The client information (RFC 7592 §3)", body = Object),
        (status = 400, description = "`invalid_client_metadata` or `invalid_redirect_uri`", body = OAuthErrorBody),
        (status = 401, description = "Missing or invalid token: it belongs to another client, or the client was deleted",
            body = BearerErrorBody),
        (status = 404, description = "Registration disabled, or tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Unsupported media type", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn replace(
    State(app): State<Arc<App>>,
    Slug(slug): Slug,
    Origin(origin): Origin,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, RegisterError> {
    let tenant = open(&app, &slug).await?;
    let registered = registration::find(&app, &tenant, &id, &token(request.headers())?).await?;
    let members = members(&app, request).await?;
    let registered = registration::replace(&app, &tenant, registered, &members, &origin).await?;
    Ok(no_store(information(&app, &tenant, &registered)))
}

/// Delete a client registration
///
/// Deletes its codes, devices and tokens, too.
#[utoipa::path(
    delete,
    path = "/oauth/register/{client_id}",
    operation_id = "v1_oauth_register_delete",
    tag = "OAuth Registration",
    security(("access_token" = [])),
    params(("client_id" = String, Path, description = "Client ID")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "Missing or invalid token: it belongs to another client, or the client was deleted",
            body = BearerErrorBody),
        (status = 404, description = "Registration disabled, or tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Slug(slug): Slug,
    Origin(origin): Origin,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RegisterError> {
    let tenant = open(&app, &slug).await?;
    let registered = registration::find(&app, &tenant, &id, &token(&headers)?).await?;
    registration::unregister(&app, &registered, &origin).await?;
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// The tenant, where registration is on; where it is off there is nothing at this address.
async fn open(app: &App, slug: &TenantSlug) -> Result<Arc<Tenant>, RegisterError> {
    if !app.config.registration.enabled {
        return Err(OAuthError::new(ErrorCode::NotFound, "There is nothing at this URL.").into());
    }
    Ok(tenants::find(app, slug).await?)
}

/// The token, in the `Authorization` header and nowhere else (RFC 7592 §2).
fn token(headers: &HeaderMap) -> Result<Zeroizing<String>, RegisterError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(if headers.contains_key(header::AUTHORIZATION) {
            RegistrationError::Token.into()
        } else {
            RegisterError::NoToken
        });
    };
    let shown = value.to_str().ok().and_then(|value| value.split_once(' '));
    match shown {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Zeroizing::new(token.trim_start().to_owned()))
        }
        Some((scheme, _)) if !scheme.eq_ignore_ascii_case("bearer") => Err(RegisterError::NoToken),
        _ => Err(RegistrationError::Token.into()),
    }
}

async fn members(app: &Arc<App>, request: Request<Body>) -> Result<Map<String, Value>, RegisterError> {
    let (parts, body) = request.into_parts();
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(
            OAuthError::new(ErrorCode::UnsupportedMediaType, "The body must be application/json.").into()
        );
    }
    let body = in_time(app, collect(&parts.headers, body, app.config.server.max_body_bytes)).await?;
    strict_json::object(&body).map_err(|_| {
        OAuthError::new(ErrorCode::InvalidClientMetadata, "The body must be a single JSON object.").into()
    })
}

fn uri(app: &App, tenant: &Tenant, client: &Client) -> String {
    format!("{}/oauth/register/{}", tenants::issuer(app, tenant), client.client_id)
}

/// What is registered, as it is stored (RFC 7591 §3.2.1, RFC 7592 §3).
fn information(app: &App, tenant: &Tenant, registered: &Registered) -> Value {
    let client = &registered.client;
    let grants: Vec<_> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let mut members = client.registration.as_ref().map(|own| own.metadata.clone()).unwrap_or_default();
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("client_id", json!(client.client_id));
    put("client_id_issued_at", json!(registered.issued_at.timestamp()));
    put("client_name", json!(client.name));
    put("token_endpoint_auth_method", json!(client.auth_method.as_str()));
    put("grant_types", json!(grants));
    put("response_types", json!([]));
    put("scope", json!(client.scopes.to_string()));
    put("dpop_bound_access_tokens", json!(client.dpop_bound_access_tokens));
    put("id_token_signed_response_alg", json!(tokens::id_token_algorithm(app, client).as_str()));
    match &client.keys {
        Some(ClientKeys::Registered(set)) => put("jwks", set.document().clone()),
        Some(ClientKeys::Published(uri)) => put("jwks_uri", json!(uri.as_str())),
        None => {}
    }
    if let Some(secret) = &registered.secret {
        put("client_secret", json!(secret.expose()));
        put("client_secret_expires_at", json!(0));
    }
    put("registration_access_token", json!(registered.access_token.expose()));
    put("registration_client_uri", json!(uri(app, tenant, client)));
    Value::Object(members)
}

/// A refused registration as an answer.
#[derive(Debug)]
pub enum RegisterError {
    NoToken,
    Registration(RegistrationError),
}

impl From<RegistrationError> for RegisterError {
    fn from(refused: RegistrationError) -> Self {
        Self::Registration(refused)
    }
}

impl From<OAuthError> for RegisterError {
    fn from(error: OAuthError) -> Self {
        Self::Registration(RegistrationError::Request(error))
    }
}

impl IntoResponse for RegisterError {
    fn into_response(self) -> Response {
        let (challenge, body) = match self {
            // Whoever did not try is only told how to (RFC 6750 §3.1).
            Self::NoToken => (challenge::bearer(None), BearerErrorBody::default()),
            Self::Registration(RegistrationError::Request(error)) => {
                return OAuthEndpointError::from(error).into_response();
            }
            Self::Registration(RegistrationError::Token) => {
                let (error, description) = ("invalid_token", "The token is invalid, expired or used up.");
                let reason = Reason { scheme: Scheme::Bearer, error, description, scope: None };
                let body = BearerErrorBody { error: Some(error), error_description: Some(description) };
                (challenge::bearer(Some(reason)), body)
            }
        };
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], no_store(body)).into_response()
    }
}
