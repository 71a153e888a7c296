use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::wire;

/// A successful token response (RFC 6749 §5.1, `id_token` from OIDC Core §3.1.3.3).
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct TokenResponse {
    pub access_token: String,
    /// How the access token is used, nearly always `Bearer` (RFC 6749 §7.1).
    pub token_type: String,
    /// The access token's lifetime in seconds.
    #[serde(default, deserialize_with = "wire::seconds", skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The refresh token (RFC 6749 §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The ID token (OIDC Core §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The granted scope; absent when it is what was asked for (RFC 6749 §3.3).
    #[serde(default, deserialize_with = "wire::words", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Members that RFC 6749 does not know, as they came.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |token: &Option<String>| token.as_ref().map(|_| "[redacted]");
        formatter
            .debug_struct("TokenResponse")
            .field("access_token", &"[redacted]")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("refresh_token", &hidden(&self.refresh_token))
            .field("id_token", &hidden(&self.id_token))
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn debug_shows_no_token() {
        let tokens: TokenResponse = serde_json::from_value(json!({
            "access_token": "AAA", "token_type": "Bearer", "refresh_token": "RRR", "id_token": "III", "scope": ["s"],
            "other_token": "OOO"
        }))
        .unwrap();
        let shown = format!("{tokens:?}");
        assert!(["AAA", "RRR", "III", "OOO"].iter().all(|token| !shown.contains(token)), "{shown}");
    }

    #[test]
    fn json_repeats_the_members_that_came_and_no_others() {
        let sent = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 300,
                          "refresh_token_expires_in": 7, "team": {"id": [1]}});
        let tokens: TokenResponse = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(serde_json::to_value(&tokens).unwrap(), sent);
    }
}
