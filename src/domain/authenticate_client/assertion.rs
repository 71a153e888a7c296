//! A client signs who it is (RFC 7523 §3, with the audience of RFC 10070).
//!
//! Until the signature is verified, every refusal is the same for all clients, known or not. Then only the client
//! itself can be listening, and is told what is wrong with its assertion.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::app::App;
use crate::config;
use crate::domain::client_keys::{self, Wanted};
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::tenants;
use crate::model::bearer_secret::SecretHash;
use crate::model::client::{AuthMethod, Client};
use crate::model::jws::UnverifiedJws;
use crate::model::key_set::KeySet;
use crate::model::tenant::Tenant;
use crate::store::used_jtis;

/// The type of a JWT that is a client assertion and nothing else (RFC 10070).
const EXPLICIT_TYPE: &str = "client-authentication+jwt";
/// Header members by which a token would bring its own key (RFC 7515 §4.1).
const OWN_KEYS: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];
/// The longest time before an assertion expires.
const MAX_LIFETIME: TimeDelta = TimeDelta::minutes(5);
/// How far the clocks of clients, and those of several servers, may be apart (FAPI 2.0 Security Profile §5.3.2.1).
const MAX_SKEW: TimeDelta = TimeDelta::seconds(60);
/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 256;

/// A refusal of an assertion.
pub(super) const fn refusal(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, description)
}

/// Takes an assertion apart.
pub(super) fn read(assertion: &str) -> Result<UnverifiedJws<'_>, OAuthError> {
    let jws = UnverifiedJws::parse(assertion)
        .map_err(|_| refusal("The client assertion is no JWT signed with an algorithm that is supported."))?;
    if OWN_KEYS.iter().any(|member| jws.header.contains_key(*member)) {
        return Err(refusal("The header of the client assertion must not bring a key."));
    }
    if jws.header.get("kid").is_some_and(|kid| !kid.is_string()) {
        return Err(refusal("The kid of the client assertion must be a text."));
    }
    Ok(jws)
}

/// Whether the assertion is the client's own, says what it must, and was never used before. Only one that is good
/// is used up.
pub(super) async fn proves(
    app: &App,
    tenant: &Tenant,
    client: Option<&Client>,
    jws: UnverifiedJws<'_>,
) -> Result<bool, OAuthError> {
    check_type(&jws, &app.config.clients)?;
    let client = client.filter(|client| client.auth_method == AuthMethod::PrivateKeyJwt);
    let wanted = Wanted { kid: jws.header_text("kid"), algorithm: jws.algorithm };
    let keys = match client.and_then(|client| client.keys.as_ref()) {
        Some(keys) => client_keys::find(app, keys, wanted).await?,
        // An unknown client costs the same work.
        None => Arc::clone(&NOBODYS_KEYS),
    };
    let kid = wanted.kid.filter(|_| client.is_some()).map(str::to_owned);
    let candidates = keys.candidates(kid.as_deref(), wanted.algorithm);
    let (Some(client), Ok(claims)) = (client, jws.verify_by_any(candidates)) else { return Ok(false) };

    let now = app.clock.now();
    let client_id = client.client_id.as_str();
    let jti = check(&claims, client_id, &tenants::issuer(app, tenant), now).map_err(refusal)?;
    let hash = SecretHash::of(&format!("client_assertion\n{client_id}\n{jti}"));
    if used_jtis::spend(&app.db, tenant.id, hash, now + MAX_LIFETIME + MAX_SKEW).await? {
        Ok(true)
    } else {
        Err(refusal("The client assertion was used before."))
    }
}

/// A JWT of another type was made for something else (RFC 8725 §3.11). One of no type, or of the type of any JWT, is
/// what client libraries send today.
fn check_type(jws: &UnverifiedJws<'_>, settings: &config::Clients) -> Result<(), OAuthError> {
    let fits = match jws.header.get("typ") {
        None => !settings.require_assertion_typ,
        Some(Value::String(typ)) => {
            let typ = typ.to_ascii_lowercase();
            // RFC 7515 §4.1.9: the part before the slash may be left out.
            let typ = typ.strip_prefix("application/").unwrap_or(&typ);
            typ == EXPLICIT_TYPE || typ == "jwt" && !settings.require_assertion_typ
        }
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(refusal("The typ of the client assertion must be client-authentication+jwt."))
    }
}

/// The rule: what a verified assertion must say. Gives its `jti`.
fn check<'a>(
    claims: &'a Map<String, Value>,
    client_id: &str,
    issuer: &str,
    now: DateTime<Utc>,
) -> Result<&'a str, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(client_id) || text("sub") != Some(client_id) {
        return Err("The iss and the sub of the client assertion must be the client_id.");
    }
    let audience = match claims.get("aud") {
        Some(Value::Array(several)) if several.len() == 1 => several[0].as_str(),
        other => other.and_then(Value::as_str),
    };
    if audience != Some(issuer) {
        return Err("The aud of the client assertion must be the issuer of this server and nothing else.");
    }
    let expires_at = date(claims, "exp")?.ok_or("The client assertion has no exp.")?;
    if expires_at <= now {
        return Err("The client assertion has expired.");
    }
    if expires_at - now > MAX_LIFETIME {
        return Err("The exp of the client assertion is more than 300 seconds ahead.");
    }
    if [date(claims, "iat")?, date(claims, "nbf")?].into_iter().flatten().any(|date| date - now > MAX_SKEW) {
        return Err("The iat or nbf of the client assertion lies in the future.");
    }
    text("jti")
        .filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()))
        .ok_or("The client assertion needs a jti, a text of 1 to 256 bytes.")
}

