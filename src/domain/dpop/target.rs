//! Whether a proof was made for this endpoint: the `htu` claim (RFC 9449 §4.2, §4.3).

use url::Url;

/// The public URLs of an endpoint. What a request says of the host it was sent to is of no importance.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Scheme, host and port, as the settings have them.
    pub origin: &'a str,
    /// Every path that leads to the endpoint, without a trailing slash and without percent-encoding.
    pub paths: &'a [String],
}

impl Target<'_> {
    /// Whether `htu` is one of the URLs, after normalisation by syntax and by scheme (RFC 3986 §6.2.2, §6.2.3):
    /// upper and lower case of scheme and host, the scheme's own port, dot segments, and percent-encoding of
    /// characters that need none. As everywhere in this service, a trailing slash does not matter. Query and
    /// fragment are left out, on both sides.
    #[must_use]
    pub fn is(&self, htu: &str) -> bool {
        let (Some(given), Ok(ours)) = (parse(htu), Url::parse(self.origin)) else { return false };
        let path = decode_unreserved(given.path());
        let path = path.trim_end_matches('/');
        given.origin() == ours.origin() && self.paths.iter().any(|ours| ours == path)
    }
}

/// Reads an absolute `http` or `https` URI. The parser alone would repair what RFC 3986 does not allow, such as
/// white space and backslashes.
fn parse(htu: &str) -> Option<Url> {
    let legal = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let (_, rest) = htu.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if !htu.bytes().all(legal) || authority.is_empty() || authority.contains('@') {
        return None;
    }
    Url::parse(htu).ok()
}

/// Takes the percent-encoding from letters, digits, `-`, `.`, `_` and `~` (RFC 3986 §2.3, §6.2.2.2).
fn decode_unreserved(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.map(char::from) {
            Some(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => {
                decoded.push(plain);
                rest = &rest[at + 3..];
            }
            _ => {
                decoded.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    decoded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(origin: &str, htu: &str) -> bool {
        let paths = ["/t/acme/oauth/token".to_owned(), "/t/acme/api/v1/oauth/token".to_owned()];
        Target { origin, paths: &paths }.is(htu)
    }

    #[test]
    fn spellings_of_one_url_are_one_url() {
        for htu in [
            "https://login.example.org/t/acme/oauth/token",
            "https://login.example.org/t/acme/api/v1/oauth/token",
            "https://login.example.org/t/acme/oauth/token/",
            "HTTPS://Login.EXAMPLE.org/t/acme/oauth/token",
            "https://login.example.org:443/t/acme/oauth/token",
            "https://login.example.org:/t/acme/oauth/token",
            "https://login.example.org/t/%61cme/oauth/%74oken",
            "https://login.example.org/t/acme/x/../oauth/./token",
            "https://login.example.org/t/acme/oauth/token?x=y",
            "https://login.example.org/t/acme/oauth/token#x",
        ] {
            assert!(is("https://login.example.org", htu), "{htu}");
        }
        assert!(is("http://127.0.0.1:8628", "http://127.0.0.1:8628/t/acme/oauth/token"));
        assert!(is("http://[::1]:8628", "http://[0:0::1]:8628/t/acme/oauth/token"));
        assert!(is("http://localhost", "http://localhost:80/t/acme/oauth/token"));
    }

    #[test]
    fn other_urls_are_other_urls() {
        for htu in [
            "",
            "/t/acme/oauth/token",
            "login.example.org/t/acme/oauth/token",
            "//login.example.org/t/acme/oauth/token",
            "http://login.example.org/t/acme/oauth/token",
            "http://login.example.org:443/t/acme/oauth/token",
            "https://login.example.org:8443/t/acme/oauth/token",
            "https://login.example.org./t/acme/oauth/token",
            "https://example.org/t/acme/oauth/token",
            "https://login.example.org.evil.example/t/acme/oauth/token",
            "https://evil.example/https://login.example.org/t/acme/oauth/token",
            "https://evil.example\\@login.example.org/t/acme/oauth/token",
            "https://me@login.example.org/t/acme/oauth/token",
            "https://:@login.example.org/t/acme/oauth/token",
            "https:login.example.org/t/acme/oauth/token",
            "https:///login.example.org/t/acme/oauth/token",
            "https://login.example.org",
            "https://login.example.org/",
            "https://login.example.org/oauth/token",
            "https://login.example.org/t/other/oauth/token",
            "https://login.example.org/t/acme/oauth/token/x",
            "https://login.example.org/t/acme/oauth/TOKEN",
            "https://login.example.org/t/acme/oauth//token",
            "https://login.example.org//t/acme/oauth/token",
            "https://login.example.org/t/acme/oauth%2Ftoken",
            "https://login.example.org/t/acme/oauth/token%",
            "https://login.example.org/t/acme/oauth/token%2",
            "https://login.example.org/t/acme/oauth/token%20",
            "https://login.example.org/t/acme/oauth/token;x",
            " https://login.example.org/t/acme/oauth/token",
            "https://login.example.org/t/acme/oauth/token\n",
            "https://login.example.org/t/acme/oa\tuth/token",
            "https:\\\\login.example.org\\t\\acme\\oauth\\token",
            "ftp://login.example.org/t/acme/oauth/token",
            "data:https://login.example.org/t/acme/oauth/token",
        ] {
            assert!(!is("https://login.example.org", htu), "{htu:?}");
        }
    }
}
