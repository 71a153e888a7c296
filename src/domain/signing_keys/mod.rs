//! The keys that sign tokens: for each tenant and algorithm one that signs, made when first needed, sealed at rest.
//!
//! Their life is drawn in [`crate::model::signing_key_life`]. An operator or the schedule has them rotated
//! ([`rotate`]), time moves them on ([`advance`]), and an emergency ends them ([`remove`]). Every server obeys as
//! soon as it hears of the commit, and within a minute if it should not hear.

pub mod advance;
mod forget;
mod key_change;
pub mod remove;
pub mod rotate;

use std::sync::Arc;

use super::audit::By;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::model::ids::TenantId;
use crate::model::signing_key::{SealedSigningKey, SigningAlgorithm, SigningPair};
use crate::model::signing_key_life::KeyState;
use crate::model::tenant::DEFAULT_TENANT;
use crate::secrets::Secrets;
use crate::store;
use crate::store::db::Db;
use crate::store::memory::key_ring::SigningKey;
use crate::store::signing_keys::PublishedKey;
pub use forget::forget_retired;
use key_change::{KeyChange, NewKey};

/// The key that signs for the tenant with this algorithm.
pub async fn signing(
    app: &App,
    tenant: TenantId,
    algorithm: SigningAlgorithm,
) -> Result<Arc<SigningKey>, OAuthError> {
    let sealed = if let Some(sealed) = app.cached.signing_key(&app.db, tenant, algorithm).await? {
        sealed
    } else {
        create(app, tenant, algorithm).await?;
        let made = app.cached.signing_key(&app.db, tenant, algorithm).await?;
        made.ok_or_else(|| OAuthError::fault("a signing key disappeared while it was created"))?
    };
    if let Some(key) = app.key_ring.find(tenant, algorithm, &sealed.kid) {
        return Ok(key);
    }
    let context = sealing_context(&sealed.kid);
    let private = app.secrets.database.open(&sealed.private_sealed, &context)?;
    let pair = SigningPair::read(algorithm, &private).map_err(OAuthError::fault)?;
    let opened = Arc::new(SigningKey { kid: sealed.kid.clone(), pair });
    app.key_ring.put(tenant, Arc::clone(&opened));
    Ok(opened)
}

/// A private half that the master key must open, of the default tenant. `None` if no key was made yet.
pub async fn any_sealed(db: &Db) -> store::Result<Option<SealedSigningKey>> {
    for algorithm in SigningAlgorithm::ALL {
        let sealed = store::signing_keys::signing(db, DEFAULT_TENANT, algorithm).await?;
        if sealed.is_some() {
            return Ok(sealed);
        }
    }
    Ok(None)
}

/// Whether these secrets open the private half.
#[must_use]
pub fn opens(secrets: &Secrets, sealed: &SealedSigningKey) -> bool {
    secrets.database.open(&sealed.private_sealed, &sealing_context(&sealed.kid)).is_ok()
}

/// Makes the tenant's keys that are not there yet.
pub async fn ensure(app: &App, tenant: TenantId) -> Result<(), OAuthError> {
    for algorithm in SigningAlgorithm::ALL {
        signing(app, tenant, algorithm).await?;
    }
    Ok(())
}

/// The public keys that verify the tenant's tokens now or will soon, oldest first; at least one for each algorithm.
pub async fn published(app: &App, tenant: TenantId) -> Result<Arc<Vec<PublishedKey>>, OAuthError> {
    let keys = app.cached.published_keys(&app.db, tenant).await?;
    let signs =
        |algorithm| keys.iter().any(|key| key.algorithm == algorithm && key.state == KeyState::Signing);
    if SigningAlgorithm::ALL.into_iter().all(signs) {
        return Ok(keys);
    }
    ensure(app, tenant).await?;
    Ok(app.cached.published_keys(&app.db, tenant).await?)
}

/// Makes a key where none signs. Of several servers that do so at once, the first one's is used by all.
async fn create(app: &App, tenant: TenantId, algorithm: SigningAlgorithm) -> Result<(), OAuthError> {
    let key = NewKey::generate(app, tenant, algorithm).await?;
    let mut change = KeyChange::begin(app, tenant, &By::SERVER).await?;
    change.have_one_sign(key).await?;
    change.commit().await?;
    Ok(())
}

/// What a private half is sealed for.
pub(super) fn sealing_context(kid: &str) -> String {
    format!("signing key {kid}")
}
