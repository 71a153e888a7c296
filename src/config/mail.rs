//! How mail is sent.

use serde::Deserialize;
use url::Url;

use super::values;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    #[serde(deserialize_with = "values::mail_server")]
    pub smtp_url: Option<Url>,
    pub from: String,
    pub timeout_seconds: u64,
}

impl Mail {
    /// Whether mail is sent at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.smtp_url.is_some()
    }

    /// The mail server as the mail library wants it: everywhere but on this machine, nothing is said before the
    /// connection is encrypted.
    #[must_use]
    pub fn server_url(&self) -> String {
        let Some(url) = &self.smtp_url else { return String::new() };
        let mut url = url.clone();
        if url.scheme() == "smtp" && !self.is_loopback() {
            url.set_query(Some("tls=required"));
        }
        url.into()
    }

    /// Whether the mail server is on this machine. Only special schemes have hosts that are parsed.
    fn is_loopback(&self) -> bool {
        let host = self.smtp_url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        host == "localhost" || address.is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}
