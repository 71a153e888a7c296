//! Tokens: JWT access tokens (RFC 9068) and ID tokens (OpenID Connect Core §2).

mod claims;

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;

use claims::{AccessTokenClaims, Audience, Confirmation, ConnectionClaims, IdTokenClaims};

use super::oauth_error::OAuthError;
use super::person_claims::PersonClaims;
use super::{signing_keys, tenants};
use crate::app::App;
use crate::model::bearer_secret::BearerSecret;
use crate::model::client::Client;
use crate::model::device_authorization::Authentication;
use crate::model::ids::DeviceId;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::scope::{OPENID, ScopeSet};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::tenant::Tenant;
use crate::model::user::User;
use crate::store::memory::key_ring::SigningKey;
use crate::store::memory::lost_answers::Delivery;

/// What a device receives (RFC 6749 §5.1).
#[derive(Debug)]
pub struct IssuedTokens {
    pub access_token: String,
    pub token_type: TokenType,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    pub scopes: ScopeSet,
    /// The refresh token, when one was granted.
    pub refresh_token: Option<BearerSecret>,
    /// The ID token, when `openid` was granted.
    pub id_token: Option<String>,
    /// Notices if the answer is lost, where it is the only one that carries its refresh token.
    pub delivery: Option<Delivery>,
}

impl IssuedTokens {
    #[must_use]
    pub fn delivered_by(self, delivery: Delivery) -> Self {
        Self { delivery: Some(delivery), ..self }
    }
}

/// How an access token is used (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// Whoever holds it may use it (RFC 6750).
    Bearer,
    /// Whoever holds its key may use it (RFC 9449).
    Dpop,
}

impl TokenType {
    fn of(key: Option<KeyThumbprint>) -> Self {
        if key.is_some() { Self::Dpop } else { Self::Bearer }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// For whom and for what tokens are issued.
#[derive(Debug)]
pub struct Grant<'a> {
    pub tenant: &'a Tenant,
    pub client: &'a Client,
    pub user: &'a User,
    pub device_id: DeviceId,
    /// What the access token will allow.
    pub scopes: &'a ScopeSet,
    /// The services it will be for (RFC 8707), at least one.
    pub resources: &'a [String],
    /// The key it will be bound to (RFC 9449 §6).
    pub dpop_key: Option<KeyThumbprint>,
    /// How the person had proved who they are.
    pub authentication: &'a Authentication,
    /// When the connection ends; no token outlives it.
    pub ends_at: DateTime<Utc>,
    /// What the ID token repeats of the request for the code, if anything.
    pub nonce: Option<&'a str>,
}

/// The keys that sign for a client.
pub struct Keys {
    access: Arc<SigningKey>,
    id: Arc<SigningKey>,
}

/// What a client that acts for itself gets.
#[derive(Debug)]
pub struct ClientGrant<'a> {
    pub tenant: &'a Tenant,
    pub client: &'a Client,
    /// What the access token will allow.
    pub scopes: ScopeSet,
    /// The services it will be for (RFC 8707), at least one.
    pub resources: &'a [String],
    /// The key it will be bound to (RFC 9449 §6).
    pub dpop_key: Option<KeyThumbprint>,
    pub lifetime_seconds: u32,
}

/// Returns what signs the ID tokens of a client.
#[must_use]
pub fn id_token_algorithm(app: &App, client: &Client) -> SigningAlgorithm {
    let own = client.id_token_algorithm.or(client.signing_algorithm);
    own.unwrap_or(app.config.tokens.id_token_signing_algorithm)
}

/// Returns the keys that sign for the client.
pub async fn keys(app: &App, tenant: &Tenant, client: &Client) -> Result<Keys, OAuthError> {
    let access = access_key(app, tenant, client).await?;
    let algorithm = id_token_algorithm(app, client);
    let id = if algorithm == access.pair.algorithm() {
        Arc::clone(&access)
    } else {
        signing_keys::signing(app, tenant.id, algorithm).await?
    };
    Ok(Keys { access, id })
}

async fn access_key(app: &App, tenant: &Tenant, client: &Client) -> Result<Arc<SigningKey>, OAuthError> {
    let algorithm = client.signing_algorithm.unwrap_or(app.config.tokens.signing_algorithm);
    signing_keys::signing(app, tenant.id, algorithm).await
}

/// Signs an access token, and an ID token when `openid` is granted. Nothing is stored.
pub async fn issue(
    app: &App,
    grant: &Grant<'_>,
    refresh_token: Option<BearerSecret>,
) -> Result<IssuedTokens, OAuthError> {
    issue_with(app, &keys(app, grant.tenant, grant.client).await?, grant, refresh_token).await
}

