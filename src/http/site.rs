//! Under which address a tenant was asked: below `/t/{slug}` of the server's host, or at a host of its own.

use std::net::IpAddr;

use axum::http::{HeaderMap, Request, header};
use ipnet::IpNet;

use super::address::Address;
use super::origin::is_trusted;
use super::surface::Surface;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::tenants;
use crate::model::tenant::TenantSlug;
use crate::model::tenant_host::TenantHost;

const FORWARDED_HOST: &str = "x-forwarded-host";

/// How the request's address names its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Site {
    #[default]
    Shared,
    Own(TenantHost),
}

impl Site {
    /// Scheme, host and port of the address.
    #[must_use]
    pub fn origin(&self, app: &App) -> String {
        match self {
            Self::Shared => app.config.public_origin(),
            Self::Own(host) => app.config.origin_at(host.as_str()),
        }
    }

    /// What every path of the tenant starts with.
    #[must_use]
    pub fn prefix(&self, slug: &TenantSlug) -> String {
        match self {
            Self::Shared => slug.path_prefix(),
            Self::Own(_) => String::new(),
        }
    }

    /// What every URL of the tenant starts with.
    #[must_use]
    pub fn base(&self, app: &App, slug: &TenantSlug) -> String {
        self.origin(app) + &self.prefix(slug)
    }
}

/// The host that a request asks for, if it may be a tenant's own.
pub(super) fn asked_host<B>(peer: IpAddr, request: &Request<B>, trusted: &[IpNet]) -> Option<TenantHost> {
    if Surface::at(request.uri().path()).is_of_server {
        return None;
    }
    host(peer, request, trusted).and_then(TenantHost::of_authority)
}

/// Finds out where a request goes by host and path; `None`: to nowhere. At a host of its own a tenant is at the root,
/// and there is no other.
pub(super) async fn find(
    app: &App,
    host: Option<TenantHost>,
    address: Option<Address>,
) -> Result<Option<(Address, Site)>, OAuthError> {
    let own = match host {
        Some(host) => tenants::at_host(app, &host).await?.map(|slug| (slug, host)),
        None => None,
    };
    Ok(match (address, own) {
        (Some(address), None) => Some((address, Site::Shared)),
        (Some(Address { slug, path }), Some((tenant, host))) if slug == TenantSlug::root() => {
            Some((Address { slug: tenant, path }, Site::Own(host)))
        }
        _ => None,
    })
}

/// The host that was asked for: what the last proxy says, where proxies are trusted, or else the request itself.
fn host<'a, B>(peer: IpAddr, request: &'a Request<B>, trusted: &[IpNet]) -> Option<&'a str> {
    let headers = request.headers();
    if let Some(said) = forwarded_host(peer, headers, trusted) {
        return Some(said);
    }
    match request.uri().authority() {
        // HTTP/2 and the absolute form (RFC 9112 §3.2.2).
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST)?.to_str().ok(),
    }
}

/// What the last proxy says which host was asked for, if it is trusted and says it; empty if it cannot be read.
pub(super) fn forwarded_host<'a>(peer: IpAddr, headers: &'a HeaderMap, trusted: &[IpNet]) -> Option<&'a str> {
    let said = headers.get_all(FORWARDED_HOST).iter().next_back()?;
    if !is_trusted(peer.to_canonical(), trusted) {
        return None;
    }
    Some(said.to_str().unwrap_or_default().rsplit(',').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        host(peer.parse().unwrap(), &request, &trusted).map(str::to_owned)
    }

    #[test]
    fn only_trusted_proxies_say_which_host_was_asked() {
        let both = [("host", "inner.example"), (FORWARDED_HOST, "spoofed.example, acme.example")];
        assert_eq!(asked("203.0.113.9", "/", &both).as_deref(), Some("inner.example"));
        assert_eq!(asked("10.0.0.1", "/", &both).as_deref(), Some("acme.example"));
        let lines = [(FORWARDED_HOST, "spoofed.example"), (FORWARDED_HOST, "acme.example")];
        assert_eq!(asked("10.0.0.1", "/", &lines).as_deref(), Some("acme.example"));
        assert_eq!(asked("10.0.0.1", "/", &both[..1]).as_deref(), Some("inner.example"));
        assert_eq!(asked("10.0.0.1", "http://a.example/", &[]).as_deref(), Some("a.example"));
        assert_eq!(asked("10.0.0.1", "/", &[]), None);
    }
}
