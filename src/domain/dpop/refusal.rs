//! Why a proof does not hold, and what the client is told.

use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// A proof is required and missing.
    Missing,
    Several,
    /// It is no signed token that can be read.
    Malformed,
    /// It was made to be something else.
    WrongType,
    UnusableKey,
    /// Its signature is not that of its key.
    WrongSignature,
    /// It has no name of its own.
    NoIdentifier,
    WrongMethod,
    WrongTarget,
    /// It is too old, or not valid yet.
    WrongTime,
    /// It is for another access token.
    WrongAccessToken,
    /// It lacks a nonce, or has one that is too old.
    NonceNeeded,
    Replayed,
}

impl ProofError {
    const fn description(self) -> &'static str {
        match self {
            Self::Missing => "A DPoP proof is required.",
            Self::Several => "Send exactly one DPoP header.",
            Self::Malformed => "The DPoP proof is not a compact JWT signed with a supported algorithm.",
            Self::WrongType => "typ in the DPoP proof must be dpop+jwt.",
            Self::UnusableKey => "jwk in the DPoP proof must be a public key for its algorithm.",
            Self::WrongSignature => "The signature of the DPoP proof is invalid.",
            Self::NoIdentifier => "jti in the DPoP proof must be a string of 1 to 256 bytes.",
            Self::WrongMethod => "htm in the DPoP proof does not match the request method.",
            Self::WrongTarget => "htu in the DPoP proof does not match the public URL of this endpoint.",
            Self::WrongTime => "iat in the DPoP proof must be within 60 seconds of the current time.",
            Self::WrongAccessToken => "ath in the DPoP proof does not match the access token.",
            Self::NonceNeeded => "The DPoP proof must contain the nonce from the DPoP-Nonce header.",
            Self::Replayed => "The DPoP proof was already used; create a new one for each request.",
        }
    }
}

impl From<ProofError> for OAuthError {
    fn from(refusal: ProofError) -> Self {
        let code = match refusal {
            ProofError::NonceNeeded => ErrorCode::UseDpopNonce,
            _ => ErrorCode::InvalidDpopProof,
        };
        Self::new(code, refusal.description())
    }
}
