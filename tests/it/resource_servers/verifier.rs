use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use tokio::sync::Mutex;

type Error = Box<dyn std::error::Error + Send + Sync>;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA];
const KEEP_KEYS: Duration = Duration::from_mins(10);
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// The check of access tokens for one API.
pub struct AccessTokenVerifier {
    issuer: String,
    audience: String,
    http: reqwest::Client,
    keys: Mutex<Option<(JwkSet, Instant)>>,
}

impl AccessTokenVerifier {
    pub fn new(issuer: &str, audience: &str) -> Self {
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Self { issuer, audience, http: reqwest::Client::new(), keys: Mutex::default() }
    }

    /// The claims of a good token that allows `scope`.
    pub async fn verify(&self, token: &str, scope: &str) -> Result<Value, Error> {
        let header = decode_header(token)?;
        if header.typ.as_deref() != Some("at+jwt") || !ALGORITHMS.contains(&header.alg) {
            return Err("not an access token".into());
        }
        let mut rules = Validation::new(header.alg);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        (rules.validate_nbf, rules.leeway) = (true, 30);
        let key = self.key(header.kid.as_deref().ok_or("no key is named")?).await?;
        let claims: Value = decode(token, &key, &rules)?.claims;
        if claims.get("cnf").is_some() {
            return Err("not a bearer token: it is bound to a key (RFC 9449)".into());
        }
        if !claims["scope"].as_str().unwrap_or_default().split(' ').any(|granted| granted == scope) {
            return Err(format!("without the scope {scope}").into());
        }
        Ok(claims)
    }

    /// The key of this name. Keys are kept; a token with an unknown one makes it ask again, now and then.
    async fn key(&self, kid: &str) -> Result<DecodingKey, Error> {
        let mut keys = self.keys.lock().await;
        let fresh = keys.as_ref().is_some_and(|(set, read)| {
            read.elapsed() < if set.find(kid).is_some() { KEEP_KEYS } else { ASK_AGAIN }
        });
        if !fresh {
            let answer = self.http.get(format!("{}/oauth/jwks", self.issuer)).send().await?;
            *keys = Some((answer.error_for_status()?.json().await?, Instant::now()));
        }
        let key = keys.as_ref().and_then(|(set, _)| set.find(kid)).ok_or("an unknown key")?;
        Ok(DecodingKey::from_jwk(key)?)
    }
}
