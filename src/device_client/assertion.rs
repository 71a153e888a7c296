use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::key_file::{self, KeyFileError};
use crate::model::signing_key::{SigningAlgorithm, SigningPair};
use crate::random::Random;

/// `client_assertion_type` (RFC 7523 §2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds for which an assertion is valid; each request brings a new one.
const LIFETIME: i64 = 60;

/// A client's own key, with which it signs assertions (`private_key_jwt`, RFC 7523).
pub struct ClientKey {
    pair: SigningPair,
    id: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientKeyError {
    #[error("The key file {path} cannot be read: {source}.")]
    File { path: String, source: std::io::Error },
    /// Others than the owner may read the file.
    #[error("The key file {path} is readable by other users. Run: chmod 600 {path}")]
    Open { path: String },
    #[error(
        "The key file {path} contains no P-256, Ed25519 or RSA private key (PKCS #8, PEM). Convert another \
         format with: openssl pkcs8 -topk8 -nocrypt -in {path}"
    )]
    NoKey { path: String },
}

impl ClientKey {
    /// Reads the key in a file. `id` becomes the `kid` of the assertions.
    pub fn load(path: &Path, id: Option<String>) -> Result<Self, ClientKeyError> {
        let shown = || path.display().to_string();
        let pem = key_file::read(path).map_err(|unusable| match unusable {
            KeyFileError::Unreadable(source) => ClientKeyError::File { path: shown(), source },
            KeyFileError::Open => ClientKeyError::Open { path: shown() },
        })?;
        Self::from_pem(&pem, id).ok_or_else(|| ClientKeyError::NoKey { path: shown() })
    }

    fn from_pem(pem: &str, id: Option<String>) -> Option<Self> {
        let der = key_file::pkcs8(pem)?;
        // The file names its kind: a key of one kind is none of the others.
        let pair = SigningAlgorithm::ALL.into_iter().find_map(|kind| SigningPair::read(kind, &der).ok())?;
        Some(Self { pair, id })
    }

    /// An assertion of `client_id` for `audience` (RFC 7523 §3). `None` if the key does not sign.
    pub(super) fn assertion(&self, client_id: &str, audience: &str, now: DateTime<Utc>) -> Option<String> {
        let mut jti = [0; 16];
        Random::system().fill(&mut jti);
        let mut header = json!({"typ": "client-authentication+jwt", "alg": self.pair.algorithm().as_str()});
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience, "jti": URL_SAFE_NO_PAD.encode(jti),
            "iat": now.timestamp(), "exp": now.timestamp() + LIFETIME,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = self.pair.sign(message.as_bytes()).ok()?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;
    use crate::model::signing_key::NewKeyPair;

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    fn pem(kind: SigningAlgorithm) -> String {
        let der = NewKeyPair::generate(kind).unwrap().private_der;
        format!("{}\n{}\n{}\n", key_file::PEM_BEGIN, STANDARD.encode(&der[..]), key_file::PEM_END)
    }

    #[test]
    fn an_assertion_names_client_audience_and_a_short_life() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for kind in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
            let key = ClientKey::from_pem(&pem(kind), Some("k1".to_owned())).unwrap();
            let sign = || key.assertion("tv", "https://as.example", now).unwrap();
            let (first, second) = (sign(), sign());
            let parts: Vec<&str> = first.split('.').collect();
            let header = json!({"typ": "client-authentication+jwt", "alg": kind.as_str(), "kid": "k1"});
            assert_eq!(decoded(parts[0]), header);
            let claims = decoded(parts[1]);
            for member in ["iss", "sub"] {
                assert_eq!(claims[member], "tv");
            }
            assert_eq!(claims["aud"], "https://as.example");
            assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_800_000_000), &json!(1_800_000_060)));
            assert_ne!(claims["jti"], decoded(second.split('.').nth(1).unwrap())["jti"]);
        }
    }

    #[test]
    fn only_a_private_key_is_a_key() {
        for text in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "{}"] {
            assert!(ClientKey::from_pem(text, None).is_none(), "{text}");
        }
    }
}
