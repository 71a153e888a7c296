//! JSON Web Signatures that others present (RFC 7515): client assertions, DPoP proofs, our own access tokens.
//!
//! Only the compact form with one signature is read, and strictly: what a library would silently forgive is where
//! two readers come to differ (RFC 8725 §3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::signing_key::SigningAlgorithm;
use super::strict_json;
use super::verifying_key::VerifyingKey;

/// The longest token that is looked at, in bytes; the largest honest one is far below.
pub const MAX_JWS_BYTES: usize = 8192;

/// A token in compact form, taken apart; nothing in it is believed before its signature is verified.
#[derive(Debug)]
pub struct UnverifiedJws<'a> {
    /// The header's members (RFC 7515 §4), without `crit`: who uses it is refused.
    pub header: Map<String, Value>,
    /// What signed it, as it says; one of those we know.
    pub algorithm: SigningAlgorithm,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// The text is no token that could be verified here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a compact signed token with an accepted algorithm")]
pub struct MalformedJwsError;

/// The signature is not that of the key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid signature")]
pub struct SignatureError;

impl<'a> UnverifiedJws<'a> {
    /// Takes a token apart. Refused are tokens over [`MAX_JWS_BYTES`], with other than three parts (so every JWE),
    /// in another serialisation, with repeated members, `crit` or `b64`, unsigned ones, and those with a symmetric
    /// or unknown algorithm.
    pub fn parse(token: &'a str) -> Result<Self, MalformedJwsError> {
        if token.len() > MAX_JWS_BYTES {
            return Err(MalformedJwsError);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(MalformedJwsError)?;
        let (header, claims) = signed.split_once('.').ok_or(MalformedJwsError)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MalformedJwsError);
        let object = |part: &str| strict_json::object(&decode(part)?).map_err(|_| MalformedJwsError);
        let header = object(header)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(MalformedJwsError);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(SigningAlgorithm::parse_presented);
        Ok(Self {
            algorithm: algorithm.ok_or(MalformedJwsError)?,
            claims: object(claims)?,
            header,
            signed,
            signature: decode(signature)?,
        })
    }

    /// A text member of the header.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A claim before anything is verified: to find the key with, nothing else.
    #[must_use]
    pub fn unverified_claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// The claims, if the token says it was signed with the key's algorithm, and it was.
    pub fn verify(self, key: &VerifyingKey) -> Result<Map<String, Value>, SignatureError> {
        self.verify_by_any([key])
    }

    /// The claims, if one of the keys verifies the token.
    pub fn verify_by_any<'k>(
        self,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
    ) -> Result<Map<String, Value>, SignatureError> {
        let signed_by = |key: &VerifyingKey| {
            key.algorithm() == self.algorithm && key.verifies(self.signed.as_bytes(), &self.signature)
        };
        if keys.into_iter().any(signed_by) { Ok(self.claims) } else { Err(SignatureError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signing_key::{NewKeyPair, SigningPair};
    use serde_json::json;

    fn encode(part: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(part)
    }

    fn signed(algorithm: SigningAlgorithm, header: &str, claims: &str) -> (String, VerifyingKey) {
        let pair = NewKeyPair::generate(algorithm).unwrap();
        let signer = SigningPair::read(algorithm, &pair.private_der).unwrap();
        let message = format!("{}.{}", encode(header), encode(claims));
        let token = format!("{message}.{}", encode(signer.sign(message.as_bytes()).unwrap()));
        (token, VerifyingKey::from_jwk(pair.public_jwk.as_object().unwrap(), Some(algorithm)).unwrap())
    }

    #[test]
    fn a_token_of_each_algorithm_is_verified_by_its_key_and_by_no_other() {
        for algorithm in SigningAlgorithm::ALL {
            let header = json!({"alg": algorithm.as_str()}).to_string();
            let (token, key) = signed(algorithm, &header, r#"{"a":1}"#);
            assert_eq!(UnverifiedJws::parse(&token).unwrap().verify(&key).unwrap()["a"], 1);
            let (_, other) = signed(algorithm, &header, "{}");
            assert_eq!(UnverifiedJws::parse(&token).unwrap().verify(&other), Err(SignatureError));
        }
    }

    #[test]
    fn the_algorithm_is_the_keys_and_not_the_tokens() {
        let (token, _) = signed(SigningAlgorithm::Es256, r#"{"alg":"ES256"}"#, "{}");
        let (_, key) = signed(SigningAlgorithm::EdDsa, r#"{"alg":"EdDSA"}"#, "{}");
        assert_eq!(UnverifiedJws::parse(&token).unwrap().verify(&key), Err(SignatureError));
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let (token, key) = signed(SigningAlgorithm::Es256, r#"{"alg":"ES256"}"#, r#"{"a":"b","c":1}"#);
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let accepted = UnverifiedJws::parse(&changed).is_ok_and(|jws| jws.verify(&key).is_ok());
            assert!(!accepted, "at {index}");
        }
    }

    #[test]
    fn whatever_is_not_a_plain_signed_token_is_refused() {
        let claims = encode("{}");
        let with_header = |header: &str| format!("{}.{claims}.AA", encode(header));
        let mut bad = vec![
            String::new(),
            ".".into(),
            "..".into(),
            "a.b".into(),
            "a.b.c.d.e".into(),
            format!("{}.{claims}.AA=", encode(r#"{"alg":"ES256"}"#)),
            format!("{}.{}.AA", encode(r#"{"alg":"ES256"}"#), encode(r#"{"a":1,"a":2}"#)),
            format!("{}.{}.AA", encode(r#"{"alg":"ES256"}"#), encode("[]")),
            json!({"payload": claims, "protected": "", "signature": ""}).to_string(),
            "x".repeat(1 << 20),
        ];
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"es256"}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"ES256","crit":["x"],"x":1}"#,
            r#"{"alg":"ES256","crit":[]}"#,
            r#"{"alg":"ES256","b64":false}"#,
            "nothing",
        ] {
            bad.push(with_header(header));
        }
        for token in bad {
            assert!(UnverifiedJws::parse(&token).is_err(), "{}", &token[..token.len().min(80)]);
        }
        assert!(UnverifiedJws::parse(&with_header(r#"{"alg":"ES256"}"#)).is_ok());
    }
}