/// A `NumericDate` (RFC 7519 §2); fractions of a second are left out.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, &'static str> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and no such date exists")]
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    let date = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.map(Some).ok_or("The dates of the client assertion must be seconds since 1970, as numbers.")
}

/// One key for each algorithm, to verify what unknown clients send. Whatever they verify is refused: the private
/// halves stand in RFC 7515 A.2 and A.3 and RFC 8037 A.1.
static NOBODYS_KEYS: LazyLock<Arc<KeySet>> = LazyLock::new(|| {
    let set = br#"{"keys":[
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}
    ]}"#;
    Arc::new(KeySet::read(set).unwrap_or_default())
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;
    use crate::model::signing_key::SigningAlgorithm;

    const ISSUER: &str = "https://login.example.org";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap()
    }

    fn good() -> Value {
        let now = now().timestamp();
        json!({"iss": "tv", "sub": "tv", "aud": ISSUER, "exp": now + 60, "iat": now, "nbf": now, "jti": "1"})
    }

    fn verdict(claims: &Value) -> Result<&str, &'static str> {
        check(claims.as_object().unwrap(), "tv", ISSUER, now())
    }

    #[test]
    fn what_an_assertion_may_say() {
        let now = now().timestamp();
        for (name, value) in [
            ("jti", json!("1")),
            ("jti", json!("j".repeat(256))),
            ("aud", json!([ISSUER])),
            ("exp", json!(now + 1)),
            ("exp", json!(now + 300)),
            ("exp", json!(f64::from(u32::try_from(now + 60).unwrap()) + 0.25)),
            ("iat", json!(now + 60)),
            ("nbf", json!(now + 60)),
            ("iat", json!(now - 3600)),
            ("scope", json!({"unknown": "members"})),
        ] {
            let mut claims = good();
            claims[name] = value;
            assert!(verdict(&claims).is_ok(), "{claims}");
        }
        for optional in ["iat", "nbf"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(optional);
            assert_eq!(verdict(&claims), Ok("1"), "without {optional}");
        }
    }

    #[test]
    fn what_an_assertion_must_not_say() {
        let now = now().timestamp();
        let mut bad = Vec::new();
        for name in ["iss", "sub", "jti"] {
            bad.extend(
                [json!(""), json!("TV"), json!("tv "), json!(1), json!(["tv"]), json!(null)]
                    .map(|value| (name, value)),
            );
        }
        bad.retain(|(name, value)| *name != "jti" || !value.is_string() || *value == "");
        bad.push(("jti", json!("j".repeat(257))));
        let token_endpoint = format!("{ISSUER}/oauth/token");
        bad.extend(
            [
                json!(token_endpoint),
                json!([ISSUER, token_endpoint]),
                json!([ISSUER, ISSUER]),
                json!([[ISSUER]]),
                json!([]),
                json!([1]),
                json!(format!("{ISSUER}/")),
                json!(ISSUER.to_uppercase()),
                json!(format!("{ISSUER}/t/acme")),
                json!({}),
                json!(null),
            ]
            .map(|value| ("aud", value)),
        );
        for name in ["exp", "iat", "nbf"] {
            bad.extend(
                [json!((now + 60).to_string()), json!(null), json!([]), json!(1e300)]
                    .map(|value| (name, value)),
            );
        }
        bad.extend(
            [now, now - 1, 0, -1, i64::MIN, now + 301, now + 3600, i64::MAX]
                .map(|value| ("exp", json!(value))),
        );
        bad.extend(["iat", "nbf"].map(|name| (name, json!(now + 61))));
        for (name, value) in bad {
            let mut claims = good();
            claims[name] = value;
            assert!(verdict(&claims).is_err(), "{claims}");
        }
        for required in ["iss", "sub", "aud", "exp", "jti"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(required);
            assert!(verdict(&claims).is_err(), "without {required}");
        }
    }

    #[test]
    fn only_a_jwt_for_client_authentication_or_of_no_declared_purpose_is_taken() {
        let mut settings = Config::default().clients;
        let mut accepted = |typ: &str, required: bool| {
            use base64::Engine;
            use base64::engine::general_purpose::URL_SAFE_NO_PAD;
            settings.require_assertion_typ = required;
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256"{typ}}}"#));
            let token = format!("{header}.e30.AA");
            check_type(&read(&token).unwrap(), &settings).is_ok()
        };
        for explicit in [
            "client-authentication+jwt",
            "application/client-authentication+jwt",
            "Client-Authentication+JWT",
        ] {
            let typ = format!(r#","typ":"{explicit}""#);
            assert!(accepted(&typ, true) && accepted(&typ, false), "{typ}");
        }
        for legacy in ["", r#","typ":"JWT""#, r#","typ":"jwt""#] {
            assert!(accepted(legacy, false) && !accepted(legacy, true), "{legacy}");
        }
        for other in [
            r#""at+jwt""#,
            r#""dpop+jwt""#,
            r#""logout+jwt""#,
            r#""JOSE""#,
            r#""""#,
            "null",
            "1",
            r#"["JWT"]"#,
        ] {
            assert!(!accepted(&format!(r#","typ":{other}"#), false), "{other}");
        }
    }

    #[test]
    fn there_is_a_key_of_nobodys_for_every_algorithm() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(NOBODYS_KEYS.candidates(None, algorithm).count(), 1, "{algorithm:?}");
        }
    }
}
