//! Host names that are a tenant's own.

use std::fmt;

/// A DNS name in lower case, with two labels or more and without a port (RFC 1123 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantHost(String);

/// The text is no host name for a tenant.
#[derive(Debug, thiserror::Error)]
#[error(
    "a tenant host must be a DNS name such as login.example.org, without scheme, port or path; write \
     letters other than a to z in punycode"
)]
pub struct InvalidHostError;

impl TenantHost {
    pub fn parse(text: &str) -> Result<Self, InvalidHostError> {
        let host = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(legal)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last = host.rsplit('.').next().unwrap_or_default();
        // The last label of an IPv4 address is a number.
        let is_name = host.contains('.') && last.starts_with(|first: char| first.is_ascii_lowercase());
        if host.len() <= 253 && is_name && host.split('.').all(is_label) {
            Ok(Self(host))
        } else {
            Err(InvalidHostError)
        }
    }

    /// The name in a `Host` header (RFC 9110 §7.2), whatever its port; `None` when it can be no tenant's.
    #[must_use]
    pub fn of_authority(authority: &str) -> Option<Self> {
        let (name, port) = authority.split_once(':').unwrap_or((authority, ""));
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A dot at the end says that the name is complete, which ours all are.
        Self::parse(name.strip_suffix('.').unwrap_or(name)).ok()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_nothing_else() {
        for good in ["acme.example", "Login.ACME.example", "xn--bcher-kva.example", "a.b-c.d1"] {
            assert_eq!(TenantHost::parse(good).unwrap().as_str(), good.to_ascii_lowercase());
        }
        let long = format!("{}.example", "a".repeat(64));
        for bad in [
            "",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "acme.example:8443",
            "https://acme.example",
            "acme.example/",
            "acme..example",
            ".example",
            "-a.example",
            "a-.example",
            "bücher.example",
            "a_b.example",
            "a b.example",
            &long,
        ] {
            assert!(TenantHost::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_port_and_the_case_of_a_header_do_not_matter() {
        let acme = TenantHost::parse("acme.example").unwrap();
        for header in ["acme.example", "ACME.example:8443", "acme.example.", "acme.example.:80"] {
            assert_eq!(TenantHost::of_authority(header), Some(acme.clone()), "{header}");
        }
        for header in ["acme.example:http", "acme.example@evil.example", "[::1]:80", "127.0.0.1:80", ""] {
            assert_eq!(TenantHost::of_authority(header), None, "{header}");
        }
    }
}
