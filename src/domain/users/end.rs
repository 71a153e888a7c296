//! What is connected in a person's name is ended.

use serde_json::{Value, json};

use super::rules::{UserError, Which, find};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::sign_in;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::model::user::User;
use crate::store::device_authorizations::decisions;
use crate::store::devices::endings;
use crate::store::{self, browser_sessions, users};

/// Ends all that is connected in a person's name: every device, every browser, and what was approved but not yet
/// collected. The account stays as it is: its person may sign in again.
pub async fn sign_out_everywhere(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    by: &By<'_>,
) -> Result<(), UserError> {
    let mut change = Change::begin(app, tenant, by).await?;
    let user = find(&mut change, tenant, which.into()).await?.user;
    Ok(end_everything(change, &user).await?)
}

/// The same, by the person, also for the browser they ask with.
pub async fn sign_out_oneself_everywhere(
    app: &App,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<()> {
    let by = By::user(user.id, origin);
    end_everything(Change::begin(app, user.tenant_id, &by).await?, user).await
}

async fn end_everything(mut change: Change<'_>, user: &User) -> store::Result<()> {
    let now = change.app().clock.now();
    // What begins at this very moment, unseen by the statements below, began too early as well.
    users::raise_tokens_not_before(&mut *change, user.tenant_id, user.id, now).await?;
    sign_in::has_changed(&mut change, user.tenant_id, user.id, sign_in::Change::Password).await?;
    let ended = end_connections(&mut change, user, RevocationReason::SignedOutEverywhere).await?;
    let (action, target) = (Action::UserSignedOutEverywhere, Target::User(Some(user.id)));
    change.audit(action, target, json!({"ended": ended.counts()})).await?;
    change.commit().await
}

/// How much was ended with an account.
pub(in crate::domain) struct Ended {
    pub(in crate::domain) devices: u64,
    browsers: u64,
    /// Device authorizations that were approved and not yet redeemed.
    codes: usize,
}

impl Ended {
    pub(super) fn counts(&self) -> Value {
        json!({"devices": self.devices, "browsers": self.browsers, "codes": self.codes})
    }
}

pub(super) async fn end_connections(
    change: &mut Change<'_>,
    user: &User,
    reason: RevocationReason,
) -> store::Result<Ended> {
    let (ended, now) = (end_devices(change, user, reason).await?, change.app().clock.now());
    let browsers = browser_sessions::end_of_user(&mut **change, user.tenant_id, user.id, now).await?;
    Ok(Ended { browsers, ..ended })
}

/// Ends every device of a person, and takes back what they approved and no device has collected.
pub(in crate::domain) async fn end_devices(
    change: &mut Change<'_>,
    user: &User,
    reason: RevocationReason,
) -> store::Result<Ended> {
    let now = change.app().clock.now();
    let codes = decisions::take_back(&mut **change, user.tenant_id, user.id, now).await?;
    change.decided(&codes).await?;
    let devices = endings::revoke_of_user(&mut **change, user.tenant_id, user.id, reason, now).await?;
    Ok(Ended { devices, browsers: 0, codes: codes.len() })
}
