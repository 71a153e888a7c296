//! From where a request came: the peer's address, or what proxies say that are listed as trusted.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

use super::Asked;
use super::oauth::OAuthRefusal;
use crate::domain::oauth_error::OAuthError;
use crate::model::ids::RequestId;
use crate::model::request_origin::{MAX_USER_AGENT_CHARS, RequestOrigin};

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// How a request reached the first trusted proxy, or us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A trusted proxy says that it came in the clear.
    Plain,
    /// Over TLS, or nobody trustworthy says otherwise.
    Unquestioned,
}

/// Who sent the request.
#[must_use]
pub fn of_request(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], id: RequestId) -> RequestOrigin {
    let user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .map(|text| text.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT_CHARS).collect::<String>())
        .filter(|text| !text.is_empty());
    RequestOrigin { request_id: id, ip_address: client_address(peer, headers, trusted), user_agent }
}

/// Whether a trusted proxy says that the request came to it in the clear.
#[must_use]
pub fn scheme(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Scheme {
    let said = headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
    match said.and_then(|text| text.rsplit(',').next()) {
        Some(proto)
            if is_trusted(peer.to_canonical(), trusted) && proto.trim().eq_ignore_ascii_case("http") =>
        {
            Scheme::Plain
        }
        _ => Scheme::Unquestioned,
    }
}

/// The right-most address that no trusted proxy vouches for as one of its own; a hop that cannot be read ends
/// the walk at the last one that could.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    let values: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !is_trusted(address, trusted) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// Whether this is one of the proxies that are listed as trusted.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The origin that [`super::answer`] found out.
#[derive(Clone, Debug)]
pub struct Origin(pub RequestOrigin);

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = OAuthRefusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, OAuthRefusal> {
        let asked = parts.extensions.get::<Asked>();
        asked
            .map(|asked| Self(asked.origin.clone()))
            .ok_or_else(|| OAuthError::fault("a request without an origin").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(found("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(found("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(found("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(found("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        assert_eq!(found("10.0.0.1", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(found("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.2.3.4"]), "198.51.100.1");
        assert_eq!(found("10.0.0.1", &["1.1.1.1, nonsense, 10.2.3.4"]), "10.2.3.4");
    }
}
