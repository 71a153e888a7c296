//! Discovery (RFC 8414, OpenID Connect Discovery 1.0). Both documents list only what works.
//!
//! There is no authorization endpoint, yet both specifications require `response_types_supported` and RFC 8414
//! forbids empty arrays (§3.2); client libraries that insist on the member want a list, so it names the one
//! response type that promises nothing: `none` (OAuth 2.0 Multiple Response Type Encoding Practices §4).

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::dpop::proof::ALGORITHMS;
use crate::domain::granting::is_by_name_only;
use crate::domain::oauth_error::OAuthError;
use crate::domain::tenants;
use crate::http::asked::Slug;
use crate::http::conditional;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::languages::Language;
use crate::model::acr::Acr;
use crate::model::client::{AuthMethod, GrantType};
use crate::model::signing_key::SigningAlgorithm;

/// Authorization server metadata (RFC 8414 §2, RFC 8628 §4).
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorizationServerMetadata {
    #[schema(example = "https://login.example.org")]
    pub issuer: String,
    pub device_authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub introspection_endpoint: String,
    pub introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    pub revocation_endpoint: String,
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub grant_types_supported: Vec<&'static str>,
    pub response_types_supported: Vec<&'static str>,
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    pub dpop_signing_alg_values_supported: Vec<&'static str>,
    pub token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub scopes_supported: Vec<String>,
    /// Authentication levels, from weakest to strongest (RFC 9470 §7).
    pub acr_values_supported: Vec<&'static str>,
    /// Defined by OpenID Connect; clients that discover by RFC 8414 get ID tokens, too, and would assume
    /// RS256 without it.
    pub id_token_signing_alg_values_supported: Vec<&'static str>,
    pub service_documentation: String,
    pub ui_locales_supported: Vec<&'static str>,
}

/// Authorization server metadata with the members of OpenID Connect Discovery 1.0 §3.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenIdProviderMetadata {
    #[serde(flatten)]
    pub server: AuthorizationServerMetadata,
    pub userinfo_endpoint: String,
    pub subject_types_supported: Vec<&'static str>,
    pub claims_supported: Vec<&'static str>,
}

/// Get authorization server metadata
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "v1_oauth_authorization_server_metadata_show",
    tag = "Discovery",
    responses(
        (status = 200, description = "The metadata", body = AuthorizationServerMetadata),
        (status = 304, description = "Unchanged since the entity tag in `If-None-Match`"),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn authorization_server(
    State(app): State<Arc<App>>,
    slug: Slug,
    headers: HeaderMap,
) -> Result<Response, OAuthEndpointError> {
    Ok(cacheable(&headers, &describe(&app, &slug).await?)?)
}

/// Get OpenID provider metadata
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    operation_id = "v1_openid_configuration_show",
    tag = "Discovery",
    responses(
        (status = 200, description = "The metadata", body = OpenIdProviderMetadata),
        (status = 304, description = "Unchanged since the entity tag in `If-None-Match`"),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn openid_provider(
    State(app): State<Arc<App>>,
    slug: Slug,
    headers: HeaderMap,
) -> Result<Response, OAuthEndpointError> {
    let server = describe(&app, &slug).await?;
    let document = OpenIdProviderMetadata {
        userinfo_endpoint: format!("{}/oauth/userinfo", server.issuer),
        server,
        subject_types_supported: vec!["public"],
        claims_supported: vec![
            "sub",
            "iss",
            "aud",
            "iat",
            "exp",
            "jti",
            "nonce",
            "auth_time",
            "acr",
            "amr",
            "at_hash",
            "name",
            "preferred_username",
            "email",
            "email_verified",
        ],
    };
    Ok(cacheable(&headers, &document)?)
}

async fn describe(app: &App, slug: &Slug) -> Result<AuthorizationServerMetadata, OAuthError> {
    let tenant = tenants::find(app, &slug.0).await?;
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let issuer = tenants::issuer(app, &tenant);
    // A client that asks for all of them must get its code: other scopes are for those that are registered for them.
    let general = &app.config.registration.scopes;
    Ok(AuthorizationServerMetadata {
        device_authorization_endpoint: format!("{issuer}/oauth/device-authorization"),
        token_endpoint: format!("{issuer}/oauth/token"),
        jwks_uri: format!("{issuer}/oauth/jwks"),
        introspection_endpoint: format!("{issuer}/oauth/introspect"),
        // Public clients may not introspect.
        introspection_endpoint_auth_methods_supported: AuthMethod::ALL
            .into_iter()
            .filter(|method| *method != AuthMethod::None)
            .map(AuthMethod::as_str)
            .collect(),
        introspection_endpoint_auth_signing_alg_values_supported: SigningAlgorithm::PRESENTED.to_vec(),
        registration_endpoint: app.config.registration.enabled.then(|| format!("{issuer}/oauth/register")),
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: AuthMethod::ALL.map(AuthMethod::as_str).to_vec(),
        revocation_endpoint_auth_signing_alg_values_supported: SigningAlgorithm::PRESENTED.to_vec(),
        grant_types_supported: GrantType::ALL.map(GrantType::as_str).to_vec(),
        response_types_supported: vec!["none"],
        token_endpoint_auth_methods_supported: AuthMethod::ALL.map(AuthMethod::as_str).to_vec(),
        dpop_signing_alg_values_supported: ALGORITHMS.to_vec(),
        token_endpoint_auth_signing_alg_values_supported: SigningAlgorithm::PRESENTED.to_vec(),
        acr_values_supported: Acr::ALL.map(Acr::as_str).to_vec(),
        scopes_supported: catalogue
            .iter()
            .map(|scope| scope.name.clone())
            .filter(|name| general.contains(name) && !is_by_name_only(name))
            .collect(),
        id_token_signing_alg_values_supported: SigningAlgorithm::ALL.map(SigningAlgorithm::as_str).to_vec(),
        service_documentation: format!("{}/docs", app.config.public_origin()),
        ui_locales_supported: Language::ALL.map(Language::tag).to_vec(),
        issuer,
    })
}

fn cacheable(headers: &HeaderMap, document: &impl Serialize) -> Result<Response, OAuthError> {
    let document = serde_json::to_string(document).map_err(OAuthError::fault)?;
    Ok(conditional::answer(headers, "application/json", document))
}
