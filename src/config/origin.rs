//! Under which addresses the service is reached.

use url::Url;

use super::Config;

impl Config {
    /// The origin of the service without a trailing slash, such as `https://login.example.org`.
    #[must_use]
    pub fn public_origin(&self) -> String {
        match &self.server.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.server.listen),
        }
    }

    /// The same with another host: tenants' hosts are reached by the scheme and at the port of the service.
    #[must_use]
    pub fn origin_at(&self, host: &str) -> String {
        let mut origin = self.public_origin();
        if let Ok(mut url) = Url::parse(&origin)
            && url.set_host(Some(host)).is_ok()
        {
            origin = url.origin().ascii_serialization();
        }
        origin
    }

    /// Whether people and devices reach the service over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.server.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}
