//! The HTTP client of the tests, whose servers are all on this machine and speak plain HTTP.

use reqwest::{Client, ClientBuilder};

/// One to go on from. It trusts no certificate at all: reading the hundreds that a system trusts is most of what a client
/// costs, and each test makes several.
pub fn builder() -> ClientBuilder {
    Client::builder().no_proxy().tls_certs_only([])
}

/// One that is like any program's.
pub fn client() -> Client {
    builder().build().expect("a client")
}
