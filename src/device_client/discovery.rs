use std::time::Duration;

use serde::Deserialize;
use url::{Host, Url};

use super::dpop::ALGORITHM;
use super::http::{Answer, Http, TransportError};
use super::printable::printable;

const TIMEOUT: Duration = Duration::from_secs(30);

/// What the flow needs of the server's metadata (RFC 8414 §2; the device endpoint is from RFC 8628 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The issuer, as the server writes it. `None` where its endpoints were given and no metadata was read.
    pub issuer: Option<String>,
    /// Where the flow starts (RFC 8628 §3.1).
    pub device_authorization_endpoint: Url,
    /// Where tokens are polled for (RFC 8628 §3.4).
    pub token_endpoint: Url,
    /// Where the server publishes its signing keys.
    pub jwks_uri: Option<Url>,
    /// What the server says it grants. Servers are known to leave the device grant out of this list, so that the
    /// presence of the endpoint decides.
    pub grant_types_supported: Vec<String>,
    /// How clients may authenticate (RFC 8414 §2). `None` if the server does not say.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// What DPoP proofs may be signed with (RFC 9449 §5.1); nothing where the server knows no DPoP.
    pub dpop_signing_alg_values_supported: Vec<String>,
}

impl Metadata {
    /// A server without metadata, by its endpoints. What it supports is unknown, so what is asked of it is tried.
    pub fn of_endpoints(
        device_authorization_endpoint: &str,
        token_endpoint: &str,
        issuer: Option<String>,
    ) -> Result<Self, DiscoveryError> {
        let endpoint =
            |text: &str| Url::parse(text).ok().filter(is_protected).ok_or_else(|| refused_endpoint(text));
        Ok(Self {
            issuer,
            device_authorization_endpoint: endpoint(device_authorization_endpoint)?,
            token_endpoint: endpoint(token_endpoint)?,
            jwks_uri: None,
            grant_types_supported: Vec::new(),
            token_endpoint_auth_methods_supported: None,
            dpop_signing_alg_values_supported: vec![ALGORITHM.to_owned()],
        })
    }

    /// The `aud` of a client's assertions: the issuer, or the token endpoint where no issuer is known.
    pub(super) fn audience(&self) -> &str {
        self.issuer.as_deref().unwrap_or(self.token_endpoint.as_str())
    }
}

/// Why the endpoints could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The issuer breaks RFC 8414 §2: an https URL without query and fragment.
    #[error("{issuer} is not a valid issuer: {why}.")]
    Issuer { issuer: String, why: &'static str },
    /// An endpoint that was given is not protected.
    #[error(
        "{endpoint} is not a valid endpoint: it must be a URL that starts with https:// (http:// is allowed \
         only for this machine)."
    )]
    Endpoint { endpoint: String },
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Neither well-known address has a document.
    #[error("{issuer} publishes no authorization server metadata ({url} returned {status}).")]
    NotFound {
        issuer: String,
        /// The last address that was tried.
        url: String,
        status: u16,
    },
    /// There is a document that says something else than RFC 8414 §3.2 asks for.
    #[error("The metadata at {url} is invalid: {why}.")]
    Unreadable { url: String, why: String },
    /// RFC 8414 §3.3: such a document must not be used.
    #[error("The metadata at {url} belongs to the issuer {found}, not to {expected}.")]
    IssuerMismatch { url: String, expected: String, found: String },
    /// The server exists and has no device flow (RFC 8628 §4).
    #[error("{issuer} does not support the device flow: its metadata has no device_authorization_endpoint.")]
    NoDeviceFlow { issuer: String },
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    device_authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
    grant_types_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    dpop_signing_alg_values_supported: Vec<String>,
}

