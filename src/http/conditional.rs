//! Documents that may be kept for a while, and need not be sent again to whoever has them (RFC 9110 §13.1.2).

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::signing_key_life::KEY_SET_MAX_AGE_SECONDS;

/// Answers with the document, or with 304 when the request names the very one among those it has.
pub(super) fn answer(request: &HeaderMap, media_type: &'static str, document: String) -> Response {
    let hash = digest(&SHA256, document.as_bytes());
    let cache_control = format!("public, max-age={KEY_SET_MAX_AGE_SECONDS}");
    let document = (media_type, document.into());
    answer_tagged(request, &URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]), cache_control, document)
}

/// The same with what is known to change with the document, and with how long it may be kept.
pub(super) fn answer_tagged(
    request: &HeaderMap,
    hash: &str,
    cache_control: String,
    (media_type, document): (&'static str, Body),
) -> Response {
    let tag = format!("\"{hash}\"");
    let known = is_known(request, &tag);
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, cache_control)];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, media_type)], document).into_response()
}

/// Whether `If-None-Match` names this tag; it may be marked weak on the way (RFC 9110 §8.8.3.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_with(tags: &[&str]) -> Response {
        let mut request = HeaderMap::new();
        for tag in tags {
            request.append(header::IF_NONE_MATCH, tag.parse().unwrap());
        }
        answer(&request, "application/json", "{}".to_owned())
    }

    fn tag() -> String {
        asked_with(&[]).headers()[header::ETAG].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_document_that_is_known_is_not_sent_again() {
        let tag = tag();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag}");
        let weak = format!("W/{tag}");
        let listed = format!("\"a\", {tag},\"b\"");
        for known in [vec![tag.as_str()], vec![&weak], vec![&listed], vec!["*"], vec!["\"a\"", &tag]] {
            let response = asked_with(&known);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known:?}");
            // RFC 9110 §15.4.5
            assert_eq!(response.headers()[header::ETAG], tag.as_str(), "{known:?}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=600", "{known:?}");
            assert!(!response.headers().contains_key(header::CONTENT_TYPE), "{known:?}");
        }
    }

    #[test]
    fn another_document_is_sent() {
        let bare = tag().trim_matches('"').to_owned();
        for unknown in [vec![], vec!["\"a\""], vec![bare.as_str()], vec![""], vec!["\"a\", W/\"b\""]] {
            let response = asked_with(&unknown);
            assert_eq!(response.status(), StatusCode::OK, "{unknown:?}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json", "{unknown:?}");
        }
        let other = answer(&HeaderMap::new(), "application/json", "[]".to_owned());
        assert_ne!(other.headers()[header::ETAG], tag().as_str());
    }
}
