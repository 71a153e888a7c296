//! A client signs who it is (RFC 7523 §3, with the audience of RFC 10070).
//!
//! Until the signature is verified, every refusal is the same for all clients, known or not. Then only the client
//! itself can be listening, and is told what is wrong with its assertion.

mod claims;

use std::sync::{Arc, LazyLock};

use chrono::TimeDelta;
use claims::{Fit, MAX_SKEW, Rules, check};
use serde_json::Value;

use crate::app::App;
use crate::config;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::{client_keys, tenants};
use crate::model::bearer_secret::SecretHash;
use crate::model::client::{AuthMethod, Client};
use crate::model::client_authentication::AssertionAllowance;
use crate::model::ids::TenantId;
use crate::model::jws::UnverifiedJws;
use crate::model::key_set::KeySet;
use crate::model::tenant::Tenant;
use crate::store::memory::published_keys::Wanted;
use crate::store::used_jtis;

/// The type of a JWT that is a client assertion and nothing else (RFC 10070).
const EXPLICIT_TYPE: &str = "client-authentication+jwt";
/// Header members by which a token would bring its own key (RFC 7515 §4.1).
const OWN_KEYS: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];

pub(super) const fn refusal(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, description)
}

pub(super) fn read(assertion: &str) -> Result<UnverifiedJws<'_>, OAuthError> {
    let jws = UnverifiedJws::parse(assertion)
        .map_err(|_| refusal("The client assertion is not a JWT signed with a supported algorithm."))?;
    if OWN_KEYS.iter().any(|member| jws.header.contains_key(*member)) {
        return Err(refusal("The header of the client assertion must not contain jwk, jku, x5c or x5u."));
    }
    if jws.header.get("kid").is_some_and(|kid| !kid.is_string()) {
        return Err(refusal("kid in the client assertion must be a string."));
    }
    Ok(jws)
}

/// An assertion that its client may repeat within one flow.
#[derive(Clone, Debug)]
pub(super) struct RepeatableAssertion(SecretHash);

impl RepeatableAssertion {
    /// Allows the assertion in the flow of this device code.
    pub(super) async fn bind(
        &self,
        app: &App,
        tenant: TenantId,
        device_code: SecretHash,
    ) -> Result<(), OAuthError> {
        Ok(used_jtis::bind(&app.db, tenant, self.0, device_code).await?)
    }
}

/// Checks that the assertion is the client's own, says what it must, and was never used before, or only in the flow of
/// this device code where an administrator allows that. Only one that is valid is used up. Returns `None` if it proves
/// nothing.
pub(super) async fn proves(
    app: &App,
    tenant: &Tenant,
    client: Option<&Client>,
    jws: UnverifiedJws<'_>,
    device_code: Option<SecretHash>,
) -> Result<Option<Option<RepeatableAssertion>>, OAuthError> {
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
    let (Some(client), Ok(claims)) = (client, jws.verify_by_any(candidates)) else { return Ok(None) };

    let client_id = client.client_id.as_str();
    let issuer = tenants::issuer(app, tenant);
    let token_endpoint = format!("{issuer}/oauth/token");
    let rules = Rules {
        issuer: &issuer,
        token_endpoint: client
            .is_allowed(AssertionAllowance::TokenEndpointAudience)
            .then_some(token_endpoint.as_str()),
        longest: TimeDelta::seconds(app.config.clients.max_assertion_seconds.into()),
    };
    let Fit { jti, expires_at } = check(&claims, client_id, rules, app.clock.own_now())
        // One of the two clocks may be wrong, and the client knows neither.
        .or_else(|_| check(&claims, client_id, rules, app.clock.now()))
        .map_err(refusal)?;
    let may_repeat = client.is_allowed(AssertionAllowance::RepeatedAssertion);
    let hash = match jti {
        Some(jti) => SecretHash::of(&format!("client_assertion\n{client_id}\n{jti}")),
        // Of the claims and not of the text: an ECDSA signature can be written in two ways.
        None if may_repeat => {
            SecretHash::of(&format!("claims of client_assertion\n{client_id}\n{}", Value::Object(claims)))
        }
        None => return Err(refusal("jti in the client assertion must be a string of 1 to 256 bytes.")),
    };
    let forgotten_at = app.clock.over_by_both(expires_at + MAX_SKEW);
    let is_fresh = if may_repeat {
        used_jtis::spend_in_flow(&app.db, tenant.id, hash, forgotten_at, device_code).await?
    } else {
        used_jtis::spend(&app.db, tenant.id, hash, forgotten_at).await?
    };
    if is_fresh {
        Ok(Some(may_repeat.then_some(RepeatableAssertion(hash))))
    } else {
        Err(refusal("The client assertion was already used; sign a new one for each request."))
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
    if fits { Ok(()) } else { Err(refusal("typ in the client assertion must be client-authentication+jwt.")) }
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
    use super::*;
    use crate::config::Config;
    use crate::model::signing_key::SigningAlgorithm;

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
