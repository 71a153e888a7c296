//! One surface under several addresses. Before routing, a request's path is brought to its one form: the
//! tenant's prefix, the prefixes `/api` and `/api/v1`, a trailing slash and other spellings are taken away.

use axum::http::uri::{PathAndQuery, Uri};

use super::surface::Surface;
use crate::model::tenant::TenantSlug;

const WELL_KNOWN: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
/// The prefixes of the APIs, the longest first.
const API_PREFIXES: [&str; 2] = ["/api/v1", "/api"];
/// Other spellings of paths, and the one form of each.
const ALIASES: [(&str, &str); 2] =
    [("/oauth/device_authorization", "/oauth/device-authorization"), ("/device/qr", "/oauth/device/qr")];

#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    pub slug: TenantSlug,
    /// To which path, as the router knows it.
    pub path: String,
}

impl Address {
    /// Reads a path; `None` when it names a tenant that cannot exist.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let path = match path.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        // RFC 8414 §3.1 puts the well-known part between host and path.
        for well_known in WELL_KNOWN {
            if let Some(tenant) = path.strip_prefix(well_known).and_then(|rest| rest.strip_prefix("/t/")) {
                return Some(Self { slug: TenantSlug::parse(tenant).ok()?, path: well_known.to_owned() });
            }
        }
        let (slug, path) = match path.strip_prefix("/t/") {
            Some(rest) => {
                let (slug, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (TenantSlug::parse(slug).ok()?, if path.is_empty() { "/" } else { path })
            }
            None => (TenantSlug::root(), path),
        };
        let path = without_api_prefix(path);
        let path = ALIASES.iter().find(|(alias, _)| *alias == path).map_or(path, |(_, path)| path);
        Some(Self { slug, path: path.to_owned() })
    }
}

/// The path without the prefix of the APIs, where it leads to an endpoint for programs.
#[must_use]
fn without_api_prefix(path: &str) -> &str {
    let rests = API_PREFIXES.iter().filter_map(|prefix| path.strip_prefix(prefix));
    rests.into_iter().find(|rest| Surface::at(rest).is_versioned).unwrap_or(path)
}

/// The same, also without the tenant, which need not be one that can exist.
#[must_use]
pub(super) fn without_tenant_and_version(path: &str) -> &str {
    let below_tenant = path.strip_prefix("/t/").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    without_api_prefix(below_tenant.unwrap_or(path))
}

/// Every path, as the public spells them, that leads to this one of the tenant.
#[must_use]
pub fn spellings(slug: &TenantSlug, path: &str) -> Vec<String> {
    let prefix = slug.path_prefix();
    let aliases = ALIASES.iter().filter(|(_, meant)| *meant == path).map(|(alias, _)| *alias);
    std::iter::once(path)
        .chain(aliases)
        .flat_map(|spelling| {
            let prefixes = if Surface::at(spelling).is_versioned { &API_PREFIXES[..] } else { &[] };
            let below = prefixes.iter().map(|api| format!("{prefix}{api}{spelling}"));
            std::iter::once(format!("{prefix}{spelling}")).chain(below).collect::<Vec<_>>()
        })
        .collect()
}

/// The same URI with another path.
#[must_use]
pub fn with_path(uri: &Uri, path: &str) -> Uri {
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(path_and_query) = path_and_query.parse::<PathAndQuery>() {
        parts.path_and_query = Some(path_and_query);
    }
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(path: &str) -> Option<(String, String)> {
        Address::of(path).map(|address| (address.slug.as_str().to_owned(), address.path))
    }

    #[test]
    fn every_spelling_leads_to_one_path() {
        for (given, slug, path) in [
            ("/", "", "/"),
            ("/oauth/token", "", "/oauth/token"),
            ("/oauth/token/", "", "/oauth/token"),
            ("/api/v1/oauth/token/", "", "/oauth/token"),
            ("/oauth/device_authorization", "", "/oauth/device-authorization"),
            ("/t/acme/api/v1/oauth/device_authorization/", "acme", "/oauth/device-authorization"),
            ("/t/acme/device/qr", "acme", "/oauth/device/qr"),
            ("/t/acme", "acme", "/"),
            ("/t/acme/device", "acme", "/device"),
            (
                "/.well-known/oauth-authorization-server/t/acme",
                "acme",
                "/.well-known/oauth-authorization-server",
            ),
            ("/.well-known/openid-configuration/t/acme/", "acme", "/.well-known/openid-configuration"),
            ("/t/acme/.well-known/openid-configuration", "acme", "/.well-known/openid-configuration"),
            ("/api/v1/devices", "", "/devices"),
            ("/api/devices/x/lock", "", "/devices/x/lock"),
            ("/api/v1/devicesx", "", "/api/v1/devicesx"),
            ("/api/admin/oauth/devices", "", "/admin/oauth/devices"),
            ("/api/v1/admin/oauth/device-authorizations", "", "/admin/oauth/device-authorizations"),
            ("/t/acme/api/account/oauth/clients/", "acme", "/account/oauth/clients"),
            ("/api/v1/admin", "", "/api/v1/admin"),
            ("/api/api/v1/devices", "", "/api/api/v1/devices"),
            ("/api/v1/sign-in", "", "/api/v1/sign-in"),
        ] {
            assert_eq!(address(given), Some((slug.to_owned(), path.to_owned())), "{given}");
        }
    }

    #[test]
    fn every_path_knows_its_spellings() {
        let acme = TenantSlug::parse("acme").unwrap();
        for slug in [TenantSlug::root(), acme.clone()] {
            for path in ["/oauth/token", "/oauth/device-authorization", "/oauth/device/qr", "/device"] {
                for spelling in spellings(&slug, path) {
                    let meant = Address { slug: slug.clone(), path: path.to_owned() };
                    assert_eq!(Address::of(&spelling), Some(meant), "{spelling}");
                }
            }
        }
        assert_eq!(
            spellings(&acme, "/oauth/device-authorization"),
            [
                "/t/acme/oauth/device-authorization",
                "/t/acme/api/v1/oauth/device-authorization",
                "/t/acme/api/oauth/device-authorization",
                "/t/acme/oauth/device_authorization",
                "/t/acme/api/v1/oauth/device_authorization",
                "/t/acme/api/oauth/device_authorization",
            ]
        );
    }

    #[test]
    fn impossible_tenants_lead_nowhere() {
        for given in
            ["/t/", "/t//x", "/t/ACME/x", "/t/a_b", "/t/-a/x", "/.well-known/openid-configuration/t/a/b"]
        {
            assert!(given == "/t/" || address(given).is_none(), "{given}");
        }
        // `/t/` is `/t`, a path like any other that is not there.
        assert_eq!(address("/t/"), Some((String::new(), "/t".to_owned())));
    }
}
