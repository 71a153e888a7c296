//! Removing a key at once, because somebody else may have it: what it signed is void from this moment on.

use super::key_change::{KeyChange, NewKey};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::oauth_error::OAuthError;
use crate::model::ids::TenantId;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::signing_key_life::KeyState;
use crate::store::signing_keys;

#[derive(Debug)]
pub struct Removed {
    pub algorithm: SigningAlgorithm,
    pub signing: String,
}

/// Removes a key in any state; `None`: the tenant has none of this name, or has it no more. If it was the one that
/// signs, the announced one takes over early, or a new one does.
pub async fn remove(
    app: &App,
    tenant: TenantId,
    kid: &str,
    by: &By<'_>,
) -> Result<Option<Removed>, OAuthError> {
    let known = signing_keys::all(&app.db, tenant).await?.into_iter().find(|key| key.kid == kid);
    let Some(known) = known else { return Ok(None) };
    let spare = NewKey::generate(app, tenant, known.algorithm).await?;
    let mut change = KeyChange::begin(app, tenant, by).await?;
    let mut keys = change.keys().await?.into_iter();
    let Some(key) = keys.find(|key| key.kid == kid && key.state != KeyState::Removed) else {
        return Ok(None);
    };
    change.remove(&key).await?;
    let signing = change.have_one_sign(spare).await?;
    change.commit().await?;
    Ok(Some(Removed { algorithm: key.algorithm, signing }))
}
