use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::key_file::{self, KeyFileError, PEM_BEGIN, PEM_END};
use crate::random::{self, Random};

pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// What the key signs with (RFC 7518 §3.4); the one algorithm that every server with DPoP is likely to know.
pub(super) const ALGORITHM: &str = "ES256";
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A key that the tokens are bound to (RFC 9449), and the nonce that the server wants to see in the next proof.
pub struct DpopKey {
    pair: EcdsaKeyPair,
    public: Value,
    nonce: Mutex<Option<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum DpopKeyError {
    #[error("Could not create a DPoP key.")]
    NotMade,
    /// The file cannot be read or written.
    #[error("The key file {path} could not be read or created: {source}.")]
    File { path: String, source: io::Error },
    /// Others than the owner may read the file.
    #[error("The key file {path} is readable by other users. Run: chmod 600 {path}")]
    Open { path: String },
    #[error("The key file {path} contains no P-256 private key (PKCS #8, PEM).")]
    NoKey { path: String },
}

impl DpopKey {
    /// A new key that lives as long as this value.
    pub fn generate() -> Result<Self, DpopKeyError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| DpopKeyError::NotMade)?;
        Self::of(pair).ok_or(DpopKeyError::NotMade)
    }

    /// The key in a file, which is made if it is not there; so that the next run is the same device, and can refresh
    /// what this one received.
    pub fn load_or_create(path: &Path) -> Result<Self, DpopKeyError> {
        let shown = || path.display().to_string();
        let unusable = |source| DpopKeyError::File { path: shown(), source };
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let key = Self::generate()?;
                let pem = key.to_pem().ok_or(DpopKeyError::NotMade)?;
                file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(unusable)?;
                Ok(key)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let pem = key_file::read(path).map_err(|error| match error {
                    KeyFileError::Unreadable(source) => unusable(source),
                    KeyFileError::Open => DpopKeyError::Open { path: shown() },
                })?;
                Self::from_pem(&pem).ok_or_else(|| DpopKeyError::NoKey { path: shown() })
            }
            Err(error) => Err(unusable(error)),
        }
    }

    fn of(pair: EcdsaKeyPair) -> Option<Self> {
        // Uncompressed point: 04 ‖ x ‖ y (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let coordinate = |range| point.get(range).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let public = json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33)?, "y": coordinate(33..65)?});
        Some(Self { pair, public, nonce: Mutex::default() })
    }

    fn from_pem(pem: &str) -> Option<Self> {
        let der = key_file::pkcs8(pem)?;
        Self::of(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()?)
    }

    fn to_pem(&self) -> Option<Zeroizing<String>> {
        let der = self.pair.to_pkcs8v1().ok()?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let lines = Zeroizing::new(lines.join("\n"));
        Some(Zeroizing::new(format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", lines.as_str())))
    }

    /// The `DPoP` header for one POST to `url` (RFC 9449 §4.2).
    pub(super) fn proof(&self, url: &Url, now: DateTime<Utc>) -> Option<HeaderValue> {
        let mut jti = [0; 16];
        Random::system().fill(&mut jti);
        let mut endpoint = url.clone();
        endpoint.set_query(None);
        endpoint.set_fragment(None);
        let mut claims = json!({
            "jti": URL_SAFE_NO_PAD.encode(jti), "htm": "POST", "htu": endpoint.as_str(), "iat": now.timestamp(),
        });
        if let Some(nonce) = &*self.nonce.lock().unwrap_or_else(PoisonError::into_inner) {
            claims["nonce"] = json!(nonce);
        }
        let header = json!({"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": self.public});
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = self.pair.sign(&random::for_signatures(), message.as_bytes()).ok()?;
        HeaderValue::from_str(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))).ok()
    }

    /// Keeps the nonce of an answer for the next proof (RFC 9449 §8.2); whether it is another than before.
    pub(super) fn keep_nonce(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get(NONCE).and_then(|value| value.to_str().ok()) else { return false };
        let mut nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner);
        if nonce.as_deref() == Some(given) {
            return false;
        }
        *nonce = Some(given.to_owned());
        true
    }
}

impl std::fmt::Debug for DpopKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DpopKey(…)")
    }
}

#[cfg(test)]
#[path = "tests/dpop.rs"]
mod tests;