/// The same, with keys that are at hand.
pub async fn issue_with(
    app: &App,
    keys: &Keys,
    grant: &Grant<'_>,
    refresh_token: Option<BearerSecret>,
) -> Result<IssuedTokens, OAuthError> {
    // By the computer's clock, since verifiers compare it with theirs.
    let (now, connection_ends_at) = (app.clock.own_now(), app.clock.to_own(grant.ends_at));
    let auth_time = app.clock.to_own(grant.authentication.auth_time).timestamp();
    let issuer = tenants::issuer(app, grant.tenant);
    let ends =
        |lifetime: u32| (now + TimeDelta::seconds(i64::from(lifetime))).min(connection_ends_at).timestamp();
    let expires_at = ends(app.config.tokens.access_lifetime_seconds);
    let claims = AccessTokenClaims {
        iss: &issuer,
        sub: grant.user.id.to_string(),
        aud: Audience::of(grant.resources),
        client_id: grant.client.client_id.as_str(),
        iat: now.timestamp(),
        exp: expires_at,
        jti: name(app),
        scope: grant.scopes.to_string(),
        cnf: grant.dpop_key.map(Confirmation::of),
        connection: Some(ConnectionClaims {
            auth_time,
            acr: grant.authentication.acr(),
            amr: &grant.authentication.amr,
            device_id: grant.device_id.to_string(),
        }),
    };
    let access_token = sign(&keys.access, "at+jwt", &claims).await?;
    let id_token = if grant.scopes.contains(OPENID) {
        let claims = IdTokenClaims {
            iss: &issuer,
            sub: grant.user.id.to_string(),
            aud: grant.client.client_id.as_str(),
            iat: now.timestamp(),
            exp: ends(app.config.tokens.id_lifetime_seconds),
            jti: name(app),
            nonce: grant.nonce,
            auth_time,
            acr: grant.authentication.acr(),
            amr: &grant.authentication.amr,
            at_hash: at_hash(keys.id.pair.algorithm(), &access_token),
            person: PersonClaims::of(grant.user, grant.scopes),
        };
        Some(sign(&keys.id, "JWT", &claims).await?)
    } else {
        None
    };
    Ok(IssuedTokens {
        access_token,
        token_type: TokenType::of(grant.dpop_key),
        expires_in: expires_at - now.timestamp(),
        scopes: grant.scopes.clone(),
        refresh_token,
        id_token,
        delivery: None,
    })
}

/// Signs an access token for a client that acts for itself (RFC 6749 §4.4): its `sub` is the client (RFC 9068 §5),
/// which can never be a user's. Nothing is stored.
pub async fn issue_to_client(app: &App, grant: ClientGrant<'_>) -> Result<IssuedTokens, OAuthError> {
    let ClientGrant { tenant, client, scopes, resources, dpop_key, lifetime_seconds } = grant;
    let key = access_key(app, tenant, client).await?;
    let (now, lifetime) = (app.clock.own_now(), i64::from(lifetime_seconds));
    let claims = AccessTokenClaims {
        iss: &tenants::issuer(app, tenant),
        sub: client.client_id.to_string(),
        aud: Audience::of(resources),
        client_id: client.client_id.as_str(),
        iat: now.timestamp(),
        exp: now.timestamp() + lifetime,
        jti: name(app),
        scope: scopes.to_string(),
        cnf: dpop_key.map(Confirmation::of),
        connection: None,
    };
    Ok(IssuedTokens {
        access_token: sign(&key, "at+jwt", &claims).await?,
        token_type: TokenType::of(dpop_key),
        expires_in: lifetime,
        scopes,
        refresh_token: None,
        id_token: None,
        delivery: None,
    })
}

/// A new name for a token. It tells when the token was issued by the database's time, for whichever server it comes back
/// to.
fn name(app: &App) -> String {
    app.random.uuid_v7(app.clock.now()).to_string()
}

/// A JWT in compact form (RFC 7515 §3.1).
async fn sign(key: &Arc<SigningKey>, typ: &str, claims: &impl Serialize) -> Result<String, OAuthError> {
    let mut header = Header::new(match key.pair.algorithm() {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    });
    header.typ = Some(typ.to_owned());
    header.kid = Some(key.kid.clone());
    let mut token = part(&header)?;
    token.push('.');
    token.push_str(&part(claims)?);
    let signature = match key.pair.algorithm() {
        // Some thirty microseconds: moving it elsewhere would cost as much.
        SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => key.pair.sign(token.as_bytes()),
        SigningAlgorithm::Rs256 => {
            let (key, message) = (Arc::clone(key), token.clone().into_bytes());
            tokio::task::spawn_blocking(move || key.pair.sign(&message)).await.map_err(OAuthError::fault)?
        }
    }
    .map_err(OAuthError::fault)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

fn part(content: &impl Serialize) -> Result<String, OAuthError> {
    serde_json::to_vec(content).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(OAuthError::fault)
}

/// The left half of the access token's hash, by the hash function of the signature (OpenID Connect Core §3.1.3.6).
fn at_hash(algorithm: SigningAlgorithm, access_token: &str) -> String {
    let function = match algorithm {
        SigningAlgorithm::Es256 | SigningAlgorithm::Rs256 => &digest::SHA256,
        SigningAlgorithm::EdDsa => &digest::SHA512,
    };
    let hash = digest::digest(function, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}
