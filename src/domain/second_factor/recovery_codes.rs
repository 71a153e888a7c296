//! Recovery codes: made, made anew, used.

use serde_json::json;

use super::{SecondFactorRefused, must_be_fresh, prove};
use crate::app::App;
use crate::domain::sign_in::{self, Change};
use crate::domain::{audit, mac_keys};
use crate::model::audit_event::{Action, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::recovery_code::{self, RecoveryCode};
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, Connection, recovery_codes};

/// Gives the person new codes for a right one, in place of all they had. To be shown this once.
pub async fn renew(
    app: &App,
    session: &BrowserSession,
    input: &str,
    origin: &RequestOrigin,
) -> Result<Vec<RecoveryCode>, SecondFactorRefused> {
    must_be_fresh(app, session)?;
    let mut proven = prove(app, &session.user, sign_in::trier_of(session), input, origin).await?;
    let made = replace(app, &mut proven.transaction, &session.user, origin).await.map_err(Into::into);
    proven.finish(app, made).await
}

async fn replace(
    app: &App,
    db: &mut Connection,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<Vec<RecoveryCode>> {
    sign_in::has_changed(&mut *db, user.tenant_id, user.id, Change::Factors).await?;
    make(app, db, user, origin).await
}

/// How many the person has left.
pub async fn left(app: &App, user: &User) -> store::Result<i64> {
    recovery_codes::count(&app.db, user.tenant_id, user.id).await
}

pub(super) async fn make(
    app: &App,
    db: &mut Connection,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<Vec<RecoveryCode>> {
    let codes: Vec<_> = (0..recovery_code::COUNT).map(|_| RecoveryCode::generate(&app.random)).collect();
    let mut macs = Vec::with_capacity(codes.len());
    for code in &codes {
        macs.push(mac_keys::codes::recovery_code(app, user, code).await?.to_vec());
    }
    recovery_codes::replace(&mut *db, user.tenant_id, user.id, &macs, app.clock.now()).await?;
    let event = sign_in::event(Action::RecoveryCodesMade, Outcome::Success, user, origin, json!({}));
    audit::record(app, db, user.tenant_id, &event).await?;
    Ok(codes)
}

/// Whether the code with this MAC is one of this person; then it is used up.
pub(super) async fn spend(
    app: &App,
    db: &mut Connection,
    user: &User,
    mac: [u8; 32],
    origin: &RequestOrigin,
) -> store::Result<bool> {
    if !recovery_codes::spend(&mut *db, user.tenant_id, user.id, mac).await? {
        return Ok(false);
    }
    let left = recovery_codes::count(&mut *db, user.tenant_id, user.id).await?;
    let event =
        sign_in::event(Action::RecoveryCodeUsed, Outcome::Success, user, origin, json!({"left": left}));
    audit::record(app, db, user.tenant_id, &event).await?;
    Ok(true)
}
