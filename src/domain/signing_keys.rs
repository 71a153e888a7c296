//! The keys that sign tokens: one for each algorithm and tenant, made when first needed, sealed at rest.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::json;

use super::audit;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::TenantId;
use crate::model::signing_key::{NewKeyPair, SealedSigningKey, SigningAlgorithm, SigningPair};
use crate::store::signing_keys;

/// A key ready to sign.
pub struct SigningKey {
    /// Its identifier.
    pub kid: String,
    /// Both halves.
    pub pair: SigningPair,
}

/// Opened keys by tenant and `kid`. Which of them signs, the database says.
#[derive(Default)]
pub struct KeyRing(RwLock<HashMap<(TenantId, String), Arc<SigningKey>>>);

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

/// The key that signs for the tenant with this algorithm.
pub async fn signing(
    app: &App,
    tenant: TenantId,
    algorithm: SigningAlgorithm,
) -> Result<Arc<SigningKey>, OAuthError> {
    let sealed = match app.cached.signing_key(&app.db, tenant, algorithm).await? {
        Some(sealed) => sealed,
        None => Arc::new(create(app, tenant, algorithm).await?),
    };
    let name = (tenant, sealed.kid.clone());
    if let Some(key) = app.key_ring.0.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
        return Ok(Arc::clone(key));
    }
    let private = app
        .secrets
        .database
        .open(&sealed.private_sealed, &context(&sealed.kid))
        .map_err(OAuthError::fault)?;
    let pair = SigningPair::read(algorithm, &private).map_err(OAuthError::fault)?;
    let opened = Arc::new(SigningKey { kid: sealed.kid.clone(), pair });
    app.key_ring.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&opened));
    Ok(opened)
}

/// Makes the tenant's keys that are not there yet.
pub async fn ensure(app: &App, tenant: TenantId) -> Result<(), OAuthError> {
    for algorithm in SigningAlgorithm::ALL {
        signing(app, tenant, algorithm).await?;
    }
    Ok(())
}

/// Makes a key. Of several servers that make one at once, the first wins and all use it.
async fn create(
    app: &App,
    tenant: TenantId,
    algorithm: SigningAlgorithm,
) -> Result<SealedSigningKey, OAuthError> {
    let pair = tokio::task::spawn_blocking(move || NewKeyPair::generate(algorithm))
        .await
        .map_err(OAuthError::fault)?
        .map_err(OAuthError::fault)?;
    let private_sealed = app.secrets.database.seal(&pair.private_der, &context(&pair.kid), &app.random);
    let sealed = SealedSigningKey { tenant_id: tenant, kid: pair.kid, algorithm, private_sealed };
    let mut transaction = app.db.begin().await?;
    if signing_keys::insert_signing(&mut *transaction, &sealed, &pair.public_jwk, app.clock.now()).await? {
        let event = AuditEvent {
            action: Action::SigningKeyCreated,
            outcome: Outcome::Success,
            actor: Actor::Operator,
            target_kind: "signing_key",
            target_id: Some(sealed.kid.clone()),
            origin: None,
            details: json!({"alg": algorithm.as_str()}),
        };
        audit::record(app, &mut *transaction, tenant, &event).await?;
    }
    transaction.commit().await?;
    app.cached.renew();
    signing_keys::signing(&app.db, tenant, algorithm)
        .await?
        .ok_or_else(|| OAuthError::fault("a signing key vanished while it was made"))
}

fn context(kid: &str) -> String {
    format!("signing key {kid}")
}
