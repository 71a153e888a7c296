//! Our own access tokens as they come back: at introspection, at revocation, and wherever one opens a door.
//!
//! Two things make one good. Its signature and its time, which anybody can check; and its standing, which only the
//! database knows: it is asked each time, so that what was revoked is refused by every server at once.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::oauth_error::OAuthError;
use super::own_audiences::OwnAudiences;
use super::{dpop, tenants, verifying_keys};
use crate::app::App;
use crate::model::access_token::{AccessToken, TYP};
use crate::model::bearer_secret::SecretHash;
use crate::model::jws::{MAX_JWS_BYTES, UnverifiedJws};
use crate::model::tenant::Tenant;
use crate::model::user::User;
use crate::noted;
use crate::store::verified_tokens::VerifiedToken;
use crate::store::{self, StoreError, standings};

/// An access token that counts. Having one is the proof.
#[derive(Debug)]
pub struct LiveAccessToken {
    /// Its signature, and what it says.
    pub verified: Arc<VerifiedToken>,
    /// Whose it is; `None`: the client's own.
    pub user: Option<User>,
}

/// Scopes, each of which is enough by itself; the one that allows least comes first.
pub type AnyScope = &'static [&'static str];

/// A token that one of the tenant's keys signed.
#[derive(Debug)]
pub enum Signed {
    /// An access token, whether it still counts or not.
    AccessToken(Arc<VerifiedToken>),
    /// Something else, such as an ID token.
    Other,
}

/// How a caller shows an access token.
pub enum Presented {
    /// As a bearer token (RFC 6750): whoever has it may use it.
    Bearer(Zeroizing<String>),
    /// With the proof that its key is at hand (RFC 9449 §7.1).
    Dpop {
        token: Zeroizing<String>,
        /// The proof, if one came with it.
        proof: Option<dpop::Presented>,
    },
}

/// Why an access token is rejected (RFC 6750 §3.1).
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// It is malformed, over, revoked, or not ours.
    #[error("the access token is invalid")]
    Invalid,
    /// It is bound to a key, and nothing proves that the caller has it (RFC 9449 §7.1).
    #[error("no proof of the access token's key")]
    Unproven,
    /// The proof that came with it does not hold.
    #[error("{0}")]
    WrongProof(OAuthError),
    /// It was issued for other services alone.
    #[error("the access token is for another resource")]
    OtherAudience,
    #[error("the access token lacks the scope {}", needed.join(" or "))]
    InsufficientScope { needed: AnyScope },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a text is, if one of the tenant's keys signed it.
pub async fn signed(app: &App, tenant: &Tenant, token: &str) -> store::Result<Option<Signed>> {
    if token.len() > MAX_JWS_BYTES {
        return Ok(None);
    }
    let text = SecretHash::of(token);
    if let Some(known) = app.verified_tokens.find(tenant.id, text) {
        return Ok(Some(Signed::AccessToken(known)));
    }
    let Ok(jws) = UnverifiedJws::parse(token) else { return Ok(None) };
    let Some(kid) = jws.header_text("kid").map(ToOwned::to_owned) else { return Ok(None) };
    let is_access_token = jws.header_text("typ") == Some(TYP);
    let Some(key) = verifying_keys::find(app, tenant.id, &kid).await? else { return Ok(None) };
    let Ok(claims) = jws.verify(&key) else { return Ok(None) };
    let claims = is_access_token.then(|| AccessToken::read(claims)).flatten();
    let Some(claims) = claims else { return Ok(Some(Signed::Other)) };
    let verified = Arc::new(VerifiedToken { claims, kid });
    app.verified_tokens.remember(tenant.id, text, &verified);
    Ok(Some(Signed::AccessToken(verified)))
}

/// The access token in a text, if it counts at this moment. One statement asks the database.
pub async fn find_live(app: &App, tenant: &Tenant, token: &str) -> store::Result<Option<LiveAccessToken>> {
    let Some(Signed::AccessToken(verified)) = signed(app, tenant, token).await? else { return Ok(None) };
    let (claims, kid, now) = (&verified.claims, &verified.kid, app.clock.now());
    noted::client(claims.client_id.as_ref());
    if !claims.is_current(&tenants::issuer(app, tenant), now) {
        return Ok(None);
    }
    if let Some(device) = claims.device_id {
        let user = standings::of_device(&app.db, tenant.id, kid, device, now).await?;
        return Ok(user.map(|user| LiveAccessToken { verified, user: Some(user) }));
    }
    let (client, jti) = (&claims.client_id, &claims.jti);
    let counts = standings::of_client(&app.db, tenant.id, kid, client, jti, claims.issued_at()).await?;
    Ok(counts.then_some(LiveAccessToken { verified, user: None }))
}

/// The token that a caller shows, if it counts and has one of the scopes `needed`.
pub async fn accept(
    app: &App,
    tenant: &Tenant,
    presented: &Presented,
    needed: AnyScope,
) -> Result<LiveAccessToken, AccessTokenError> {
    let (text, proof) = match presented {
        Presented::Bearer(token) => (token, None),
        Presented::Dpop { token, proof } => {
            let proof = dpop::prove_with_access_token(app, tenant, proof.as_ref(), token).await;
            (token, Some(proof.map_err(AccessTokenError::WrongProof)?))
        }
    };
    let token = find_live(app, tenant, text).await?.ok_or(AccessTokenError::Invalid)?;
    match (&token.verified.claims.cnf, proof) {
        (None, None) => {}
        (Some(bound), Some(proof)) if bound.jkt == proof.key().to_string() => {
            proof.spend(app).await.map_err(AccessTokenError::WrongProof)?;
        }
        _ => return Err(AccessTokenError::Unproven),
    }
    let scopes = token.verified.claims.scopes();
    if needed.iter().any(|scope| scopes.contains(scope)) {
        Ok(token)
    } else {
        Err(AccessTokenError::InsufficientScope { needed })
    }
}

/// Accepts a token of a person at Latchkey's own APIs: it must have been issued for them, or another service that
/// received it could use it here. Returns the token and its user.
pub async fn accept_at_own_api(
    app: &App,
    tenant: &Tenant,
    presented: &Presented,
    needed: AnyScope,
) -> Result<(Arc<VerifiedToken>, User), AccessTokenError> {
    let (token, user) = accept_of_person(app, tenant, presented, needed).await?;
    if OwnAudiences::of(app, tenant).await?.include(&token.claims) {
        Ok((token, user))
    } else {
        Err(AccessTokenError::OtherAudience)
    }
}

/// The same for a token that acts for a person: with whose it is.
pub async fn accept_of_person(
    app: &App,
    tenant: &Tenant,
    presented: &Presented,
    needed: AnyScope,
) -> Result<(Arc<VerifiedToken>, User), AccessTokenError> {
    let LiveAccessToken { verified, user } = accept(app, tenant, presented, needed).await?;
    user.map(|user| (verified, user)).ok_or(AccessTokenError::InsufficientScope { needed })
}
