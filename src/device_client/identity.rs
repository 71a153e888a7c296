use std::{
    fmt,
    io::{self, BufRead},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use url::form_urlencoded::byte_serialize;

/// A value that `Debug` never prints: a client secret (RFC 6749 §2.3.1) or a device code (RFC 8628 §3.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Reads a client secret (RFC 6749 §2.3.1) from the first line of `input`; `None` when that is empty.
    pub fn from_first_line(mut input: impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let secret = line.trim_end_matches(['\r', '\n']);
        Ok((!secret.is_empty()).then(|| Self::new(secret)))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Who the client says it is (RFC 6749 §2.2) and, for a confidential client, its secret (§2.3.1).
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    id: String,
    secret: Option<Secret>,
}

impl ClientIdentity {
    /// A public client (RFC 6749 §2.1).
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), secret: None }
    }

    /// A confidential client (RFC 6749 §2.1), which authenticates by HTTP Basic.
    #[must_use]
    pub fn confidential(id: impl Into<String>, secret: Secret) -> Self {
        Self { id: id.into(), secret: Some(secret) }
    }

    /// The client identifier (RFC 6749 §2.2).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `Authorization` header of RFC 6749 §2.3.1: both halves are form-urlencoded before they are joined.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let secret = self.secret.as_ref()?;
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.id), encoded(secret.expose()));
        let mut header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_basic_are_form_urlencoded_first() {
        let identity = ClientIdentity::confidential("tv:1", Secret::new("a b%+é"));
        let header = identity.authorization().unwrap();
        assert_eq!(header, format!("Basic {}", STANDARD.encode("tv%3A1:a+b%25%2B%C3%A9")));
        assert!(header.is_sensitive());
        assert!(ClientIdentity::public("tv").authorization().is_none());
    }

    #[test]
    fn the_secret_is_not_printed() {
        let shown = format!("{:?}", ClientIdentity::confidential("tv", Secret::new("hunter2")));
        assert!(shown.contains("tv") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_secret_is_read_without_its_line_end() {
        assert_eq!(Secret::from_first_line(&b"s3cret \r\nmore"[..]).unwrap(), Some(Secret::new("s3cret ")));
        assert_eq!(Secret::from_first_line(&b"\n"[..]).unwrap(), None);
    }
}
