//! The rule: when a proof holds (RFC 9449 §4.3).

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::refusal::ProofError;
use super::target::Target;
use crate::model::bearer_secret::SecretHash;
use crate::model::jws::UnverifiedJws;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::verifying_key::VerifyingKey;

/// How far the time in a proof may be from ours, both ways: time enough for a slow network and a clock that is a
/// little off (§11.1).
pub const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// The names of the algorithms that proofs may be signed with (§5.1).
pub const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "EdDSA", "Ed25519"];
/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 256;

#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `htm`: the request's method.
    pub method: &'a str,
    /// `htu`: where the request went.
    pub target: Target<'a>,
    /// `ath`: the access token in the request, if there is one.
    pub access_token: Option<&'a str>,
    /// `nonce`: those accepted, when one is demanded.
    pub nonces: Option<&'a [String]>,
}

/// What a proof that holds tells.
#[derive(Debug)]
pub struct Checked {
    pub key: KeyThumbprint,
    /// The proof's own name: a hash of the key and its `jti`.
    pub jti: SecretHash,
    /// When it becomes too old, by the client's clock.
    pub expires_at: DateTime<Utc>,
}

/// Checks a proof. Nothing it says is looked at before its signature was verified, and the nonce last: a client
/// that is sent back for one will come again with a proof that is right otherwise.
///
/// It may be fresh by any of the `clocks`: the client knows only its own.
pub fn check(jwt: &str, expected: &Expected<'_>, clocks: &[DateTime<Utc>]) -> Result<Checked, ProofError> {
    let jws = UnverifiedJws::parse(jwt).map_err(|_| ProofError::Malformed)?;
    if jws.header_text("typ") != Some("dpop+jwt") {
        return Err(ProofError::WrongType);
    }
    let jwk = jws.header.get("jwk").and_then(Value::as_object).ok_or(ProofError::UnusableKey)?;
    let key = VerifyingKey::from_jwk(jwk, Some(jws.algorithm)).map_err(|_| ProofError::UnusableKey)?;
    let claims = jws.verify(&key).map_err(|_| ProofError::WrongSignature)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);

    let jti =
        text("jti").filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len())).ok_or(ProofError::NoIdentifier)?;
    if text("htm") != Some(expected.method) {
        return Err(ProofError::WrongMethod);
    }
    if !text("htu").is_some_and(|htu| expected.target.is(htu)) {
        return Err(ProofError::WrongTarget);
    }
    let issued_at = claims.get("iat").and_then(time).ok_or(ProofError::WrongTime)?;
    if clocks.iter().all(|now| (*now - issued_at).abs() > WINDOW) {
        return Err(ProofError::WrongTime);
    }
    if expected.access_token.is_some_and(|token| text("ath") != Some(&hash(token))) {
        return Err(ProofError::WrongAccessToken);
    }
    let is_accepted = |nonce: &str| {
        let equal = |known: &String| bool::from(known.as_bytes().ct_eq(nonce.as_bytes()));
        expected.nonces.is_none_or(|accepted| accepted.iter().any(equal))
    };
    if !is_accepted(text("nonce").unwrap_or_default()) {
        return Err(ProofError::NonceNeeded);
    }
    let thumbprint = key.thumbprint();
    Ok(Checked {
        key: thumbprint,
        jti: SecretHash::of(&format!("dpop {thumbprint} {jti}")),
        expires_at: issued_at + WINDOW,
    })
}

/// Seconds since 1970, which may have a fraction (RFC 7519 §2, `NumericDate`).
fn time(value: &Value) -> Option<DateTime<Utc>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction is dropped; what is too large is no time"
    )]
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
    DateTime::from_timestamp(whole, 0)
}

