use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode};
use url::Url;

use super::certificate;
use super::printable::printable;

const BODY_LIMIT: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than the usual poll interval of 5 s: many servers close idle connections at 5 s, and a poll must not race
/// that.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The HTTP client could not be set up, for example because the system has no root certificates.
    #[error("Could not set up HTTPS: {0}.")]
    Setup(String),
    /// The server was not reached, or the connection broke or timed out (RFC 8628 §3.5).
    #[error("Could not reach {host}: {why}.")]
    Unreachable { host: String, why: String },
    /// The server's certificate is the trouble.
    #[error("The certificate of {host} is not trusted: {why}.")]
    Certificate { host: String, why: String },
    /// The body exceeds what any answer of RFC 8628 needs.
    #[error("{0} returned more than 64 KiB.")]
    TooLong(String),
}

/// The HTTP client of the flow: follows no redirects, bounds what it reads, names itself.
#[derive(Debug)]
pub struct Http {
    loopback: Client,
    secure: OnceLock<Client>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty for a 5xx answer, of which only the status counts (RFC 8628 §3.5).
    pub(super) body: Vec<u8>,
}

impl Http {
    pub fn new() -> Result<Self, TransportError> {
        // Plain HTTP goes to this machine only: past any proxy, and also where no root certificates are installed.
        let loopback = settings().no_proxy().tls_certs_only([]).build().map_err(setup)?;
        Ok(Self { loopback, secure: OnceLock::new() })
    }

    pub(super) async fn get(&self, url: &Url, timeout: Duration) -> Result<Answer, TransportError> {
        read(url, self.client(url)?.get(url.clone()).timeout(timeout)).await
    }

    pub(super) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Answer, TransportError> {
        read(url, self.client(url)?.post(url.clone()).headers(headers).form(form).timeout(timeout)).await
    }

    fn client(&self, url: &Url) -> Result<&Client, TransportError> {
        if url.scheme() == "http" {
            return Ok(&self.loopback);
        }
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let client = settings().https_only(true).build().map_err(setup)?;
        Ok(self.secure.get_or_init(|| client))
    }
}

fn settings() -> ClientBuilder {
    let json = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    Client::builder()
        .user_agent(concat!("latchkey/", env!("CARGO_PKG_VERSION")))
        .default_headers(json)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
}

async fn read(url: &Url, request: RequestBuilder) -> Result<Answer, TransportError> {
    let unreachable = |error: reqwest::Error| match certificate::trouble(&error) {
        Some(why) => TransportError::Certificate { host: host(url), why },
        None => TransportError::Unreachable { host: host(url), why: cause(&error) },
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    if status.is_server_error() {
        return Ok(Answer { status, headers, body });
    }
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(TransportError::TooLong(host(url)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

pub(super) fn host(url: &Url) -> String {
    url.host_str().map(printable).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
fn setup(error: reqwest::Error) -> TransportError {
    TransportError::Setup(cause(&error))
}

/// The innermost reason; the layers above it repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the request timed out".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    printable(&innermost.to_string())
}
