//! Access tokens as they come back (RFC 9068): what one says once its signature was verified.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::ids::DeviceId;
use super::scope::ScopeSet;

/// The media type in the header of every access token (RFC 9068 §2.1); no other token has it.
pub const TYP: &str = "at+jwt";
/// How far a token's issue may lie ahead: servers share one time source, but not to the second.
const MAX_SKEW: TimeDelta = TimeDelta::seconds(60);

/// The claims of an access token.
#[derive(Clone, Debug, Deserialize)]
pub struct AccessToken {
    pub iss: String,
    /// Whom it acts for: a user, or the client itself.
    pub sub: String,
    pub aud: Audience,
    /// The client it was issued to.
    pub client_id: String,
    /// When it was issued, in seconds since 1970, by the clock of the computer that signed it.
    pub iat: i64,
    /// When it ends, in seconds since 1970, by the same clock.
    pub exp: i64,
    /// Its name: a UUID of version 7 (RFC 9562 §5.7), with the database's time of its issue.
    pub jti: String,
    /// What it allows, separated by spaces.
    #[serde(default)]
    pub scope: String,
    /// When the person had proved who they are.
    pub auth_time: Option<i64>,
    pub amr: Option<Vec<String>>,
    pub acr: Option<String>,
    /// The device it was issued to; none for a client that acts for itself.
    pub device_id: Option<DeviceId>,
    /// The key whose holder alone may use it (RFC 7800 §3.1).
    pub cnf: Option<Confirmation>,
}

/// One audience, or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What the holder of a token must prove (RFC 9449 §6.1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Confirmation {
    pub jkt: String,
}

impl AccessToken {
    /// Reads verified claims; `None` when they are not those of an access token.
    #[must_use]
    pub fn read(claims: Map<String, Value>) -> Option<Self> {
        serde_json::from_value(Value::Object(claims)).ok()
    }

    /// The second in which it was issued, by the database's time: its `jti` tells. `iat` may be another computer's time.
    #[must_use]
    pub fn issued_at(&self) -> DateTime<Utc> {
        let made = Uuid::try_parse(&self.jti).ok().and_then(|jti| jti.get_timestamp());
        let made = made.and_then(|made| i64::try_from(made.to_unix().0).ok()).unwrap_or(self.iat);
        DateTime::from_timestamp(made, 0).unwrap_or_default()
    }

    /// When it ends, by the database's time, to the second.
    #[must_use]
    pub fn ends_at(&self) -> DateTime<Utc> {
        let lifetime = TimeDelta::try_seconds(self.exp.saturating_sub(self.iat)).unwrap_or_default();
        let issued_at = self.issued_at();
        issued_at.checked_add_signed(lifetime).unwrap_or(issued_at)
    }

    /// Whether the token was issued by `issuer` and is neither over nor from the future at `now`, by the database's time.
    #[must_use]
    pub fn is_current(&self, issuer: &str, now: DateTime<Utc>) -> bool {
        self.iss == issuer && now < self.ends_at() && self.issued_at() <= now + MAX_SKEW
    }

    #[must_use]
    pub fn scopes(&self) -> ScopeSet {
        ScopeSet::parse(&self.scope).unwrap_or_default()
    }

    /// Returns `true` if its `aud` names this audience.
    #[must_use]
    pub fn is_meant_for(&self, audience: &str) -> bool {
        match &self.aud {
            Audience::One(only) => only == audience,
            Audience::Several(all) => all.iter().any(|each| each == audience),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(change: impl FnOnce(&mut Value)) -> Option<AccessToken> {
        let mut claims = json!({
            "iss": "https://issuer.example", "sub": "ada", "aud": "https://api.example", "client_id": "tv",
            "iat": 1_000, "exp": 1_600, "jti": "name"
        });
        change(&mut claims);
        AccessToken::read(claims.as_object().unwrap().clone())
    }

    #[test]
    fn a_token_counts_from_its_issue_to_its_end_and_for_its_issuer_alone() {
        let token = claims(|_| ()).unwrap();
        for (now, current) in [(940, true), (939, false), (1_599, true), (1_600, false)] {
            assert_eq!(token.is_current("https://issuer.example", second(now)), current, "{now}");
        }
        for other in ["https://issuer.example/", "https://issuer.example/t/acme", ""] {
            assert!(!token.is_current(other, second(1_100)), "{other}");
        }
    }

    #[test]
    fn a_token_of_a_computer_whose_clock_is_wrong_counts_for_as_long_as_any_other() {
        for shift in [-300, 300] {
            // Issued at 1,000 by the database's time.
            let token = claims(|claims| {
                claims["jti"] = json!("0000000f-4240-7fff-8fff-ffffffffffff");
                claims["iat"] = json!(1_000 + shift);
                claims["exp"] = json!(1_600 + shift);
            });
            let token = token.unwrap();
            assert_eq!((token.issued_at(), token.ends_at()), (second(1_000), second(1_600)));
            for (now, current) in [(940, true), (939, false), (1_599, true), (1_600, false)] {
                assert_eq!(token.is_current("https://issuer.example", second(now)), current, "{now}");
            }
        }
    }

    fn second(number: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(number, 0).unwrap()
    }

    #[test]
    fn a_token_is_meant_for_each_of_its_audiences() {
        for (aud, is_meant) in [
            (json!("https://api.example"), true),
            (json!(["https://third.example", "https://api.example"]), true),
            (json!([]), false),
            (json!("https://api.example/"), false),
        ] {
            let token = claims(|claims| claims["aud"] = aud.clone()).unwrap();
            assert_eq!(token.is_meant_for("https://api.example"), is_meant, "{aud}");
        }
    }

    #[test]
    fn claims_without_what_every_access_token_has_are_none() {
        for required in ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"] {
            let token = claims(|claims| drop(claims.as_object_mut().unwrap().remove(required)));
            assert!(token.is_none(), "{required}");
        }
        assert!(claims(|claims| claims["device_id"] = json!("no identifier")).is_none());
        assert!(claims(|claims| claims["cnf"] = json!({})).is_none());
    }
}
