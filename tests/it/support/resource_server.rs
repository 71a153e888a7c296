//! Those who ask what a token is worth, and those who give one back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::domain::signing_keys;
use latchkey::model::client::AuthMethod;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::{Value, json};

use super::device::send;
use super::{Answer, Device, TestServer};

impl TestServer {
    /// Registers the resource server "api", which may introspect tokens with the default audience.
    pub async fn api(&self) -> Device {
        let audience = format!("{}/api", self.base);
        self.client("api", "openid", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = Vec::new();
            client.introspects = vec![audience];
        })
        .await
    }

    /// Signs any header and claims with the default tenant's own key; the header's `alg` and `kid` are the key's
    /// unless it has its own.
    pub async fn sign(&self, header: &Value, claims: &Value) -> String {
        let key = signing_keys::signing(&self.app, DEFAULT_TENANT, SigningAlgorithm::Es256)
            .await
            .expect("the tenant has a key");
        let mut whole = json!({"alg": "ES256", "kid": key.kid});
        whole.as_object_mut().expect("an object").extend(header.as_object().expect("an object").clone());
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&whole), encode(claims));
        let signature = key.pair.sign(message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// An access token that a client of the default tenant got for itself (RFC 6749 §4.4).
    pub async fn own_token(&self, client_id: &str, jti: &str) -> String {
        let now = self.clock.now().timestamp();
        let claims = json!({
            "iss": self.base, "sub": client_id, "client_id": client_id, "aud": format!("{}/api", self.base),
            "iat": now, "exp": now + 600, "jti": jti, "scope": "openid"
        });
        self.sign(&json!({"typ": "at+jwt"}), &claims).await
    }
}

impl Device {
    /// Asks what a token is worth.
    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("/oauth/introspect", &[("token", token)]).await
    }

    /// Gives a token back.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/oauth/revoke", &[("token", token)]).await
    }

    /// Asks whom a token acts for.
    pub async fn userinfo(&self, token: &str) -> Answer {
        send(self.http().get(format!("{}/oauth/userinfo", self.base)).bearer_auth(token)).await
    }
}

impl Answer {
    /// Insists on a token that is active.
    #[track_caller]
    pub fn must_be_active(&self) -> &Self {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.json["active"], true, "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        self
    }

    /// Insists on a token that is not active, of which nothing else is said.
    #[track_caller]
    pub fn must_be_inactive(&self) -> &Self {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.text, r#"{"active":false}"#, "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        self
    }

    /// Insists on an invalid token at an endpoint that a token opens (RFC 6750 §3.1).
    #[track_caller]
    pub fn must_be_an_invalid_token(&self) -> &Self {
        assert_eq!((self.status.as_u16(), self.error()), (401, "invalid_token"), "{self:?}");
        let challenge = self.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer ") && challenge.contains(r#"error="invalid_token""#),
            "{self:?}"
        );
        self.must_be_an_oauth_body()
    }
}
