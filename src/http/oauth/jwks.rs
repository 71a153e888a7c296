//! `GET /oauth/jwks` (RFC 7517 §5)

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::{signing_keys, tenants};
use crate::http::asked::Slug;
use crate::http::conditional;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};

/// Public signing keys of the tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct JwkSet {
    /// Keys, each with `kid`, `alg` and `use`.
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<Value>,
}

/// Get public signing keys
#[utoipa::path(
    get,
    path = "/oauth/jwks",
    operation_id = "v1_oauth_jwks_show",
    tag = "Discovery",
    responses(
        (status = 200, description = "The keys", body = JwkSet, content_type = "application/jwk-set+json"),
        (status = 304, description = "Unchanged since the entity tag in `If-None-Match`"),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    slug: Slug,
    headers: HeaderMap,
) -> Result<Response, OAuthEndpointError> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let published = signing_keys::published(&app, tenant.id).await?;
    let set = JwkSet { keys: published.iter().map(|key| key.jwk.clone()).collect() };
    Ok(conditional::answer(&headers, "application/jwk-set+json", json!(set).to_string()))
}
