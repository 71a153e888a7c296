//! The public keys of a client: a JWK Set (RFC 7517 §5).

use hashbrown::HashSet;
use serde_json::{Map, Value};

use super::signing_key::SigningAlgorithm;
use super::strict_json;
use super::verifying_key::{UnusableJwkError, VerifyingKey};

/// The most keys that a client registers, and that one signature is tried against.
const MAX_KEYS: usize = 10;
/// The longest `kid` that can be registered, in bytes.
const MAX_KID_BYTES: usize = 256;

/// Keys that can be used, as the set names them.
#[derive(Debug, Default)]
pub struct KeySet(Vec<(Option<String>, VerifyingKey)>);

/// Why a set cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is no set, or one without keys, or with too many.
    #[error("must be a JWK Set with 1 to 10 keys")]
    NoSet,
    #[error("must contain public keys only; never send a private key")]
    PrivateKey,
    /// None of its keys is one that this server verifies with.
    #[error(transparent)]
    UnusableKey(#[from] UnusableJwkError),
    /// A key is named in a way that cannot work.
    #[error("each kid must be a unique string of 1 to 256 bytes without control characters")]
    UnfitKid,
}

impl KeySet {
    /// The keys of a set that can be used; others are passed over (RFC 7517 §5).
    #[must_use]
    pub fn usable(set: &Map<String, Value>) -> Self {
        let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
        Self(keys.filter_map(Value::as_object).filter_map(|jwk| named(jwk).ok()).collect())
    }

    /// The same of a published document; `None` when it is no JWK Set.
    #[must_use]
    pub fn read(document: &[u8]) -> Option<Self> {
        let set = strict_json::object(document).ok()?;
        set.get("keys")?.as_array()?;
        Some(Self::usable(&set))
    }

    /// Returns a set that is to be registered as it is stored: with the keys that can be used. Others are left out, for
    /// a set may hold keys that only others understand (RFC 7517 §5). A set without one that can be used is rejected,
    /// and so is a private key, which somebody must hear of.
    pub fn register(set: &Value) -> Result<Value, KeySetError> {
        let all = set.get("keys").and_then(Value::as_array).filter(|all| !all.is_empty());
        let all = all.ok_or(KeySetError::NoSet)?.iter().filter_map(Value::as_object);
        let mut kept = Vec::new();
        let mut keys = Vec::new();
        for jwk in all {
            if is_private(jwk) {
                return Err(KeySetError::PrivateKey);
            }
            if let Ok(key) = named(jwk) {
                kept.push(Value::Object(jwk.clone()));
                keys.push(key);
            }
        }
        if kept.is_empty() {
            return Err(UnusableJwkError.into());
        }
        let mut stored = set.clone();
        stored["keys"] = Value::Array(kept);
        // Postgres cannot store U+0000 in JSON, however it is written.
        if keys.len() > MAX_KEYS || stored.to_string().contains("\\u0000") {
            return Err(KeySetError::NoSet);
        }
        let mut seen = HashSet::new();
        let fits = |kid: &String| {
            (1..=MAX_KID_BYTES).contains(&kid.len())
                && !kid.chars().any(char::is_control)
                && seen.insert(kid.clone())
        };
        if keys.iter().filter_map(|(kid, _)| kid.as_ref()).all(fits) {
            Ok(stored)
        } else {
            Err(KeySetError::UnfitKid)
        }
    }

    /// The keys that a signature with this algorithm may come from: those that it names, or, when it names none,
    /// all for the algorithm. Never more than can be tried without harm.
    pub fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: SigningAlgorithm,
    ) -> impl Iterator<Item = &'a VerifyingKey> {
        self.0
            .iter()
            .filter(move |(name, key)| {
                key.algorithm() == algorithm && kid.is_none_or(|kid| name.as_deref() == Some(kid))
            })
            .map(|(_, key)| key)
            .take(MAX_KEYS)
    }

    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter().map(|(_, key)| key)
    }
}

/// Returns `true` for the private half of a key pair (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2).
fn is_private(jwk: &Map<String, Value>) -> bool {
    let is_pair = ["EC", "OKP", "RSA"].contains(&jwk.get("kty").and_then(Value::as_str).unwrap_or_default());
    is_pair && jwk.contains_key("d")
}

