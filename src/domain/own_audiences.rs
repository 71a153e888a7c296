//! The audiences of Latchkey's own APIs: what the `aud` of a token must name to be accepted here (RFC 9068 §4).
//!
//! `{issuer}/api` always opens them. `tokens.default_audience` does so as well, unless a registered resource has that
//! URI: then it is the audience of another service, which could use the tokens that it receives here.

use super::tenants;
use crate::app::App;
use crate::model::access_token::AccessToken;
use crate::model::resource::Resource;
use crate::model::scope::{OF_OWN_API, ScopeSet};
use crate::model::tenant::Tenant;
use crate::store;

/// The audiences that a tenant issues tokens for where no resource is named.
#[derive(Debug)]
pub struct OwnAudiences {
    own_api: String,
    default: String,
    default_is_ours: bool,
}

/// Returns the audience of the tenant's own APIs.
#[must_use]
pub fn own_api(app: &App, tenant: &Tenant) -> String {
    format!("{}/api", tenants::issuer(app, tenant))
}

impl OwnAudiences {
    /// Reads the audiences of a tenant as they are now.
    pub async fn of(app: &App, tenant: &Tenant) -> store::Result<Self> {
        let own_api = own_api(app, tenant);
        let Some(default) = app.config.tokens.default_audience.clone() else {
            return Ok(Self { default: own_api.clone(), own_api, default_is_ours: true });
        };
        Ok(Self::new(own_api, default, &app.cached.resources(&app.db, tenant.id).await?))
    }

    fn new(own_api: String, default: String, known: &[Resource]) -> Self {
        let default_is_ours = default == own_api || known.iter().all(|resource| resource.uri != default);
        Self { own_api, default, default_is_ours }
    }

    /// Returns what can be requested as `resource` although no resource is registered for it.
    #[must_use]
    pub fn known(&self) -> [&str; 2] {
        [&self.default, &self.own_api]
    }

    /// Returns the audiences of an access token with these scopes: `named`, or the default audience where no resource
    /// was named. If that belongs to another service and a scope opens Latchkey's own APIs, their audience is added.
    #[must_use]
    pub fn or_default(&self, named: Vec<String>, scopes: &ScopeSet) -> Vec<String> {
        if !named.is_empty() {
            return named;
        }
        let needs_own_api = !self.default_is_ours && OF_OWN_API.iter().any(|scope| scopes.contains(scope));
        let own_api = needs_own_api.then(|| self.own_api.clone());
        std::iter::once(self.default.clone()).chain(own_api).collect()
    }

    /// Returns `true` if the token was issued for Latchkey's own APIs, alone or together with other services.
    #[must_use]
    pub fn include(&self, token: &AccessToken) -> bool {
        token.is_meant_for(&self.own_api) || self.default_is_ours && token.is_meant_for(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OWN: &str = "https://login.example/api";
    const COMPANY: &str = "https://api.example";

    fn audiences(default: &str, known: &[&str]) -> OwnAudiences {
        let known: Vec<_> =
            known.iter().map(|uri| Resource { uri: (*uri).to_owned(), name: "x".to_owned() }).collect();
        OwnAudiences::new(OWN.to_owned(), default.to_owned(), &known)
    }

    fn token(aud: &Value) -> AccessToken {
        let claims = json!({"iss": "https://login.example", "sub": "ada", "aud": aud, "client_id": "tv", "iat": 0,
                            "exp": 1, "jti": "1"});
        AccessToken::read(claims.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_token_opens_our_apis_if_its_audience_names_them() {
        let videos = "https://videos.example/api";
        for (default, known, aud, opens) in [
            (OWN, &[][..], json!(OWN), true),
            (OWN, &[videos], json!(videos), false),
            (OWN, &[videos], json!([videos, OWN]), true),
            (OWN, &[OWN], json!(OWN), true),
            (COMPANY, &[], json!(COMPANY), true),
            (COMPANY, &[], json!(OWN), true),
            (COMPANY, &[COMPANY], json!(COMPANY), false),
            (COMPANY, &[COMPANY], json!([COMPANY, OWN]), true),
            (OWN, &[], json!("https://login.example"), false),
            (OWN, &[], json!("https://login.example/api/"), false),
            (OWN, &[], json!("https://login.example/t/acme/api"), false),
            (OWN, &[], json!([]), false),
        ] {
            assert_eq!(audiences(default, known).include(&token(&aud)), opens, "{default} {known:?} {aud}");
        }
    }

    #[test]
    fn a_token_without_a_named_resource_still_opens_our_apis_if_its_scopes_do() {
        for (default, known, scopes, expected) in [
            (OWN, &[][..], "openid devices", &[OWN][..]),
            (COMPANY, &[], "openid devices", &[COMPANY]),
            (COMPANY, &[COMPANY], "openid profile", &[COMPANY]),
            (COMPANY, &[COMPANY], "openid devices", &[COMPANY, OWN]),
            (COMPANY, &[COMPANY], "admin", &[COMPANY, OWN]),
        ] {
            let scopes = ScopeSet::parse(scopes).unwrap();
            let found = audiences(default, known).or_default(Vec::new(), &scopes);
            assert_eq!(found, expected, "{default} {known:?} {scopes}");
            let named = vec!["urn:example:music".to_owned()];
            assert_eq!(audiences(default, known).or_default(named.clone(), &scopes), named);
        }
    }
}
