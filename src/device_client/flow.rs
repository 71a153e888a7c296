use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::answer::{OAuthError, Polled, oauth_error, unquoted};
use super::description::DeviceDescription;
use super::discovery::Metadata;
use super::dpop::{ALGORITHM, DPOP, DpopKey};
use super::http::{Answer, Http, TransportError, host};
use super::identity::{ClientIdentity, NoClientAuthError, Secret};
use super::pacing::LongPoll;
use super::wire;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const PREFER: HeaderName = HeaderName::from_static("prefer");
const TIMEOUT: Duration = Duration::from_secs(30);
const HOLD_ALLOWANCE: Duration = Duration::from_secs(15);
/// RFC 8628 §3.5: the interval of a server that names none.
const DEFAULT_INTERVAL: u64 = 5;

#[derive(Debug)]
pub struct DeviceFlow {
    pub http: Http,
    /// Where the endpoints are (RFC 8628 §4).
    pub metadata: Metadata,
    pub identity: ClientIdentity,
    /// Whether polls may be held (RFC 7240 §4.3).
    pub long_poll: LongPoll,
    /// The key that the tokens are to be bound to (RFC 9449).
    pub dpop: Option<Arc<DpopKey>>,
}

/// What the server hands out at the start (RFC 8628 §3.2).
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    /// The code this device polls with; nobody else may see it.
    pub device_code: Secret,
    pub user_code: String,
    pub verification_uri: String,
    /// The same address with the code in it, for a QR code (RFC 8628 §3.3.1).
    pub verification_uri_complete: Option<String>,
    pub expires_in: Duration,
    /// How long to wait between polls.
    pub interval: Duration,
    /// Whether the approval page shows something that this device must send.
    pub confirmation: Confirmation,
}

/// Whether the approval page shows characters that the device must send as `confirmation_code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    Never,
    Possible,
    Required,
}

