//! Entity tags: the version of a thing, so that nobody overwrites what they have not seen (RFC 9110 §8.8.3, §13.1.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::model::version::{MeantFor, Version};

/// The header that names a version.
#[must_use]
pub fn etag(version: Version) -> (HeaderName, HeaderValue) {
    let tag = HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    (header::ETAG, tag)
}

/// Which versions the request is meant for. Without `If-Match`, and with `*`: whatever it is by now.
#[derive(Debug)]
pub struct IfMatch(pub MeantFor);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(meant_for(&parts.headers)))
    }
}

/// Compared strongly: a weak tag, or one that is not ours, is no version at all (RFC 9110 §13.1.1).
fn meant_for(headers: &HeaderMap) -> MeantFor {
    if !headers.contains_key(header::IF_MATCH) {
        return MeantFor::Any;
    }
    let values = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    if tags == ["*"] {
        return MeantFor::Any;
    }
    let version = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    MeantFor::Versions(tags.into_iter().filter_map(version).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> MeantFor {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        meant_for(&headers)
    }

    #[test]
    fn only_strong_tags_of_ours_name_versions() {
        assert_eq!(read(&[]), MeantFor::Any);
        assert_eq!(read(&["*"]), MeantFor::Any);
        assert_eq!(read(&["\"3\""]), MeantFor::Versions(vec![3]));
        assert_eq!(read(&["\"3\", \"4\"", "\"7\""]), MeantFor::Versions(vec![3, 4, 7]));
        for stale in ["W/\"3\"", "\"x\"", "3", ""] {
            assert_eq!(read(&[stale]), MeantFor::Versions(Vec::new()), "{stale:?}");
        }
        assert_eq!(etag(3).1, "\"3\"");
    }
}
