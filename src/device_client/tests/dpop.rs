use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::*;

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn proof(key: &DpopKey) -> (Value, Value) {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let url = Url::parse("https://as.example/token?x=y#z").unwrap();
    let proof = key.proof(&url, now).unwrap();
    let (message, signature) = proof.to_str().unwrap().rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key().as_ref());
    public.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    (decoded(header), decoded(claims))
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("latchkey-dpop-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_proof_says_what_rfc_9449_asks_for() {
    let key = DpopKey::generate().unwrap();
    let ((header, claims), (_, next)) = (proof(&key), proof(&key));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    assert_eq!(header["jwk"], key.public);
    assert!(header["jwk"].get("d").is_none());
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!("https://as.example/token")));
    assert_eq!(claims["iat"], 1_800_000_000);
    assert!(claims.get("nonce").is_none());
    assert_ne!(claims["jti"], next["jti"]);
}

#[test]
fn the_last_nonce_goes_into_the_next_proof() {
    let key = DpopKey::generate().unwrap();
    let answer = |nonce: &'static str| HeaderMap::from_iter([(NONCE, HeaderValue::from_static(nonce))]);
    assert!(!key.keep_nonce(&HeaderMap::new()));
    assert!(key.keep_nonce(&answer("one")));
    assert!(!key.keep_nonce(&answer("one")));
    assert!(key.keep_nonce(&answer("two")));
    assert!(!key.keep_nonce(&HeaderMap::new()));
    assert_eq!(proof(&key).1["nonce"], "two");
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner_alone() {
    let folder = Folder::new("made");
    let file = folder.0.join("key.pem");
    let made = DpopKey::load_or_create(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(DpopKey::load_or_create(&file).unwrap().public, made.public);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let refused = DpopKey::load_or_create(&file).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}

#[test]
fn a_file_without_a_key_is_refused_and_left_alone() {
    let folder = Folder::new("other");
    let file = folder.0.join("key.pem");
    for content in ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(matches!(DpopKey::load_or_create(&file), Err(DpopKeyError::NoKey { .. })), "{content:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
    let nowhere = folder.0.join("missing/key.pem");
    assert!(matches!(DpopKey::load_or_create(&nowhere), Err(DpopKeyError::File { .. })));
}
