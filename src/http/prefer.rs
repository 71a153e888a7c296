//! The `Prefer` header (RFC 7240), of which `wait` is understood.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use crate::domain::device_flow::wait::{MAX_WAIT, Preference};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What the client prefers. Anything not understood is ignored (RFC 7240 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// How long it would wait for an answer that says something new.
    pub wait: Option<Duration>,
}

impl Prefer {
    /// Reads the headers, once for the time limit of the request and for whoever answers it.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { wait: wait(headers) }
    }

    /// Says in the answer that the preference was followed, if it was.
    #[must_use]
    pub fn confirm(self, preference: Preference, mut answer: Response) -> Response {
        if preference == Preference::Applied
            && let Some(wait) = self.wait
            && let Ok(value) = HeaderValue::try_from(format!("wait={}", wait.as_secs()))
        {
            answer.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
        answer
    }
}

/// The first `wait` of all `Prefer` headers (RFC 7240 §2), at most [`MAX_WAIT`].
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let seconds = preferences
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, value)| value.trim().trim_matches('"').parse::<u32>().ok())?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_found_among_other_preferences() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(PREFER, value.parse().unwrap());
            }
            wait(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(read(&["wait=30"]), Some(30));
        assert_eq!(read(&["respond-async, Wait = \"10\"; x=y", "wait=3"]), Some(10));
        assert_eq!(read(&["wait=3600"]), Some(60));
        for ignored in [&["wait=0"][..], &["wait=-1"], &["wait"], &["wait=soon"], &[]] {
            assert_eq!(read(ignored), None, "{ignored:?}");
        }
    }
}
