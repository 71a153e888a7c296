//! What every request says of itself, found out once: the extractors of tenant, site, origin and preferences.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::oauth_endpoint_error::OAuthEndpointError;
use super::origin::Origin;
use super::prefer::Prefer;
use super::site::Site;
use crate::domain::oauth_error::OAuthError;
use crate::languages::Language;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::TenantSlug;

/// What is known of a request before any handler sees it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) slug: TenantSlug,
    pub(super) site: Site,
    pub(super) language: Language,
    pub(super) origin: RequestOrigin,
    pub(super) prefer: Prefer,
}

/// The tenant's name in the request's address.
#[derive(Clone, Debug)]
pub struct Slug(pub TenantSlug);

impl<S: Send + Sync> FromRequestParts<S> for Slug {
    type Rejection = OAuthEndpointError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, OAuthEndpointError> {
        let asked = parts.extensions.get::<Asked>();
        asked
            .map(|asked| Self(asked.slug.clone()))
            .ok_or_else(|| OAuthError::fault("a request without an address").into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = OAuthEndpointError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, OAuthEndpointError> {
        let asked = parts.extensions.get::<Asked>();
        asked
            .map(|asked| Self(asked.origin.clone()))
            .ok_or_else(|| OAuthError::fault("a request without an origin").into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Site {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Asked>().map(|asked| asked.site.clone()).unwrap_or_default())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Prefer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Asked>().map(|asked| asked.prefer).unwrap_or_default())
    }
}
