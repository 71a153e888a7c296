//! The `DPoP` header (RFC 9449 §4.1) and the `DPoP-Nonce` header (§8).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::address::{self, Address};
use super::asked::Slug;
use super::oauth_endpoint_error::OAuthEndpointError;
use super::site::Site;
use super::surface::Surface;
use crate::app::App;
use crate::domain::dpop::refusal::ProofError;
use crate::domain::dpop::{Presented, nonce};
use crate::domain::oauth_error::OAuthError;
use crate::model::tenant::TenantSlug;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The proof that came with the request, not checked yet.
#[derive(Debug)]
pub struct Dpop(pub Option<Presented>);

impl FromRequestParts<Arc<App>> for Dpop {
    type Rejection = OAuthEndpointError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, OAuthEndpointError> {
        let mut values = parts.headers.get_all(DPOP).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(OAuthError::from(ProofError::Several).into());
        }
        let jwt = value.to_str().map_err(|_| OAuthError::from(ProofError::Malformed))?.to_owned();
        let Slug(slug) = Slug::from_request_parts(parts, app).await?;
        let Ok(site) = Site::from_request_parts(parts, app).await;
        let paths = match site {
            Site::Shared => address::spellings(&slug, parts.uri.path()),
            Site::Own(_) => address::spellings(&TenantSlug::root(), parts.uri.path()),
        };
        Ok(Self(Some(Presented { jwt, method: parts.method.to_string(), origin: site.origin(app), paths })))
    }
}

/// Hands out the nonce of the moment with every answer of an endpoint that demands one (§8.2): the next proof then
/// needs no second try.
pub(super) fn offer_nonce(response: &mut Response, app: &App, address: &Address) {
    if app.config.dpop.require_nonce
        && Surface::at(&address.path).reads_proofs
        && let Ok(nonce) = HeaderValue::try_from(nonce::current(app, &address.slug))
    {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
}
