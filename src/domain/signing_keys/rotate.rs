//! Rotating a key: a new one is announced, and signs once it is known.

use super::key_change::{KeyChange, NewKey};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::oauth_error::OAuthError;
use crate::model::ids::TenantId;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::signing_key_life::{KeyLife, KeyState};

/// When the successor starts to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeOver {
    /// Once everybody who verifies has had time to see it.
    WhenKnown,
    /// Now. Whoever keeps the published keys and does not ask again for one they lack refuses its tokens for a while.
    AtOnce,
}

/// Announces a successor to the key that signs, or finds the one that is announced already; it takes over when
/// `take_over` says.
pub async fn rotate(
    app: &App,
    tenant: TenantId,
    algorithm: SigningAlgorithm,
    take_over: TakeOver,
    by: &By<'_>,
) -> Result<KeyLife, OAuthError> {
    let key = NewKey::generate(app, tenant, algorithm).await?;
    let mut change = KeyChange::begin(app, tenant, by).await?;
    let mut successor = match change.the(algorithm, KeyState::Announced).await? {
        Some(announced) => announced,
        None => change.announce(key).await?,
    };
    if take_over == TakeOver::AtOnce {
        successor = change.take_over(&successor).await?;
    }
    change.commit().await?;
    Ok(successor)
}
