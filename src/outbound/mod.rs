//! The only way out to addresses that others name, such as a client's `jwks_uri` (RFC 7591 §2).
//!
//! Whoever names an address must not make this server call at what only this server can reach (ASVS 15.3.2). So
//! names are resolved here, every address is looked at, and the connection goes to those addresses and no others:
//! a name cannot change its mind between the look and the call. No redirects, no proxy, no cookies, no compression,
//! bounded in size, time and number.

mod resolver;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use tokio::sync::{OnceCell, Semaphore};
use url::{Host, Url};

use self::resolver::CheckedResolver;
use crate::model::public_address::{NameReach, is_public, name_reach};

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Calls at addresses that others name.
#[derive(Debug)]
pub struct Outbound {
    reachable: Reachable,
    patience: Duration,
    permits: Semaphore,
    /// Made when it is first needed: it reads the system's root certificates.
    client: OnceCell<Client>,
}

/// Which addresses may be called at.
#[derive(Clone, Debug)]
struct Reachable(Vec<IpNet>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a public https URL without credentials or fragment")]
pub struct ForbiddenAddressError;

/// Why there is no answer; for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It may not be called at.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenAddressError),
    /// It did not answer in time.
    #[error("the response timed out")]
    TooSlow,
    /// It could not be reached, or the connection broke.
    #[error("{0}")]
    Broken(String),
    /// It answered with something else than 200.
    #[error("the response has status {0}")]
    Status(u16),
    /// It answered with more than is read.
    #[error("the response is longer than 64 KiB")]
    TooLong,
}

impl Outbound {
    /// A way out to the public internet and these networks, for this number of calls at a time, each of which takes no
    /// longer than `patience`.
    #[must_use]
    pub fn new(networks: &[IpNet], patience: Duration, concurrent: u8) -> Self {
        Self {
            reachable: Reachable(networks.to_vec()),
            patience,
            permits: Semaphore::new(concurrent.into()),
            client: OnceCell::new(),
        }
    }

    /// Whether an address, as it is written, may be called at; what a name stands for is seen at the call.
    pub fn check(&self, url: &Url) -> Result<(), ForbiddenAddressError> {
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            Some(Host::Domain(name)) if self.reachable.can_be(name_reach(name)) => None,
            Some(Host::Domain(_)) | None => return Err(ForbiddenAddressError),
        };
        let scheme_fits = match url.scheme() {
            "https" => true,
            "http" => literal.is_some_and(|address| address.is_loopback()),
            _ => false,
        };
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if scheme_fits && plain && literal.is_none_or(|address| self.reachable.contains(address)) {
            Ok(())
        } else {
            Err(ForbiddenAddressError)
        }
    }

    /// How long a call may take.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Gets the JSON that is at an address.
    pub async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let json = HeaderValue::from_static("application/jwk-set+json, application/json");
        self.call(url, async |client| {
            let mut response = send(client.get(url.clone()).header(ACCEPT, json)).await?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Status(response.status().as_u16()));
            }
            let mut answer = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
                    return Err(FetchError::TooLong);
                }
                answer.extend_from_slice(&chunk);
            }
            Ok(answer)
        })
        .await
    }

    /// Posts JSON to an address; the status it answers with. What else it says is not read.
    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<u16, FetchError> {
        self.call(url, async |client| {
            let request = client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
            let request =
                headers.iter().fold(request, |request, (name, value)| request.header(*name, value.as_str()));
            Ok(send(request).await?.status().as_u16())
        })
        .await
    }

    async fn call<T>(
        &self,
        url: &Url,
        ask: impl AsyncFnOnce(&Client) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        self.check(url)?;
        let called = async {
            let _permit =
                self.permits.acquire().await.map_err(|error| FetchError::Broken(error.to_string()))?;
            ask(self.client.get_or_try_init(|| async { self.client() }).await?).await
        };
        tokio::time::timeout(self.patience, called).await.unwrap_or(Err(FetchError::TooSlow))
    }

    fn client(&self) -> Result<Client, reqwest::Error> {
        Client::builder()
            .user_agent(concat!("latchkey/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            // A kept connection would outlive the look at its address.
            .pool_max_idle_per_host(0)
            .dns_resolver(CheckedResolver(self.reachable.clone()))
            .build()
    }
}

async fn send(request: RequestBuilder) -> Result<Response, FetchError> {
    Ok(request.send().await?)
}

impl Reachable {
    fn contains(&self, address: IpAddr) -> bool {
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns `false` if no address that such a name leads to may be called at.
    fn can_be(&self, reach: NameReach) -> bool {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        match reach {
            NameReach::Loopback => loopback.into_iter().any(|address| self.contains(address)),
            NameReach::Private => !self.0.is_empty(),
            NameReach::Any => true,
        }
    }
}

impl From<reqwest::Error> for FetchError {
    /// The innermost reason; the layers above it repeat the address.
    fn from(error: reqwest::Error) -> Self {
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self::Broken(innermost.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(networks: &[&str]) -> Outbound {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        Outbound::new(&networks, Duration::from_secs(1), 1)
    }

    #[test]
    fn only_plain_https_addresses_of_the_public_internet_are_called_at() {
        let outbound = outbound(&[]);
        for url in [
            "https://keys.example.org/jwks",
            "https://keys.example.org:8443/jwks?client=tv",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(outbound.check(&url.parse().unwrap()), Ok(()), "{url}");
        }
        for url in [
            "http://keys.example.org/jwks",
            "http://8.8.8.8/",
            "http://127.0.0.1/",
            "ftp://keys.example.org/",
            "file:///etc/passwd",
            "data:application/json,{}",
            "https://user@keys.example.org/",
            "https://user:password@keys.example.org/",
            "https://keys.example.org/#fragment",
            // The same loopback address in all its clothes.
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://10.0.0.1/",
            "https://[fd00::1]/",
            // Names that lead to this machine or inside, whatever the resolver says.
            "https://localhost/",
            "https://hooks.localhost:8443/",
            "https://localhost./",
            "https://intranet/",
            "https://db.internal/",
        ] {
            assert_eq!(outbound.check(&url.parse().unwrap()), Err(ForbiddenAddressError), "{url}");
        }
    }

    #[test]
    fn what_the_operator_lists_is_called_at_too_and_loopback_also_without_tls() {
        let outbound = outbound(&["127.0.0.1/32", "10.1.0.0/16"]);
        for url in [
            "http://127.0.0.1:1/",
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://localhost/",
            "https://nas.internal/",
        ] {
            assert_eq!(outbound.check(&url.parse().unwrap()), Ok(()), "{url}");
        }
        for url in [
            "http://10.1.2.3/",
            "https://10.2.0.1/",
            "http://127.0.0.2/",
            "http://localhost/",
            "http://[::1]/",
        ] {
            assert_eq!(outbound.check(&url.parse().unwrap()), Err(ForbiddenAddressError), "{url}");
        }
    }
}