/// SHA-256 of an access token, as `ath` has it (§4.2).
fn hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, access_token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signing_key::{NewKeyPair, SigningAlgorithm, SigningPair};
    use serde_json::json;

    const HTU: &str = "https://login.example.org/oauth/token";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 250_000_000).unwrap()
    }

    fn good() -> Value {
        json!({"jti": "one", "htm": "POST", "htu": HTU, "iat": 1_800_000_000})
    }

    /// Signs claims with a new key, and checks them.
    fn checked(
        claims: &Value,
        access_token: Option<&str>,
        nonces: Option<&[String]>,
    ) -> Result<Checked, ProofError> {
        let pair = NewKeyPair::generate(SigningAlgorithm::EdDsa).unwrap();
        let signer = SigningPair::read(SigningAlgorithm::EdDsa, &pair.private_der).unwrap();
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": pair.public_jwk});
        let [header, body] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{body}");
        let signature = signer.sign(message.as_bytes()).unwrap();
        let jwt = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        let paths = ["/oauth/token".to_owned()];
        let target = Target { origin: "https://login.example.org", paths: &paths };
        let checked = check(&jwt, &Expected { method: "POST", target, access_token, nonces }, &[now()])?;
        assert_eq!(checked.key.to_string(), pair.kid);
        Ok(checked)
    }

    #[test]
    fn every_claim_counts() {
        assert_eq!(checked(&good(), None, None).unwrap().expires_at.timestamp(), 1_800_000_060);
        for (name, value, refusal) in [
            ("jti", json!(null), ProofError::NoIdentifier),
            ("jti", json!(""), ProofError::NoIdentifier),
            ("jti", json!("x".repeat(257)), ProofError::NoIdentifier),
            ("htm", json!("GET"), ProofError::WrongMethod),
            ("htm", json!("post"), ProofError::WrongMethod),
            ("htu", json!("https://login.example.org/oauth/revoke"), ProofError::WrongTarget),
            ("htu", json!(null), ProofError::WrongTarget),
            ("iat", json!("1800000000"), ProofError::WrongTime),
            ("iat", json!(i64::MIN), ProofError::WrongTime),
            ("iat", json!(1e300), ProofError::WrongTime),
        ] {
            let mut claims = good();
            claims[name] = value;
            assert_eq!(checked(&claims, None, None).err(), Some(refusal), "{claims}");
        }
    }

    #[test]
    fn the_window_is_a_minute_both_ways() {
        for (iat, holds) in [
            (json!(1_799_999_940), false),
            (json!(1_799_999_941), true),
            (json!(1_800_000_000.9), true),
            (json!(1_800_000_060), true),
            (json!(1_800_000_061), false),
        ] {
            let mut claims = good();
            claims["iat"] = iat;
            assert_eq!(checked(&claims, None, None).is_ok(), holds, "{claims}");
        }
    }

    #[test]
    fn a_proof_that_comes_with_an_access_token_is_for_that_token() {
        // Token and hash of RFC 9449 §7.1.
        const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let mut claims = good();
        assert_eq!(checked(&claims, Some(TOKEN), None).err(), Some(ProofError::WrongAccessToken));
        claims["ath"] = json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        assert!(checked(&claims, Some(TOKEN), None).is_ok());
        assert_eq!(checked(&claims, Some("another"), None).err(), Some(ProofError::WrongAccessToken));
        assert!(checked(&claims, None, None).is_ok());
    }

    #[test]
    fn a_nonce_is_asked_for_last() {
        let nonces = ["current".to_owned(), "previous".to_owned()];
        let mut claims = good();
        for (nonce, holds) in
            [(json!("current"), true), (json!("previous"), true), (json!("older"), false), (json!(1), false)]
        {
            claims["nonce"] = nonce;
            assert_eq!(
                checked(&claims, None, Some(&nonces)).err(),
                (!holds).then_some(ProofError::NonceNeeded)
            );
            assert!(checked(&claims, None, None).is_ok(), "nobody asked for one");
        }
        claims["htm"] = json!("GET");
        assert_eq!(checked(&claims, None, Some(&nonces)).err(), Some(ProofError::WrongMethod));
    }

    #[test]
    fn every_announced_algorithm_is_known() {
        assert!(ALGORITHMS.iter().all(|name| SigningAlgorithm::parse_presented(name).is_some()));
    }

    #[test]
    fn one_name_of_two_keys_is_two_names() {
        let [first, second] = [checked(&good(), None, None), checked(&good(), None, None)];
        assert_ne!(first.unwrap().jti, second.unwrap().jti);
    }
}