#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// `access_denied` (RFC 8628 §3.5).
    #[error("The request was denied.")]
    Denied,
    /// `expired_token`, or `expires_in` has passed (RFC 8628 §3.5).
    #[error("The code expired before it was approved.")]
    Expired,
    /// Any other error (RFC 6749 §5.2).
    #[error("The server rejected the request: {0}.")]
    Refused(OAuthError),
    /// The server cannot bind tokens to a key (RFC 9449 §5.1).
    #[error("The server does not advertise DPoP with {ALGORITHM}.")]
    NoDpop,
    /// There are tokens, but everybody who gets hold of them can use them (RFC 9449 §5).
    #[error("The server returned tokens that are not bound to the key; they were discarded.")]
    NotBound,
    /// The answer does not follow RFC 8628.
    #[error("The server returned an invalid response: {0}.")]
    Unreadable(String),
    /// The client and the server have no way of authentication in common.
    #[error(transparent)]
    ClientAuth(#[from] NoClientAuthError),
    /// The flow could not be started because the server was not reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

#[derive(Deserialize)]
struct StartAnswer {
    device_code: String,
    user_code: String,
    verification_uri: Option<String>,
    /// The name in the drafts of RFC 8628, which Google still sends.
    verification_url: Option<String>,
    verification_uri_complete: Option<String>,
    #[serde(default, deserialize_with = "wire::seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "wire::seconds")]
    interval: Option<u64>,
    #[serde(default)]
    confirmation_required: bool,
    #[serde(default)]
    confirmation_possible: bool,
}

impl DeviceFlow {
    /// Asks for a device code and a user code (RFC 8628 §3.1).
    pub async fn start(
        &self,
        scope: Option<&str>,
        device: &DeviceDescription,
    ) -> Result<DeviceAuthorization, FlowError> {
        let algorithms = &self.metadata.dpop_signing_alg_values_supported;
        if self.dpop.is_some() && !algorithms.iter().any(|name| name == ALGORITHM) {
            return Err(FlowError::NoDpop);
        }
        let mut form = Vec::new();
        form.extend(scope.filter(|scope| !scope.is_empty()).map(|scope| ("scope", scope)));
        form.extend(device.members());
        let url = &self.metadata.device_authorization_endpoint;
        let answer = self.post(url, &form, None, TIMEOUT).await?;
        if answer.status.is_success() && oauth_error(&answer).is_none() {
            return read_start(&answer.body);
        }
        Err(match oauth_error(&answer) {
            Some(error) => FlowError::Refused(error),
            None => FlowError::Unreadable(format!("{} from {}", answer.status, host(url))),
        })
    }

    /// Asks once whether somebody has decided (RFC 8628 §3.4), and asks to be held for `hold`. `confirmation_code` is
    /// what the person has typed, if anything.
    pub async fn poll(
        &self,
        authorization: &DeviceAuthorization,
        confirmation_code: Option<&str>,
        hold: Option<Duration>,
    ) -> Result<Polled, FlowError> {
        let mut form = vec![("grant_type", GRANT_TYPE), ("device_code", authorization.device_code.expose())];
        form.extend(confirmation_code.map(|code| ("confirmation_code", code)));
        let timeout = hold.map_or(TIMEOUT, |hold| hold.saturating_add(HOLD_ALLOWANCE));
        let url = &self.metadata.token_endpoint;
        match self.post(url, &form, hold, timeout).await {
            Ok(answer) => Ok(Polled::read(&answer, now())),
            Err(FlowError::Transport(TransportError::Unreachable { why, .. })) => {
                Ok(Polled::unavailable(why))
            }
            Err(other) => Err(other),
        }
    }

    /// Posts a form with what the client presents; with a key, also its proof. A server that wants a nonce in it is asked once more, with that.
    async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        hold: Option<Duration>,
        timeout: Duration,
    ) -> Result<Answer, FlowError> {
        let answer = self.post_once(url, form, hold, timeout).await?;
        let Some(key) = &self.dpop else { return Ok(answer) };
        let is_new = key.keep_nonce(&answer.headers);
        if !is_new || oauth_error(&answer).is_none_or(|error| error.code != "use_dpop_nonce") {
            return Ok(answer);
        }
        let second = self.post_once(url, form, hold, timeout).await?;
        key.keep_nonce(&second.headers);
        Ok(second)
    }

    async fn post_once(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        hold: Option<Duration>,
        timeout: Duration,
    ) -> Result<Answer, FlowError> {
        let presented = self.identity.present(&self.metadata, now())?;
        let own = presented.members.iter().map(|(name, value)| (*name, value.as_ref()));
        let form: Vec<(&str, &str)> = form.iter().copied().chain(own).collect();
        let headers = self.headers(url, hold, presented.header);
        Ok(self.http.post(url, &form, headers, timeout).await?)
    }

    fn headers(&self, url: &Url, hold: Option<Duration>, authorization: Option<HeaderValue>) -> HeaderMap {
        let authorization = authorization.map(|value| (AUTHORIZATION, value));
        let prefer = hold
            .and_then(|hold| HeaderValue::from_str(&format!("wait={}", hold.as_secs())).ok())
            .map(|value| (PREFER, value));
        let proof = self.dpop.as_ref().and_then(|key| key.proof(url, now())).map(|value| (DPOP, value));
        authorization.into_iter().chain(prefer).chain(proof).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "the client's clock; proofs say when they were made")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Reads RFC 8628 §3.2.
fn read_start(body: &[u8]) -> Result<DeviceAuthorization, FlowError> {
    let unusable = |why: &str| FlowError::Unreadable(why.to_owned());
    let answer: StartAnswer = serde_json::from_slice(body)
        .map_err(|error| unusable(&format!("no device authorization, {}", unquoted(&error))))?;
    let Some(verification_uri) = answer.verification_uri.or(answer.verification_url) else {
        return Err(unusable("it has no verification_uri"));
    };
    if !is_web_address(&verification_uri) {
        return Err(unusable("its verification_uri is not a web URL"));
    }
    let expires_in = answer.expires_in.ok_or_else(|| unusable("it has no expires_in"))?;
    Ok(DeviceAuthorization {
        device_code: Secret::new(answer.device_code),
        user_code: answer.user_code,
        verification_uri,
        verification_uri_complete: answer.verification_uri_complete.filter(|uri| is_web_address(uri)),
        expires_in: Duration::from_secs(expires_in),
        // An interval of 0 would make this client hammer the server.
        interval: Duration::from_secs(answer.interval.unwrap_or(DEFAULT_INTERVAL).max(1)),
        confirmation: match (answer.confirmation_required, answer.confirmation_possible) {
            (true, _) => Confirmation::Required,
            (false, true) => Confirmation::Possible,
            (false, false) => Confirmation::Never,
        },
    })
}

/// A phone opens what a QR code holds, so that it must not be some other kind of URI.
fn is_web_address(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

#[cfg(test)]
#[path = "tests/flow.rs"]
mod tests;
