//! What devices say, and what they understand of the answers.

use axum::body::Bytes;
use hyper::StatusCode;
use serde::Deserialize;

use crate::connection::{Answer, Form};
use crate::database::seed::CLIENT_ID;

/// What a device gets from a start.
#[derive(Debug, Deserialize)]
pub(crate) struct Codes {
    /// Its own.
    pub(crate) device_code: String,
    /// Its person's.
    pub(crate) user_code: String,
}

/// What it gets from a redemption or a refresh.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "RFC 6749 names them")]
struct Tokens {
    access_token: String,
    id_token: Option<String>,
    refresh_token: Option<String>,
}

/// Asks for codes.
pub(crate) fn start() -> Form {
    let body = format!(
        "client_id={CLIENT_ID}&scope=openid+offline_access&device_name=Living+room+TV&os=Linux&client_version=1.0"
    );
    Form { path: "/oauth/device-authorization", body: Bytes::from(body), wait_seconds: None }
}

/// Asks for tokens.
pub(crate) fn poll(device_code: &str) -> Form {
    let body = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id={CLIENT_ID}&device_code={device_code}"
    );
    Form { path: "/oauth/token", body: Bytes::from(body), wait_seconds: None }
}

/// Asks for tokens, and waits for them.
pub(crate) fn patient_poll(device_code: &str) -> Form {
    Form { wait_seconds: Some(30), ..poll(device_code) }
}

/// Asks for new tokens.
pub(crate) fn refresh(refresh_token: &str) -> Form {
    let body = format!("grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={refresh_token}");
    Form { path: "/oauth/token", body: Bytes::from(body), wait_seconds: None }
}

/// The codes in the answer to a start.
pub(crate) fn codes(answer: &Answer) -> Result<Codes, String> {
    serde_json::from_slice(&answer.body).map_err(|_| unexpected(answer))
}

/// The device code of them.
pub(crate) fn device_code(answer: &Answer) -> Result<String, String> {
    codes(answer).map(|codes| codes.device_code)
}

/// The refresh token in an answer that has all three tokens.
pub(crate) fn refresh_token(answer: &Answer) -> Result<String, String> {
    let tokens: Option<Tokens> = serde_json::from_slice(&answer.body).ok();
    let whole = tokens.filter(|tokens| !tokens.access_token.is_empty() && tokens.id_token.is_some());
    whole.and_then(|tokens| tokens.refresh_token).ok_or_else(|| unexpected(answer))
}

/// The access token in an answer that has one.
pub(crate) fn access_token(answer: &Answer) -> Result<String, String> {
    let tokens: Option<Tokens> = serde_json::from_slice(&answer.body).ok();
    tokens.map(|tokens| tokens.access_token).ok_or_else(|| unexpected(answer))
}

/// Insists on `authorization_pending`.
pub(crate) fn still_pending(answer: &Answer) -> Result<(), String> {
    let word = b"\"authorization_pending\"";
    let says_so = answer.body.windows(word.len()).any(|window| window == word);
    if says_so && answer.status == StatusCode::BAD_REQUEST { Ok(()) } else { Err(unexpected(answer)) }
}

/// An answer nobody expected, in words that hold no secret.
pub(crate) fn unexpected(answer: &Answer) -> String {
    if answer.status == StatusCode::OK {
        return "200 without what was expected".to_owned();
    }
    format!("{}: {}", answer.status.as_u16(), String::from_utf8_lossy(&answer.body))
}
