//! Time moves keys on: announced ones start to sign, old ones get successors, retired ones are removed.

use super::key_change::{KeyChange, NewKey};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::oauth_error::OAuthError;
use crate::model::ids::TenantId;
use crate::model::signing_key_life::{KeyState, Step};
use crate::store::{self, signing_keys};

/// The most keys that take a step in one go, for each kind of step: making RSA keys takes a while.
const BATCH: i64 = 50;

/// Has every key of every tenant take the step that is due; how many did. Several servers may do so at once: each
/// step is taken once.
pub async fn advance(app: &App) -> store::Result<usize> {
    let schedule = app.config.keys.schedule();
    let mut taken = 0;
    for step in Step::ALL {
        let Some(time) = schedule.time_before(step) else { continue };
        let entered_by = app.clock.now() - time;
        for (tenant, kid) in signing_keys::waiting_for(&app.db, step, entered_by, BATCH).await? {
            match take_step(app, tenant, step, &kid).await {
                Ok(true) => taken += 1,
                Ok(false) => {}
                // The next round tries again; the other tenants' keys must not wait for it.
                Err(error) => {
                    let cause = error.cause.as_deref();
                    tracing::warn!(%tenant, kid, %error, cause, "signing key transition failed");
                }
            }
        }
    }
    Ok(taken)
}

/// Has a key take its step, if it is still due once nobody else changes the tenant's keys.
async fn take_step(app: &App, tenant: TenantId, step: Step, kid: &str) -> Result<bool, OAuthError> {
    let mut successor = None;
    if step == Step::Succession {
        let known = signing_keys::all(&app.db, tenant).await?.into_iter().find(|key| key.kid == kid);
        let Some(known) = known else { return Ok(false) };
        successor = Some(NewKey::generate(app, tenant, known.algorithm).await?);
    }
    let mut change = KeyChange::begin(app, tenant, &By::SERVER).await?;
    let Some(key) = change.keys().await?.into_iter().find(|key| key.kid == kid) else {
        return Ok(false);
    };
    match app.config.keys.schedule().due(&key, change.now) {
        None => return Ok(false),
        Some(Step::TakeOver) => {
            change.take_over(&key).await?;
        }
        Some(Step::Succession) => {
            let announced = change.the(key.algorithm, KeyState::Announced).await?;
            let (None, Some(successor)) = (announced, successor) else { return Ok(false) };
            change.announce(successor).await?;
        }
        Some(Step::Removal) => change.remove(&key).await?,
    }
    change.commit().await?;
    Ok(true)
}
