//! What tokens say: access tokens (RFC 9068 §2.2) and ID tokens (OpenID Connect Core §2).

use serde::Serialize;

use crate::domain::person_claims::PersonClaims;
use crate::model::acr::Acr;
use crate::model::key_thumbprint::KeyThumbprint;

#[derive(Serialize)]
pub(super) struct AccessTokenClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) sub: String,
    pub(super) aud: Audience<'a>,
    pub(super) client_id: &'a str,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Confirmation>,
    #[serde(flatten)]
    pub(super) connection: Option<ConnectionClaims<'a>>,
}

/// What the token of a device says of the device, and of how its person had proved who they are (RFC 9068 §2.2.1).
#[derive(Serialize)]
pub(super) struct ConnectionClaims<'a> {
    pub(super) auth_time: i64,
    pub(super) acr: Acr,
    pub(super) amr: &'a [String],
    pub(super) device_id: String,
}

/// Whom a token is for: one service as a string, several as a list (RFC 7519 §4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl<'a> Audience<'a> {
    pub(super) fn of(resources: &'a [String]) -> Self {
        match resources {
            [one] => Self::One(one),
            several => Self::Several(several),
        }
    }
}

/// The key that whoever uses the token must prove to hold (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Serialize)]
pub(super) struct Confirmation {
    pub(super) jkt: String,
}

impl Confirmation {
    pub(super) fn of(key: KeyThumbprint) -> Self {
        Self { jkt: key.to_string() }
    }
}

#[derive(Serialize)]
pub(super) struct IdTokenClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) sub: String,
    pub(super) aud: &'a str,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<&'a str>,
    pub(super) auth_time: i64,
    pub(super) acr: Acr,
    pub(super) amr: &'a [String],
    pub(super) at_hash: String,
    #[serde(flatten)]
    pub(super) person: PersonClaims<'a>,
}
