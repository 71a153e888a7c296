//! Whether a request can be answered at all: it must say, once and legibly, which host it is for and what its body is.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{Request, Version, header};
use ipnet::IpNet;

use super::connections::Unreadable;
use super::site;
use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// Says why a request cannot be read.
pub(super) fn unreadable(why: Unreadable) -> OAuthError {
    let (code, words) = match why {
        Unreadable::Head => (ErrorCode::InvalidRequest, "The request head is malformed."),
        Unreadable::LongTarget => (ErrorCode::TargetTooLong, "The URL is too long."),
        Unreadable::LargeHead => (ErrorCode::HeadTooLarge, "The request head is too large."),
        Unreadable::TransferCoding => {
            (ErrorCode::NotImplemented, "The only transfer coding supported for a body is chunked, once.")
        }
        Unreadable::TwoLengths => {
            (ErrorCode::InvalidRequest, "Send Content-Length or Transfer-Encoding, not both.")
        }
    };
    OAuthError::new(code, words)
}

/// Returns why a request cannot be answered, or `None` if it can.
pub(super) fn refusal<B>(peer: IpAddr, request: &Request<B>, trusted: &[IpNet]) -> Option<&'static str> {
    let headers = request.headers();
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    if types.next().is_some() && types.next().is_some() {
        return Some("Send only one Content-Type header.");
    }
    if names_its_host(request) && site::forwarded_host(peer, headers, trusted).is_none_or(is_authority) {
        return None;
    }
    Some("The request does not name its host.")
}

/// Whether the request names one host (RFC 9112 §3.2, RFC 9113 §8.3.1). An HTTP/1.0 request need not, since the
/// health checks of some balancers do not.
pub(super) fn names_its_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    let host = host.map(|host| host.to_str().unwrap_or_default());
    let target = request.uri().authority().map(Authority::as_str);
    if another.is_some() || host.is_some_and(|host| !is_authority(host)) {
        return false;
    }
    match (request.version(), host, target) {
        (Version::HTTP_2, Some(host), Some(target)) => {
            host.eq_ignore_ascii_case(target) && is_authority(target)
        }
        (Version::HTTP_2, Some(_), None) | (Version::HTTP_09 | Version::HTTP_10, _, None) => true,
        (Version::HTTP_09 | Version::HTTP_10 | Version::HTTP_2, _, Some(target)) => is_authority(target),
        (Version::HTTP_2, None, None) => false,
        // Where the target names a host, that is the one (RFC 9112 §3.2.2), and the header must be there all the same.
        (_, host, target) => host.is_some() && target.is_none_or(is_authority),
    }
}

/// Whether this is one host with or without a port, and nothing else (RFC 9110 §7.2). A comma joins two.
fn is_authority(text: &str) -> bool {
    if text.contains(['@', ',']) {
        return false;
    }
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let port = &text[authority.host().len()..];
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = |digits: &str| is_number(digits) && (digits.is_empty() || digits.parse::<u16>().is_ok());
    !authority.host().is_empty() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for good in [
            "localhost",
            "login.example.org",
            "login.example.org.",
            "login.example.org:8443",
            "login.example.org:",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::1]:443",
            "a_b.example",
        ] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "",
            "a b/c@d",
            "user@host",
            "host/path",
            "host:http",
            "host:99999",
            "host:+80",
            "a b",
            ":80",
            "[::1",
            "a,b",
            "host?x",
            "http://host",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
    }

    #[test]
    fn each_version_names_its_host_in_its_way() {
        for (version, target, hosts, fits) in [
            (Version::HTTP_11, "/", &["a.example"][..], true),
            (Version::HTTP_11, "/", &[], false),
            (Version::HTTP_11, "/", &[""], false),
            (Version::HTTP_11, "/", &["a.example", "a.example"], false),
            (Version::HTTP_11, "/", &["a b/c@d"], false),
            (Version::HTTP_11, "http://b.example/", &["a.example"], true),
            (Version::HTTP_11, "http://b.example/", &[], false),
            (Version::HTTP_11, "http://me@b.example/", &["b.example"], false),
            (Version::HTTP_10, "/", &[], true),
            (Version::HTTP_10, "/", &["a.example"], true),
            (Version::HTTP_10, "/", &["a.example", "b.example"], false),
            (Version::HTTP_10, "/", &["a b/c@d"], false),
            (Version::HTTP_2, "https://a.example/", &[], true),
            (Version::HTTP_2, "/", &["a.example"], true),
            (Version::HTTP_2, "https://a.example/", &["A.example"], true),
            (Version::HTTP_2, "https://a.example/", &["b.example"], false),
            (Version::HTTP_2, "/", &[], false),
        ] {
            let mut request = Request::builder().version(version).uri(target);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            let request = request.body(()).unwrap();
            assert_eq!(names_its_host(&request), fits, "{version:?} {target} {hosts:?}");
        }
    }
}