/// Reads the metadata of `issuer`: at the address of RFC 8414 §3.1 first, then at that of OIDC Discovery §4.
pub async fn discover(http: &Http, issuer: &str) -> Result<Metadata, DiscoveryError> {
    let mut failure = None;
    for url in well_known(issuer)? {
        match read(issuer, &url, &http.get(&url, TIMEOUT).await?) {
            Ok(metadata) => return Ok(metadata),
            Err(mismatch @ DiscoveryError::IssuerMismatch { .. }) => return Err(mismatch),
            // A document that was found says more than an address that has none.
            Err(missing @ DiscoveryError::NotFound { .. }) => failure = failure.or(Some(missing)),
            Err(other) => failure = Some(other),
        }
    }
    Err(failure.unwrap_or_else(|| refused(issuer, "it has no well-known URL")))
}

/// Both addresses (RFC 8414 §3.1, OIDC Discovery §4.1).
fn well_known(issuer: &str) -> Result<[Url; 2], DiscoveryError> {
    let base = Url::parse(issuer).map_err(|_| refused(issuer, "it is not a URL"))?;
    if !is_protected(&base) {
        return Err(refused(
            issuer,
            "it must start with https:// (http:// is allowed only for this machine)",
        ));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(refused(issuer, "it must have no query and no fragment"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(refused(issuer, "it must not contain a username or password"));
    }
    let path = base.path().strip_suffix('/').unwrap_or(base.path());
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    Ok([
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("{path}/.well-known/openid-configuration")),
    ])
}

fn read(issuer: &str, url: &Url, answer: &Answer) -> Result<Metadata, DiscoveryError> {
    let unreadable = |why: &str| DiscoveryError::Unreadable { url: url.to_string(), why: printable(why) };
    if answer.status != 200 {
        let status = answer.status.as_u16();
        return Err(DiscoveryError::NotFound { issuer: printable(issuer), url: url.to_string(), status });
    }
    let document: Document =
        serde_json::from_slice(&answer.body).map_err(|error| unreadable(&error.to_string()))?;
    if !is_same_issuer(issuer, &document.issuer) {
        return Err(DiscoveryError::IssuerMismatch {
            url: url.to_string(),
            expected: printable(issuer),
            found: printable(&document.issuer),
        });
    }
    let Some(device_authorization_endpoint) = document.device_authorization_endpoint else {
        return Err(DiscoveryError::NoDeviceFlow { issuer: printable(issuer) });
    };
    let token_endpoint = document.token_endpoint.ok_or_else(|| unreadable("it has no token_endpoint"))?;
    let protected = |endpoint: &str| {
        Url::parse(endpoint)
            .ok()
            .filter(|endpoint: &Url| {
                is_protected(endpoint) && (endpoint.scheme() == "https" || url.scheme() == "http")
            })
            .ok_or_else(|| unreadable(&format!("its endpoint {endpoint} is not an https URL")))
    };
    Ok(Metadata {
        device_authorization_endpoint: protected(&device_authorization_endpoint)?,
        token_endpoint: protected(&token_endpoint)?,
        issuer: Some(document.issuer),
        jwks_uri: document.jwks_uri.and_then(|uri| Url::parse(&uri).ok()),
        grant_types_supported: document.grant_types_supported.unwrap_or_else(default_grants),
        token_endpoint_auth_methods_supported: document.token_endpoint_auth_methods_supported,
        dpop_signing_alg_values_supported: document.dpop_signing_alg_values_supported,
    })
}

/// RFC 8414 §3.3 compares code points; only a trailing slash that the caller typed on top is forgiven.
fn is_same_issuer(typed: &str, found: &str) -> bool {
    typed == found || typed.strip_suffix('/') == Some(found)
}

/// https, or http that does not leave this machine.
fn is_protected(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

/// What RFC 8414 §2 says an absent list means.
fn default_grants() -> Vec<String> {
    vec!["authorization_code".to_owned(), "implicit".to_owned()]
}

fn refused_endpoint(endpoint: &str) -> DiscoveryError {
    DiscoveryError::Endpoint { endpoint: printable(endpoint) }
}

fn refused(issuer: &str, why: &'static str) -> DiscoveryError {
    DiscoveryError::Issuer { issuer: printable(issuer), why }
}

#[cfg(test)]
#[path = "tests/discovery.rs"]
mod tests;
