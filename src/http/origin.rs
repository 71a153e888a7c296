//! From where a request came: the peer's address, or what proxies say that are listed as trusted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::app::App;
use crate::model::ids::RequestId;
use crate::model::request_origin::{MAX_USER_AGENT_CHARS, RequestOrigin};

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// What proxies say of whom they forward for.
const FORWARDING: [HeaderName; 4] = [
    HeaderName::from_static(FORWARDED_FOR),
    HeaderName::from_static(FORWARDED_PROTO),
    HeaderName::from_static("x-forwarded-host"),
    header::FORWARDED,
];

/// How a request reached the first trusted proxy, or us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A trusted proxy says that it came in the clear.
    Plain,
    /// Over TLS, or nobody trustworthy says otherwise.
    Unquestioned,
}

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
        match address_of(hop.trim()) {
            Some(hop) => address = hop.to_canonical(),
            None => break,
        }
    }
    address
}

/// Reads one entry of `X-Forwarded-For`: an address, which some proxies write with a port or in brackets.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(bracketed)
}

/// Warns, once, that a peer sends forwarding headers and is not listed as a proxy: if it is one, everyone seems to have
/// its address.
pub(super) fn notice_unlisted_proxy(app: &App, peer: IpAddr, headers: &HeaderMap) {
    if app.unlisted_proxy.get().is_some() {
        return;
    }
    let peer = peer.to_canonical();
    let forwards = FORWARDING.iter().any(|name| headers.contains_key(name));
    if forwards
        && !is_trusted(peer, &app.config.server.trusted_proxies)
        && app.unlisted_proxy.set(peer).is_ok()
    {
        tracing::warn!(
            %peer,
            "forwarding headers ignored: peer not in server.trusted_proxies; if it is your proxy, all clients share \
             its address, and rules about locations and networks do not work"
        );
    }
}

/// Whether this is one of the proxies that are listed as trusted.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The origin that [`super::answer`] found out.
#[derive(Clone, Debug)]
pub struct Origin(pub RequestOrigin);

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
    fn addresses_with_ports_and_in_brackets_are_read() {
        for (forwarded, expected) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:198.51.100.1]:443", "198.51.100.1"),
            ("198.51.100.1, 10.9.9.9:80, [::1]:8080", "198.51.100.1"),
        ] {
            assert_eq!(found("10.0.0.1", &[forwarded]), expected, "{forwarded}");
        }
        for unreadable in
            ["198.51.100.1:", "[198.51.100.1]", "[2001:db8::1", "2001:db8::1]:443", "unknown", "_hidden"]
        {
            assert_eq!(found("10.0.0.1", &[unreadable]), "10.0.0.1", "{unreadable}");
        }
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        assert_eq!(found("10.0.0.1", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(found("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.2.3.4"]), "198.51.100.1");
        assert_eq!(found("10.0.0.1", &["1.1.1.1, nonsense, 10.2.3.4"]), "10.2.3.4");
    }
}
