//! A client's key pair, and the assertions it signs to prove who it is (RFC 7523).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::model::signing_key::{NewKeyPair, SigningAlgorithm, SigningPair};
use latchkey::random::Random;
use serde_json::{Value, json};

use super::clock::ManualClock;

pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key pair of a client.
pub struct ClientKey {
    pair: SigningPair,
    /// With `kid`, `alg` and `use`.
    pub public_jwk: Value,
    /// PKCS #8.
    pub private_der: Vec<u8>,
}

impl ClientKey {
    pub fn generate(algorithm: SigningAlgorithm) -> Arc<Self> {
        let new = NewKeyPair::generate(algorithm).expect("a key pair");
        let pair = SigningPair::read(algorithm, &new.private_der).expect("a key pair");
        Arc::new(Self { pair, public_jwk: new.public_jwk, private_der: new.private_der.to_vec() })
    }

    /// The public key alone, as a JWK Set.
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.public_jwk]})
    }

    /// Signs header and claims as they stand.
    #[expect(clippy::needless_pass_by_value, reason = "tests write them where they are signed")]
    pub fn sign(&self, header: impl ToString, claims: impl ToString) -> String {
        let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.pair.sign(message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What a client needs to sign assertions: its key, whom they are for, and the time.
#[derive(Clone)]
pub struct Signer {
    pub key: Arc<ClientKey>,
    pub issuer: String,
    pub clock: ManualClock,
}

impl Signer {
    /// A header that leaves nothing open.
    pub fn header(&self) -> Value {
        let jwk = &self.key.public_jwk;
        json!({"alg": jwk["alg"], "kid": jwk["kid"], "typ": "client-authentication+jwt"})
    }

    /// Claims as they should be, with a new `jti`.
    pub fn claims(&self, client_id: &str) -> Value {
        let now = self.clock.now().timestamp();
        let jti = Random::system().characters(b"abcdefghijklmnopqrstuvwxyz", 30);
        json!({"iss": client_id, "sub": client_id, "aud": self.issuer, "jti": jti, "iat": now, "exp": now + 60})
    }

    /// A new assertion of a client.
    pub fn assertion(&self, client_id: &str) -> String {
        self.key.sign(self.header(), self.claims(client_id))
    }

    /// The same client with another key.
    pub fn with_key(&self, key: &Arc<ClientKey>) -> Self {
        Self { key: Arc::clone(key), ..self.clone() }
    }
}
