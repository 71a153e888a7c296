use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::header::HeaderValue;
use url::form_urlencoded::byte_serialize;

use super::assertion::{ASSERTION_TYPE, ClientKey};
use super::discovery::Metadata;

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

/// How a client authenticates (RFC 6749 §2.3, OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// The secret in the `Authorization` header.
    SecretBasic,
    SecretPost,
    /// An assertion that the client's key signs.
    PrivateKeyJwt,
}

impl ClientAuth {
    pub const ALL: [Self; 3] = [Self::SecretBasic, Self::SecretPost, Self::PrivateKeyJwt];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// The server takes none of the methods that the client can use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The server accepts {offered} for client authentication, and this client has no credential for any of \
     them; set --client-auth if the server accepts another method anyway."
)]
pub struct NoClientAuthError {
    offered: String,
}

#[derive(Clone, Debug)]
enum Credential {
    None,
    Secret(Secret),
    Key { key: Arc<ClientKey>, audience: Option<String> },
}

/// Who the client says it is (RFC 6749 §2.2) and, for a confidential client, its proof (§2.3).
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    id: String,
    credential: Credential,
    /// `None` lets the metadata of the server choose.
    method: Option<ClientAuth>,
}

/// What a request carries for the client.
#[derive(Debug, Default)]
pub(super) struct Presented<'a> {
    pub(super) members: Vec<(&'static str, Cow<'a, str>)>,
    pub(super) header: Option<HeaderValue>,
}

impl ClientIdentity {
    /// A public client (RFC 6749 §2.1).
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), credential: Credential::None, method: None }
    }

    /// A confidential client with a secret (RFC 6749 §2.3.1).
    #[must_use]
    pub fn confidential(id: impl Into<String>, secret: Secret) -> Self {
        Self { id: id.into(), credential: Credential::Secret(secret), method: None }
    }

    /// A confidential client with a key (RFC 7523). `audience` is the `aud` of its assertions; `None` means the issuer.
    #[must_use]
    pub fn with_key(id: impl Into<String>, key: ClientKey, audience: Option<String>) -> Self {
        Self { id: id.into(), credential: Credential::Key { key: Arc::new(key), audience }, method: None }
    }

    /// The same client, which authenticates by `method` whatever the metadata says. `None` lets the metadata choose.
    #[must_use]
    pub fn by(self, method: Option<ClientAuth>) -> Self {
        Self { method, ..self }
    }

    /// The client identifier (RFC 6749 §2.2).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The method for a server that takes `supported`; `None` for a public client. A server whose methods are unknown
    /// takes HTTP Basic, as each must that knows secrets (RFC 6749 §2.3.1), and is trusted to know the key.
    pub(super) fn method(
        &self,
        supported: Option<&[String]>,
    ) -> Result<Option<ClientAuth>, NoClientAuthError> {
        let usable: &[ClientAuth] = match self.credential {
            Credential::None => return Ok(None),
            Credential::Secret(_) => &[ClientAuth::SecretBasic, ClientAuth::SecretPost],
            Credential::Key { .. } => &[ClientAuth::PrivateKeyJwt],
        };
        if self.method.is_some() {
            return Ok(self.method);
        }
        let Some(supported) = supported else { return Ok(usable.first().copied()) };
        let fits = |method: &&ClientAuth| supported.iter().any(|name| name == method.as_str());
        match usable.iter().find(fits) {
            Some(method) => Ok(Some(*method)),
            None => Err(NoClientAuthError { offered: super::printable(&supported.join(", ")) }),
        }
    }

    /// What the next request carries. Beside HTTP Basic the body does not repeat the identifier: some servers take that
    /// for two ways of authentication at once.
    pub(super) fn present(
        &self,
        metadata: &Metadata,
        now: DateTime<Utc>,
    ) -> Result<Presented<'_>, NoClientAuthError> {
        let method = self.method(metadata.token_endpoint_auth_methods_supported.as_deref())?;
        let id = ("client_id", Cow::from(&self.id));
        Ok(match (&self.credential, method) {
            (Credential::Secret(secret), Some(ClientAuth::SecretPost)) => {
                Presented { members: vec![id, ("client_secret", Cow::from(secret.expose()))], header: None }
            }
            (Credential::Secret(secret), _) => Presented { members: Vec::new(), header: self.basic(secret) },
            (Credential::Key { key, audience }, _) => {
                let audience = audience.as_deref().unwrap_or_else(|| metadata.audience());
                let assertion = key.assertion(&self.id, audience, now).unwrap_or_default();
                let members = vec![
                    id,
                    ("client_assertion_type", Cow::from(ASSERTION_TYPE)),
                    ("client_assertion", Cow::from(assertion)),
                ];
                Presented { members, header: None }
            }
            (Credential::None, _) => Presented { members: vec![id], header: None },
        })
    }

    /// The `Authorization` header of RFC 6749 §2.3.1: both halves are form-urlencoded before they are joined.
    fn basic(&self, secret: &Secret) -> Option<HeaderValue> {
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
        let secret = Secret::new("a b%+é");
        let header = ClientIdentity::confidential("tv:1", secret.clone()).basic(&secret).unwrap();
        assert_eq!(header, format!("Basic {}", STANDARD.encode("tv%3A1:a+b%25%2B%C3%A9")));
        assert!(header.is_sensitive());
    }

    #[test]
    fn the_metadata_chooses_the_method_unless_one_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let secret = || ClientIdentity::confidential("tv", Secret::new("s"));
        let chosen = |identity: &ClientIdentity, supported: Option<&[&str]>| {
            let supported = supported.map(names);
            identity.method(supported.as_deref()).map(|method| method.map(ClientAuth::as_str))
        };
        for (supported, expected) in [
            (None, Ok(Some("client_secret_basic"))),
            (Some(&["client_secret_basic", "client_secret_post"][..]), Ok(Some("client_secret_basic"))),
            (Some(&["client_secret_post", "client_secret_basic"]), Ok(Some("client_secret_basic"))),
            (Some(&["none", "client_secret_post"]), Ok(Some("client_secret_post"))),
            (
                Some(&["none", "tls_client_auth"]),
                Err(NoClientAuthError { offered: "none, tls_client_auth".to_owned() }),
            ),
        ] {
            assert_eq!(chosen(&secret(), supported), expected, "{supported:?}");
        }
        assert_eq!(chosen(&ClientIdentity::public("tv"), Some(&["client_secret_basic"])), Ok(None));
        let forced = secret().by(Some(ClientAuth::SecretPost));
        assert_eq!(chosen(&forced, Some(&["client_secret_basic"])), Ok(Some("client_secret_post")));
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
