//! Signing keys: what signs tokens (RFC 7517, RFC 7518, RFC 8037).

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::ids::TenantId;
use super::key_thumbprint::KeyThumbprint;
use crate::random;

/// A signature algorithm (RFC 7518 §3.1); each key is used with exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits, as every library takes.
    Rs256,
    /// EdDSA on Ed25519 (RFC 8037).
    EdDsa,
}

impl SigningAlgorithm {
    /// Every algorithm that a tenant has a key for.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    /// The names under which others may use them.
    pub const PRESENTED: [&str; 4] = ["ES256", "RS256", "Ed25519", "EdDSA"];

    /// Reads the name as others write it: they may also call Ed25519 by its own name (RFC 9864 §2.2).
    #[must_use]
    pub fn parse_presented(text: &str) -> Option<Self> {
        if text == "Ed25519" { Some(Self::EdDsa) } else { Self::parse(text) }
    }
}

pub struct NewKeyPair {
    /// RFC 7638 thumbprint of the public key.
    pub kid: String,
    pub algorithm: SigningAlgorithm,
    /// The public key as a JWK with `kid`, `alg` and `use`, and no private member.
    pub public_jwk: Value,
    /// The private key: PKCS #8, DER.
    pub private_der: Zeroizing<Vec<u8>>,
}

/// The cryptographic library could not make a key.
#[derive(Debug, thiserror::Error)]
#[error("the key could not be generated")]
pub struct KeyGenerationError;

impl NewKeyPair {
    /// Makes a key pair. RSA takes about a tenth of a second.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Self, KeyGenerationError> {
        match algorithm {
            SigningAlgorithm::Es256 => Self::p256(),
            SigningAlgorithm::Rs256 => Self::rsa2048(),
            SigningAlgorithm::EdDsa => Self::ed25519(),
        }
        .ok_or(KeyGenerationError)
    }

    fn p256() -> Option<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
        let der = pair.to_pkcs8v1().ok()?;
        // Uncompressed point: 04 ‖ x ‖ y (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = (point.get(1..33)?, point.get(33..65)?);
        let members = json!({"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)});
        Some(Self::new(SigningAlgorithm::Es256, members, der.as_ref()))
    }

    fn rsa2048() -> Option<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let components: PublicKeyComponents<Vec<u8>> = PublicKeyComponents::from(pair.public_key());
        let members = json!({"e": encode(&components.e), "kty": "RSA", "n": encode(&components.n)});
        Some(Self::new(SigningAlgorithm::Rs256, members, pkcs8.as_ref()))
    }

    fn ed25519() -> Option<Self> {
        let pair = Ed25519KeyPair::generate().ok()?;
        let der = pair.to_pkcs8().ok()?;
        let members = json!({"crv": "Ed25519", "kty": "OKP", "x": encode(pair.public_key().as_ref())});
        Some(Self::new(SigningAlgorithm::EdDsa, members, der.as_ref()))
    }

    /// `required` are the members that RFC 7638 §3.2 hashes; `serde_json` keeps them in alphabetical order
    /// and writes no white space, which is the form it asks for.
    fn new(algorithm: SigningAlgorithm, required: Value, private_der: &[u8]) -> Self {
        let kid = KeyThumbprint::of(&required.to_string()).to_string();
        let mut public_jwk = required;
        public_jwk["kid"] = json!(kid);
        public_jwk["alg"] = json!(algorithm.as_str());
        public_jwk["use"] = json!("sig");
        Self { kid, algorithm, public_jwk, private_der: Zeroizing::new(private_der.to_vec()) }
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair ready to sign. It was parsed and checked once; doing so for each signature would cost more than
/// the signature.
pub enum SigningPair {
    /// For ES256.
    Es256(EcdsaKeyPair),
    /// For RS256.
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// The private key is none, or does not sign.
#[derive(Debug, thiserror::Error)]
#[error("the signing key is not usable")]
pub struct UnusableKeyError;

impl SigningPair {
    /// Reads a private key as [`NewKeyPair`] wrote it.
    pub fn read(algorithm: SigningAlgorithm, private_der: &[u8]) -> Result<Self, UnusableKeyError> {
        match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private_der).map(Self::Es256)
            }
            SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(private_der).map(Self::Rs256),
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(private_der).map(Self::EdDsa),
        }
        .map_err(|_| UnusableKeyError)
    }

    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::Es256(_) => SigningAlgorithm::Es256,
            Self::Rs256(_) => SigningAlgorithm::Rs256,
            Self::EdDsa(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// The signature of a message, as JWS has it (RFC 7518 §3.3, §3.4, RFC 8037 §3.1).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, UnusableKeyError> {
        let random = random::for_signatures();
        match self {
            Self::Es256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
        .map_err(|_| UnusableKeyError)
    }
}

/// A key as stored, its private half sealed.
#[derive(Clone, Debug)]
pub struct SealedSigningKey {
    pub tenant_id: TenantId,
    pub kid: String,
    pub algorithm: SigningAlgorithm,
    /// The private half, sealed.
    pub private_sealed: Vec<u8>,
}
