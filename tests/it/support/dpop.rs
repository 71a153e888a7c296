//! A key that a client proves to hold (RFC 9449).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::model::signing_key::{NewKeyPair, SigningAlgorithm, SigningPair};
use serde_json::{Value, json};
use uuid::Uuid;

use super::clock::ManualClock;
use super::device::{DEVICE_GRANT, send};
use super::{Answer, Device, TestServer};

/// A key, and the service that its proofs are for.
#[derive(Clone)]
pub struct DpopKey(Arc<Inner>);

struct Inner {
    pair: SigningPair,
    jwk: Value,
    thumbprint: String,
    base: String,
    clock: ManualClock,
}

impl DpopKey {
    /// An ES256 key, for the default tenant of a server.
    pub fn new(server: &TestServer) -> Self {
        Self::of(server, &server.base, SigningAlgorithm::Es256)
    }

    /// A key for the service that has this public address.
    pub fn of(server: &TestServer, base: &str, algorithm: SigningAlgorithm) -> Self {
        let new = NewKeyPair::generate(algorithm).expect("a key");
        let mut jwk = new.public_jwk;
        for name in ["kid", "alg", "use"] {
            jwk.as_object_mut().expect("an object").remove(name);
        }
        Self(Arc::new(Inner {
            pair: SigningPair::read(algorithm, &new.private_der).expect("the key can be read"),
            jwk,
            thumbprint: new.kid,
            base: base.to_owned(),
            clock: server.clock.clone(),
        }))
    }

    /// The key's name, as `jkt` has it (§6.1).
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// A new proof for a POST to one of the service's paths.
    pub fn proof(&self, path: &str) -> String {
        self.proof_with(path, |_| ())
    }

    /// The same with other claims.
    pub fn proof_with(&self, path: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims(path);
        change(&mut claims);
        self.sign(&self.header(), &claims)
    }

    /// The header of a proof.
    pub fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": self.0.pair.algorithm().as_str(), "jwk": self.0.jwk})
    }

    /// The claims of a new proof.
    pub fn claims(&self, path: &str) -> Value {
        json!({
            "jti": Uuid::now_v7().to_string(),
            "htm": "POST",
            "htu": format!("{}{path}", self.0.base),
            "iat": self.0.clock.now().timestamp(),
        })
    }

    /// Signs whatever this is.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same, written as it stands.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.pair.sign(message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Asks for codes with these `DPoP` headers.
pub async fn start_with(device: &Device, proofs: &[&str]) -> Answer {
    let request = device.request("/oauth/device-authorization").form(&[("client_id", &device.client_id)]);
    send(proofs.iter().fold(request, |request, proof| request.header("dpop", *proof))).await
}

/// Polls with this `DPoP` header.
pub async fn poll_with(device: &Device, device_code: &str, proof: &str) -> Answer {
    let form = [
        ("client_id", device.client_id.as_str()),
        ("grant_type", DEVICE_GRANT),
        ("device_code", device_code),
    ];
    send(device.request("/oauth/token").header("dpop", proof).form(&form)).await
}
