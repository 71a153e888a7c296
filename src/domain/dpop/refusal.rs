//! Why a proof does not hold, and what the client is told.

use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none, where one is needed.
    Missing,
    /// There are several.
    Several,
    /// It is no signed token that can be read.
    Malformed,
    /// It was made to be something else.
    WrongType,
    /// Its key is none that can be used.
    UnusableKey,
    /// Its signature is not that of its key.
    WrongSignature,
    /// It has no name of its own.
    NoIdentifier,
    /// It is for another method.
    WrongMethod,
    /// It is for another address.
    WrongTarget,
    /// It is too old, or not valid yet.
    WrongTime,
    /// It is for another access token.
    WrongAccessToken,
    /// It lacks a nonce, or has one that is too old.
    NonceNeeded,
    /// It was used before.
    Replayed,
}

impl Refusal {
    const fn description(self) -> &'static str {
        match self {
            Self::Missing => "A DPoP proof is required.",
            Self::Several => "There must be exactly one DPoP header.",
            Self::Malformed => {
                "The DPoP proof is no signed JWT in compact form, or its algorithm is not supported."
            }
            Self::WrongType => "The typ of a DPoP proof is dpop+jwt.",
            Self::UnusableKey => "The jwk of a DPoP proof is a public key for its algorithm.",
            Self::WrongSignature => "The signature of the DPoP proof is wrong.",
            Self::NoIdentifier => "The jti of a DPoP proof is a text of 1 to 256 bytes.",
            Self::WrongMethod => "The htm of the DPoP proof is not the method of this request.",
            Self::WrongTarget => "The htu of the DPoP proof is not the public address of this endpoint.",
            Self::WrongTime => "The iat of the DPoP proof is more than 60 seconds away from now.",
            Self::WrongAccessToken => "The ath of the DPoP proof is not the hash of the access token.",
            Self::NonceNeeded => "The DPoP proof must have the nonce of the DPoP-Nonce header.",
            Self::Replayed => "The DPoP proof was used before; make a new one for each request.",
        }
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NonceNeeded => ErrorCode::UseDpopNonce,
            _ => ErrorCode::InvalidDpopProof,
        };
        Self::new(code, refusal.description())
    }
}