fn named(jwk: &Map<String, Value>) -> Result<(Option<String>, VerifyingKey), KeySetError> {
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().ok_or(KeySetError::UnfitKid)?.to_owned()),
    };
    Ok((kid, VerifyingKey::from_jwk(jwk, None)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::signing_key::NewKeyPair;

    fn jwk(algorithm: SigningAlgorithm, kid: Option<&str>) -> Value {
        let mut jwk = NewKeyPair::generate(algorithm).unwrap().public_jwk;
        jwk["kid"] = json!(kid);
        if kid.is_none() {
            jwk.as_object_mut().unwrap().remove("kid");
        }
        jwk
    }

    fn es256(kid: &str) -> Value {
        jwk(SigningAlgorithm::Es256, Some(kid))
    }

    #[test]
    fn a_set_to_register_has_usable_keys_and_names_each_once() {
        let mut private = es256("a");
        private["d"] = json!("AA");
        let numbered = json!({"kid": 1, "kty": "EC"});
        let many: Vec<_> = (0..=MAX_KEYS).map(|number| es256(&number.to_string())).collect();
        for (set, refusal) in [
            (json!([]), KeySetError::NoSet),
            (json!({}), KeySetError::NoSet),
            (json!({"keys": []}), KeySetError::NoSet),
            (json!({"keys": ["x"]}), KeySetError::UnusableKey(UnusableJwkError)),
            (json!({"keys": many}), KeySetError::NoSet),
            (json!({"keys": [es256("a")], "x": "\0"}), KeySetError::NoSet),
            (json!({"keys": [es256("a"), private]}), KeySetError::PrivateKey),
            (json!({"keys": [{"kty": "EC", "crv": "P-384"}]}), KeySetError::UnusableKey(UnusableJwkError)),
            (json!({"keys": [{"kty": "oct", "k": "AAAA"}]}), KeySetError::UnusableKey(UnusableJwkError)),
            (json!({"keys": [numbered]}), KeySetError::UnusableKey(UnusableJwkError)),
            (json!({"keys": [es256("a"), es256("a")]}), KeySetError::UnfitKid),
            (json!({"keys": [es256("")]}), KeySetError::UnfitKid),
            (json!({"keys": [es256("a\nb")]}), KeySetError::UnfitKid),
            (json!({"keys": [es256(&"k".repeat(257))]}), KeySetError::UnfitKid),
        ] {
            assert_eq!(KeySet::register(&set).err(), Some(refusal), "{set}");
        }
        let set = json!({"keys": [es256("a"), jwk(SigningAlgorithm::EdDsa, None)], "more": 1});
        assert_eq!(KeySet::register(&set).unwrap(), set);
    }

    #[test]
    fn keys_of_a_foreign_kind_are_left_out_of_a_set_to_register() {
        let good = es256("a");
        let encryption = json!({"kty": "EC", "crv": "P-256", "use": "enc", "x": good["x"], "y": good["y"]});
        for foreign in [
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "new"}),
            json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            encryption,
            json!({"kid": 1, "kty": "EC"}),
            json!(7),
        ] {
            let stored = KeySet::register(&json!({"keys": [foreign, good]})).unwrap();
            assert_eq!(stored, json!({"keys": [good]}), "{foreign}");
        }
    }

    #[test]
    fn of_a_published_set_only_usable_keys_are_taken() {
        let set = json!({"keys": [{"kty": "oct", "k": "AAAA"}, 7, {"kty": "new"}, es256("a"), {"kid": 1}]});
        assert_eq!(KeySet::read(set.to_string().as_bytes()).unwrap().keys().count(), 1);
        for bad in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(KeySet::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_chosen_by_its_name_and_its_algorithm() {
        let set = json!({"keys": [
            es256("a"), es256("b"), jwk(SigningAlgorithm::EdDsa, Some("a")), jwk(SigningAlgorithm::EdDsa, None),
        ]});
        let set = KeySet::usable(set.as_object().unwrap());
        let count = |kid, algorithm| set.candidates(kid, algorithm).count();
        assert_eq!(count(Some("a"), SigningAlgorithm::Es256), 1);
        assert_eq!(count(Some("a"), SigningAlgorithm::EdDsa), 1);
        assert_eq!(count(Some("b"), SigningAlgorithm::EdDsa), 0);
        assert_eq!(count(Some("c"), SigningAlgorithm::Es256), 0);
        assert_eq!(count(None, SigningAlgorithm::Es256), 2);
        assert_eq!(count(None, SigningAlgorithm::Rs256), 0);
    }

    #[test]
    fn one_signature_is_tried_against_ten_keys_at_most() {
        let keys: Vec<_> = (0..30).map(|number| es256(&number.to_string())).collect();
        let set = KeySet::read(json!({"keys": keys}).to_string().as_bytes()).unwrap();
        assert_eq!(set.candidates(None, SigningAlgorithm::Es256).count(), MAX_KEYS);
        assert_eq!(set.candidates(Some("29"), SigningAlgorithm::Es256).count(), 1);
    }
}
