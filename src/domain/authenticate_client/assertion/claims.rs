//! The rule: what the claims of a client assertion must say (RFC 7523 §3, with the audience of RFC 10070).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

/// How far the clocks of clients, and those of several servers, may be apart (FAPI 2.0 Security Profile §5.3.2.1).
pub(super) const MAX_SKEW: TimeDelta = TimeDelta::seconds(60);
/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 256;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) issuer: &'a str,
    /// The URL of the token endpoint, if `aud` may name it.
    pub(super) token_endpoint: Option<&'a str>,
    pub(super) longest: TimeDelta,
}

/// What is noted of an assertion so that it is used once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit<'a> {
    /// `None` if it has none.
    pub(super) jti: Option<&'a str>,
    pub(super) expires_at: DateTime<Utc>,
}

/// The rule: what a verified assertion must say.
pub(super) fn check<'a>(
    claims: &'a Map<String, Value>,
    client_id: &str,
    rules: Rules<'_>,
    now: DateTime<Utc>,
) -> Result<Fit<'a>, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(client_id) || text("sub") != Some(client_id) {
        return Err("iss and sub in the client assertion must be the client_id.");
    }
    check_audience(claims.get("aud"), rules)?;
    let expires_at = date(claims, "exp")?.ok_or("exp is missing in the client assertion.")?;
    if expires_at <= now {
        return Err("The client assertion has expired.");
    }
    if expires_at - now > rules.longest {
        return Err("exp in the client assertion is too far ahead.");
    }
    if [date(claims, "iat")?, date(claims, "nbf")?].into_iter().flatten().any(|date| date - now > MAX_SKEW) {
        return Err("iat or nbf in the client assertion is in the future.");
    }
    let fits = |jti: &&str| (1..=MAX_JTI_BYTES).contains(&jti.len());
    let jti = match claims.get("jti") {
        None => None,
        Some(jti) => Some(
            jti.as_str()
                .filter(fits)
                .ok_or("jti in the client assertion must be a string of 1 to 256 bytes.")?,
        ),
    };
    Ok(Fit { jti, expires_at })
}

/// An assertion is for this server and nobody else. Beside the issuer, or in place of it, the token endpoint is named by
/// the libraries of clients that an administrator allows it to.
fn check_audience(audience: Option<&Value>, rules: Rules<'_>) -> Result<(), &'static str> {
    let is_ours = |name: &str| name == rules.issuer || rules.token_endpoint == Some(name);
    let fits = match audience {
        Some(Value::String(name)) => is_ours(name),
        Some(Value::Array(names)) => {
            let most = if rules.token_endpoint.is_some() { 2 } else { 1 };
            (1..=most).contains(&names.len()) && names.iter().all(|name| name.as_str().is_some_and(is_ours))
        }
        _ => false,
    };
    match (fits, rules.token_endpoint) {
        (true, _) => Ok(()),
        (false, None) => {
            Err("aud in the client assertion must be the issuer of this server and nothing else.")
        }
        (false, Some(_)) => {
            Err("aud in the client assertion must be the issuer or the token endpoint of this server.")
        }
    }
}

/// A `NumericDate` (RFC 7519 §2); fractions of a second are left out.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, &'static str> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and no such date exists")]
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    let date = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.map(Some).ok_or("Times in the client assertion must be numbers of seconds since 1970.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.example.org";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap()
    }

    fn good() -> Value {
        let now = now().timestamp();
        json!({"iss": "tv", "sub": "tv", "aud": ISSUER, "exp": now + 60, "iat": now, "nbf": now, "jti": "1"})
    }

    const ISSUER_ALONE: Rules<'static> =
        Rules { issuer: ISSUER, token_endpoint: None, longest: TimeDelta::seconds(3600) };

    fn verdict(claims: &Value) -> Result<Option<&str>, &'static str> {
        check(claims.as_object().unwrap(), "tv", ISSUER_ALONE, now()).map(|fit| fit.jti)
    }

    #[test]
    fn the_token_endpoint_is_an_audience_where_it_is_allowed() {
        let endpoint = format!("{ISSUER}/oauth/token");
        let allowed = Rules { token_endpoint: Some(&endpoint), ..ISSUER_ALONE };
        for (aud, alone, with_endpoint) in [
            (json!(ISSUER), true, true),
            (json!([ISSUER]), true, true),
            (json!(endpoint), false, true),
            (json!([endpoint]), false, true),
            (json!([ISSUER, endpoint]), false, true),
            (json!([endpoint, ISSUER]), false, true),
            (json!([endpoint, "https://other.example"]), false, false),
            (json!([ISSUER, endpoint, ISSUER]), false, false),
            (json!([]), false, false),
            (json!("https://other.example/oauth/token"), false, false),
        ] {
            assert_eq!(check_audience(Some(&aud), ISSUER_ALONE).is_ok(), alone, "{aud}");
            assert_eq!(check_audience(Some(&aud), allowed).is_ok(), with_endpoint, "{aud}");
        }
    }

    #[test]
    fn what_an_assertion_may_say() {
        let now = now().timestamp();
        for (name, value) in [
            ("jti", json!("1")),
            ("jti", json!("j".repeat(256))),
            ("aud", json!([ISSUER])),
            ("exp", json!(now + 1)),
            ("exp", json!(now + 3600)),
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
            assert_eq!(verdict(&claims), Ok(Some("1")), "without {optional}");
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
            [now, now - 1, 0, -1, i64::MIN, now + 3601, now + 7200, i64::MAX]
                .map(|value| ("exp", json!(value))),
        );
        bad.extend(["iat", "nbf"].map(|name| (name, json!(now + 61))));
        for (name, value) in bad {
            let mut claims = good();
            claims[name] = value;
            assert!(verdict(&claims).is_err(), "{claims}");
        }
        let mut nameless = good();
        nameless.as_object_mut().unwrap().remove("jti");
        assert_eq!(
            verdict(&nameless),
            Ok(None),
            "what a client may do without is decided by its registration"
        );
        for required in ["iss", "sub", "aud", "exp"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(required);
            assert!(verdict(&claims).is_err(), "without {required}");
        }
    }
}
