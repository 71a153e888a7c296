//! Public keys that verify what others signed (RFC 7517, RFC 7518, RFC 8037).

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::key_thumbprint::KeyThumbprint;
use super::signing_key::SigningAlgorithm;

/// Members that only a private or symmetric key has (RFC 7518 §6, RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// The longest RSA modulus, in bytes: more would make verifying a burden. The shortest is 2048 bits.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A public key and the one algorithm it is used with.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    kind: Kind,
    thumbprint: KeyThumbprint,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Uncompressed point (SEC 1 §2.3.3).
    Es256(Vec<u8>),
    Rs256(PublicKeyComponents<Vec<u8>>),
    EdDsa(Vec<u8>),
}

/// The JWK is no public key that verifies signatures here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key must be a public JWK for ES256, RS256 (2048 to 8192 bits) or EdDSA (Ed25519), without private members"
)]
pub struct UnusableJwkError;

impl VerifyingKey {
    /// Reads a JWK. Where the use demands an algorithm, the key must be one for it; a key that says what it is for
    /// is not used for anything else (RFC 7517 §4.2 to §4.4).
    pub fn from_jwk(
        jwk: &Map<String, Value>,
        demanded: Option<SigningAlgorithm>,
    ) -> Result<Self, UnusableJwkError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or(UnusableJwkError);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).map_err(|_| UnusableJwkError);
        let verifies = |operation: &Value| operation.as_str() == Some("verify");
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name))
            || jwk.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig"))
            || jwk
                .get("key_ops")
                .is_some_and(|all| !all.as_array().is_some_and(|all| all.iter().any(verifies)))
        {
            return Err(UnusableJwkError);
        }
        let (kind, required) = match (text("kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(UnusableJwkError);
                }
                let required = json!({"crv": "P-256", "kty": "EC", "x": text("x")?, "y": text("y")?});
                (Kind::Es256([&[4], &x[..], &y[..]].concat()), required)
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x")?;
                if x.len() != 32 {
                    return Err(UnusableJwkError);
                }
                (Kind::EdDsa(x), json!({"crv": "Ed25519", "kty": "OKP", "x": text("x")?}))
            }
            ("RSA", None) => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                let is_odd = e.last().is_some_and(|last| last % 2 == 1);
                if !RSA_MODULUS_BYTES.contains(&n.len()) || !is_odd || e.len() > 4 || e == [1] {
                    return Err(UnusableJwkError);
                }
                let required = json!({"e": text("e")?, "kty": "RSA", "n": text("n")?});
                (Kind::Rs256(PublicKeyComponents { n, e }), required)
            }
            _ => return Err(UnusableJwkError),
        };
        // `serde_json` keeps members in alphabetical order and writes no white space.
        let key = Self { kind, thumbprint: KeyThumbprint::of(&required.to_string()) };
        let fits = |algorithm: Option<SigningAlgorithm>| algorithm == Some(key.algorithm());
        if jwk.get("alg").is_some_and(|alg| !fits(alg.as_str().and_then(SigningAlgorithm::parse_presented)))
            || demanded.is_some_and(|demanded| !fits(Some(demanded)))
        {
            return Err(UnusableJwkError);
        }
        Ok(key)
    }

    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        match self.kind {
            Kind::Es256(_) => SigningAlgorithm::Es256,
            Kind::Rs256(_) => SigningAlgorithm::Rs256,
            Kind::EdDsa(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// The key's name (RFC 7638).
    #[must_use]
    pub const fn thumbprint(&self) -> KeyThumbprint {
        self.thumbprint
    }

    /// Whether the holder of the private half signed the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Kind::Rs256(components) => components.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Kind::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        }
        .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signing_key::NewKeyPair;

    fn jwk(algorithm: SigningAlgorithm) -> Map<String, Value> {
        NewKeyPair::generate(algorithm).unwrap().public_jwk.as_object().unwrap().clone()
    }

    fn read(jwk: &Value) -> Result<VerifyingKey, UnusableJwkError> {
        VerifyingKey::from_jwk(jwk.as_object().unwrap(), None)
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        // The key and the result of RFC 7638 §3.1.
        let key = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
                  jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz\
                  s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-\
                  G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
        });
        assert_eq!(
            read(&key).unwrap().thumbprint().to_string(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        for algorithm in SigningAlgorithm::ALL {
            let jwk = jwk(algorithm);
            let key = VerifyingKey::from_jwk(&jwk, Some(algorithm)).unwrap();
            assert_eq!(
                (key.algorithm(), json!(key.thumbprint().to_string())),
                (algorithm, jwk["kid"].clone())
            );
        }
    }

    #[test]
    fn keys_for_anything_else_are_refused() {
        let with = |name: &str, value: Value| {
            let mut key = jwk(SigningAlgorithm::Es256);
            key.insert(name.to_owned(), value);
            Value::Object(key)
        };
        for (name, value) in [
            ("d", json!("AA")),
            ("k", json!("AA")),
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("alg", json!("RS256")),
            ("alg", json!("none")),
            ("alg", json!(1)),
            ("crv", json!("P-384")),
            ("kty", json!("oct")),
            ("x", json!("AA")),
            ("x", json!(null)),
            ("y", json!("!")),
        ] {
            assert_eq!(read(&with(name, value.clone())).err(), Some(UnusableJwkError), "{name} {value}");
        }
        assert!(read(&with("key_ops", json!(["verify"]))).is_ok());
        let short = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"});
        let even = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "Ag"});
        for bad in [short, even, json!({}), json!({"kty": "OKP", "crv": "X25519", "x": "AA"})] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        let key = jwk(SigningAlgorithm::EdDsa);
        assert!(VerifyingKey::from_jwk(&key, Some(SigningAlgorithm::Es256)).is_err());
    }
}
