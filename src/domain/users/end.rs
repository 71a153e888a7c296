//! What is connected in a person's name is ended.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{UserError, Which, event, find};
use crate::app::App;
use crate::domain::audit::{self, By};
use crate::domain::sign_in::{self, Change};
use crate::model::audit_event::Action;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::model::user::User;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_authorizations::decisions;
use crate::store::devices::endings;
use crate::store::transactions::Transaction;
use crate::store::{self, browser_sessions, users};

/// Ends all that is connected in a person's name: every device, every browser, and what was approved but not yet
/// collected. The account stays as it is: its person may sign in again.
pub async fn sign_out_everywhere(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    by: &By<'_>,
) -> Result<(), UserError> {
    let mut transaction = app.begin(tenant).await?;
    let user = find(&mut transaction, tenant, which.into()).await?.user;
    Ok(end_everything(app, transaction, &user, by).await?)
}

/// The same, by the person, also for the browser they ask with.
pub async fn sign_out_oneself_everywhere(
    app: &App,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<()> {
    end_everything(app, app.begin(user.tenant_id).await?, user, &By::user(user.id, origin)).await
}

async fn end_everything(
    app: &App,
    mut transaction: Transaction,
    user: &User,
    by: &By<'_>,
) -> store::Result<()> {
    // What begins at this very moment, unseen by the statements below, began too early as well.
    users::raise_tokens_not_before(&mut *transaction, user.tenant_id, user.id, app.clock.now()).await?;
    sign_in::has_changed(&mut transaction, user.tenant_id, user.id, Change::Password).await?;
    let ended = end_connections(app, &mut transaction, user, RevocationReason::SignedOutEverywhere).await?;
    let event = event(Action::UserSignedOutEverywhere, user.id, by, json!({"ended": ended.counts()}));
    audit::record(app, &mut *transaction, user.tenant_id, &event).await?;
    transaction.commit().await?;
    ended.tell_memory(app);
    Ok(())
}

/// What was ended with an account.
pub(in crate::domain) struct Ended {
    pub(in crate::domain) devices: u64,
    browsers: u64,
    /// The hashes of device codes that were approved and not yet collected.
    codes: Vec<DeviceAuthorizationId>,
}

impl Ended {
    pub(super) fn counts(&self) -> Value {
        json!({"devices": self.devices, "browsers": self.browsers, "codes": self.codes.len()})
    }

    /// Once it is committed: our own memory need not wait for the announcement.
    pub(in crate::domain) fn tell_memory(&self, app: &App) {
        for code in &self.codes {
            app.sessions.decided(code);
        }
    }
}

pub(super) async fn end_connections(
    app: &App,
    db: &mut PgConnection,
    user: &User,
    reason: RevocationReason,
) -> store::Result<Ended> {
    let ended = end_devices(app, &mut *db, user, reason).await?;
    let browsers = browser_sessions::end_of_user(db, user.tenant_id, user.id, app.clock.now()).await?;
    Ok(Ended { browsers, ..ended })
}

/// Ends every device of a person, and takes back what they approved and no device has collected.
pub(in crate::domain) async fn end_devices(
    app: &App,
    db: &mut PgConnection,
    user: &User,
    reason: RevocationReason,
) -> store::Result<Ended> {
    let now = app.clock.now();
    let codes = decisions::take_back(&mut *db, user.tenant_id, user.id, now).await?;
    for code in &codes {
        announce(&mut *db, Announcement::Decided(*code)).await?;
    }
    let devices = endings::revoke_of_user(&mut *db, user.tenant_id, user.id, reason, now).await?;
    Ok(Ended { devices, browsers: 0, codes })
}
