//! Each tenant's own keys for message authentication codes: random, sealed with the master key, created when first
//! needed, replaced when an operator says so ([`rotate`]).

pub mod audit_keys;
pub mod codes;
pub mod rotate;

use std::sync::Arc;

use crate::app::App;
use crate::model::ids::TenantId;
use crate::model::mac_key::{MacPurpose, SealedMacKey};
use crate::secrets::MacKey;
use crate::store::{self, StoreError, mac_keys};

/// Returns the key that authenticates the tenant's tokens. It is in memory, except after a change of the directory.
///
/// # Errors
/// Passing, also if this instance does not know the master key that the key is sealed with.
pub async fn tokens(app: &App, tenant: TenantId) -> store::Result<Arc<MacKey>> {
    app.cached.token_key(tenant, async || current(app, tenant, MacPurpose::Tokens).await).await
}

/// Returns the key that authenticates new events and seals of the tenant's audit log. An instance may use it for a
/// short time after it was retired ([`audit_keys::GRACE`]), so it is in memory more often than the key of tokens.
///
/// # Errors
/// Passing, also if this instance does not know the master key that the key is sealed with.
pub async fn audit(app: &App, tenant: TenantId) -> store::Result<Arc<MacKey>> {
    app.cached.audit_key(tenant, async || current(app, tenant, MacPurpose::Audit).await).await
}

/// Reads and opens the current key; creates it if there is none. All instances get the one that was stored first.
async fn current(app: &App, tenant: TenantId, purpose: MacPurpose) -> store::Result<MacKey> {
    if let Some(sealed) = mac_keys::current(&app.db, tenant, purpose).await? {
        return open(app, &sealed);
    }
    mac_keys::insert(&app.db, &new_key(app, tenant, purpose), app.clock.now()).await?;
    let stored = mac_keys::current(&app.db, tenant, purpose).await?;
    open(app, &stored.ok_or_else(StoreError::missing_row)?)
}

fn new_key(app: &App, tenant_id: TenantId, purpose: MacPurpose) -> SealedMacKey {
    let id = app.random.uuid_v7(app.clock.now());
    let context = SealedMacKey::context(tenant_id, purpose.as_str(), id);
    let sealed = app.secrets.database.seal(&MacKey::generate(&app.random)[..], &context, &app.random);
    SealedMacKey { tenant_id, purpose, id, sealed }
}

fn open(app: &App, key: &SealedMacKey) -> store::Result<MacKey> {
    let context = SealedMacKey::context(key.tenant_id, key.purpose.as_str(), key.id);
    Ok(MacKey::new(&app.secrets.database.open(&key.sealed, &context)?)?)
}
