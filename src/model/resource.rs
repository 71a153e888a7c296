//! Resources (RFC 8707): the services that access tokens are for.

use url::Url;

/// The longest URI of a resource, in bytes.
pub const MAX_URI_BYTES: usize = 512;

/// A service that the tenant knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What clients send as `resource`, and what stands in `aud`. Compared letter for letter (RFC 3986 §6.2.1).
    pub uri: String,
    pub name: String,
}

/// The text is no resource indicator.
#[derive(Debug, thiserror::Error)]
#[error(
    "a resource URI must be absolute, without fragment, in at most 512 ASCII characters, such as \
     https://api.example.org/ or urn:example:api; http and https need a host and allow no user"
)]
pub struct InvalidResourceError;

impl Resource {
    /// Reads the URI of a resource: absolute, without fragment (RFC 8707 §2, RFC 3986 §4.3).
    pub fn parse_uri(text: &str) -> Result<String, InvalidResourceError> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidResourceError)?;
        if text.len() > MAX_URI_BYTES || !is_scheme(scheme) || rest.is_empty() || !holds_uri_characters(rest)
        {
            return Err(InvalidResourceError);
        }
        if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
            let url = Url::parse(text).map_err(|_| InvalidResourceError)?;
            let names_a_user = !url.username().is_empty() || url.password().is_some();
            // `https:api` would pass for https://api with lenient readers only.
            if !rest.starts_with("//") || rest.starts_with("///") || names_a_user {
                return Err(InvalidResourceError);
            }
        }
        Ok(text.to_owned())
    }
}

/// RFC 3986 §3.1
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether these are characters of a URI other than `#`, each `%` with its two digits (RFC 3986 §2).
fn holds_uri_characters(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    let mut after_percents = text.split('%').skip(1);
    text.bytes().all(legal)
        && after_percents
            .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_uris_without_fragment_are_resources() {
        for good in [
            "https://api.example.org",
            "https://api.example.org/v1/?tenant=a%20b",
            "http://[::1]:8080/",
            "urn:example:videos",
            "api://0a1b2c",
            "com.example.app:/videos",
        ] {
            assert_eq!(Resource::parse_uri(good).unwrap(), good);
        }
    }

    #[test]
    fn all_else_is_refused() {
        let long = format!("https://{}.example", "a".repeat(MAX_URI_BYTES));
        for bad in [
            "",
            "videos",
            "/videos",
            "//api.example.org",
            "https:",
            "https://",
            "https:api.example.org",
            "https:///api",
            "https://ada@api.example.org/",
            "https://api.example.org/#",
            "https://api.example.org/#top",
            "https://api.example.org/a b",
            "https://api.example.org/\"",
            "https://api.example.org/%4",
            "https://api.example.org/%zz",
            "https://bücher.example/",
            "1http://api.example.org",
            "urn:a\nb",
            &long,
        ] {
            assert!(Resource::parse_uri(bad).is_err(), "{bad:?}");
        }
    }
}
