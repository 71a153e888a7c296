//! Reading tokens as a resource server would.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Header, Validation};
use serde_json::Value;

use super::TestServer;

/// Verifies a JWT against the published keys of the tenant at `base`; header and claims.
pub async fn verify(server: &TestServer, base: &str, token: &str) -> (Header, Value) {
    let keys: JwkSet = server
        .http
        .get(format!("{base}/oauth/jwks"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("a key set");
    let header = jsonwebtoken::decode_header(token).expect("a JWT");
    let key = keys.find(header.kid.as_deref().expect("a kid")).expect("the key is published");
    let mut validation = Validation::new(header.alg);
    // The server's clock stands where the test put it.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded =
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).expect("a usable key"), &validation)
            .expect("the signature is right");
    (header, decoded.claims)
}
