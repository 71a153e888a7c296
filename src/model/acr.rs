//! How surely a person has proved who they are (OpenID Connect Core §2, `acr`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// From the weaker to the stronger. Each is told from the methods used (`amr`), and is stored nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Acr {
    #[serde(rename = "urn:latchkey:acr:1fa")]
    OneFactor,
    /// By two: a password, and a code of an authenticator app or a recovery code.
    #[serde(rename = "urn:latchkey:acr:2fa")]
    TwoFactors,
}

impl Acr {
    pub const ALL: [Self; 2] = [Self::OneFactor, Self::TwoFactors];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneFactor => "urn:latchkey:acr:1fa",
            Self::TwoFactors => "urn:latchkey:acr:2fa",
        }
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_are_more_than_one_and_spelled_alike_everywhere() {
        assert!(Acr::TwoFactors > Acr::OneFactor);
        for acr in Acr::ALL {
            assert_eq!(serde_json::to_value(acr).unwrap(), acr.as_str());
        }
    }
}
