use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::http::Answer;
use super::printable::printable;
use super::tokens::TokenResponse;
use super::wire;

/// An error the server answered with (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OAuthError {
    /// The error code, such as `invalid_client`.
    #[serde(rename = "error")]
    pub code: String,
    #[serde(rename = "error_description")]
    pub description: Option<String>,
}

impl fmt::Display for OAuthError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&printable(&self.code))?;
        match self.description.as_deref() {
            Some(description) if !description.is_empty() => {
                write!(formatter, " ({})", printable(description))
            }
            _ => Ok(()),
        }
    }
}

/// What one poll brought (RFC 8628 §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    /// `authorization_pending`: nobody has decided yet.
    Pending,
    /// `authorization_pending`: what the person typed is not what the page shows.
    WrongConfirmation {
        attempts_left: u64,
    },
    /// `slow_down`: nobody has decided yet, and the polls come too fast.
    SlowDown,
    /// `access_denied`: somebody refused.
    Denied,
    /// `expired_token`: the codes ran out.
    Expired,
    Tokens(Box<TokenResponse>),
    Refused(OAuthError),
    /// The server was not reached or cannot answer now; polling goes on, more slowly. Holds the reason.
    Unavailable(String),
    /// The answer is none that OAuth knows; polling stops. Holds what it was.
    Unreadable(String),
}

/// A poll's answer with what its headers say about the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    pub answer: PollAnswer,
    /// `Retry-After` (RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
    /// Whether the server held this poll (`Preference-Applied: wait`, RFC 7240 §3).
    pub held: bool,
    /// The interval that came with `slow_down`, which GitHub sends.
    pub interval: Option<Duration>,
}

impl Polled {
    pub(super) fn unavailable(why: String) -> Self {
        Self { answer: PollAnswer::Unavailable(why), retry_after: None, held: false, interval: None }
    }

    pub(super) fn read(answer: &Answer, now: DateTime<Utc>) -> Self {
        Self {
            retry_after: retry_after(&answer.headers, now),
            held: is_wait_applied(&answer.headers),
            interval: interval(answer),
            answer: classify(answer),
        }
    }
}

fn classify(answer: &Answer) -> PollAnswer {
    let status = answer.status;
    if status.is_server_error() {
        return PollAnswer::Unavailable(format!("the server returned {status}"));
    }
    let error = oauth_error(answer);
    match error.as_ref().map(|error| error.code.as_str()) {
        Some("authorization_pending") => {
            return match attempts_left(answer) {
                Some(attempts_left) => PollAnswer::WrongConfirmation { attempts_left },
                None => PollAnswer::Pending,
            };
        }
        Some("slow_down") => return PollAnswer::SlowDown,
        Some("access_denied") => return PollAnswer::Denied,
        Some("expired_token") => return PollAnswer::Expired,
        _ => {}
    }
    // 408 and 429 speak of this request, not of the grant.
    if matches!(status.as_u16(), 408 | 429) {
        return PollAnswer::Unavailable(format!("the server returned {status}"));
    }
    if let Some(error) = error {
        return PollAnswer::Refused(error);
    }
    if !status.is_success() {
        return PollAnswer::Unreadable(format!("{status} without an OAuth error"));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(tokens) => PollAnswer::Tokens(Box::new(tokens)),
        Err(error) => PollAnswer::Unreadable(format!("{status} without tokens ({})", unquoted(&error))),
    }
}

/// The interval in the body of an error.
fn interval(answer: &Answer) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "wire::seconds")]
        interval: Option<u64>,
    }
    serde_json::from_slice::<Body>(&answer.body).ok()?.interval.map(Duration::from_secs)
}

fn attempts_left(answer: &Answer) -> Option<u64> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    body.get("confirmation_attempts_left")?.as_u64()
}

/// The error of RFC 6749 §5.2. Some servers send it with 200.
pub(super) fn oauth_error(answer: &Answer) -> Option<OAuthError> {
    serde_json::from_slice(&answer.body).ok()
}

/// Where the JSON fails. The parser's own sentence can quote what it met, and that may be a token.
pub(super) fn unquoted(error: &serde_json::Error) -> String {
    format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column())
}

/// Both forms of RFC 9110 §10.2.3, seconds and a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let written = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = written.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(written).ok()?;
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

fn is_wait_applied(headers: &HeaderMap) -> bool {
    headers
        .get_all("preference-applied")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(['=', ';']).next())
        .any(|name| name.trim().eq_ignore_ascii_case("wait"))
}

#[cfg(test)]
#[path = "tests/answer.rs"]
mod tests;
