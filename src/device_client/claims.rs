use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::{Map, Value};

use super::printable::printable;
use super::tokens::TokenResponse;

/// The claims inside a signed JWT (RFC 7519 §3), **without checking its signature, issuer, audience or expiry**.
///
/// For display only; nothing may be decided on what this returns. `None` when `jwt` is not a JWT in compact form,
/// as many access tokens are not.
#[must_use]
pub fn decode_claims_unverified(jwt: &str) -> Option<Map<String, Value>> {
    let mut parts = jwt.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// A token response (RFC 6749 §5.1) as lines for a person: what it allows and which claims its tokens make. The tokens
/// themselves are left out, since a terminal's scrollback is no place for them.
#[must_use]
pub fn summary_lines(tokens: &TokenResponse) -> Vec<String> {
    let lifetime = tokens.expires_in.map_or_else(String::new, |seconds| format!(", valid for {seconds} s"));
    let mut lines =
        vec!["Signed in.".to_owned(), printable(&format!("Access token: {}{lifetime}", tokens.token_type))];
    lines.extend(tokens.refresh_token.is_some().then(|| "Refresh token: received".to_owned()));
    lines.extend(tokens.scope.as_ref().map(|scope| printable(&format!("Scope: {scope}"))));
    let (id_token, access_token) = (tokens.id_token.as_deref(), Some(tokens.access_token.as_str()));
    for (name, token) in [("ID token", id_token), ("access token", access_token)] {
        if let Some(claims) = token.and_then(decode_claims_unverified) {
            lines.extend([String::new(), format!("Claims of the {name} (signature not verified):")]);
            lines.extend(claim_lines(&claims).map(|line| format!("  {line}")));
        }
    }
    lines
}

/// One line per claim, names aligned, the times of RFC 7519 §4.1 spelled out.
fn claim_lines(claims: &Map<String, Value>) -> impl Iterator<Item = String> {
    let longest = claims.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    claims.iter().map(move |(name, value)| printable(&format!("{name:longest$}  {}", shown(name, value))))
}

fn shown(name: &str, value: &Value) -> String {
    if let ("exp" | "iat" | "nbf" | "auth_time", Some(time)) =
        (name, value.as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0)))
    {
        return time.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    }
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_read_from_the_payload_only() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"ada","exp":1}"#);
        let claims = decode_claims_unverified(&format!("e30.{payload}.sig")).unwrap();
        assert_eq!(Value::Object(claims), json!({"sub": "ada", "exp": 1}));
        for other in ["opaque", "", "a.b", &format!("e30.{payload}.sig.x.y"), "e30.!!.sig", "e30.WzFd.sig"] {
            assert!(decode_claims_unverified(other).is_none(), "{other}");
        }
    }

    #[test]
    fn lines_are_aligned_and_harmless() {
        let claims = json!({"aud": ["tv"], "exp": 0, "name": "A\u{1b}[2Jda"});
        let lines: Vec<_> = claim_lines(claims.as_object().unwrap()).collect();
        assert_eq!(lines, ["aud   [\"tv\"]", "exp   1970-01-01 00:00:00 UTC", "name  A[2Jda"]);
    }

    #[test]
    fn the_summary_shows_claims_and_no_token() {
        let tokens = serde_json::from_value(json!({
            "access_token": "AAA", "token_type": "Bearer", "expires_in": 300, "refresh_token": "RRR",
            "id_token": "e30.eyJzdWIiOiJhZGEifQ.SSS", "scope": "openid",
        }));
        let lines = summary_lines(&tokens.unwrap());
        assert_eq!(lines[1], "Access token: Bearer, valid for 300 s");
        assert_eq!(lines.last().unwrap(), "  sub  ada");
        assert!(["AAA", "RRR", "SSS"].iter().all(|token| !lines.concat().contains(token)), "{lines:?}");
    }
}
