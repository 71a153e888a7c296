//! Recovery codes: made, made anew, used.

use serde_json::json;

use super::{SecondFactorError, must_be_fresh, prove};
use crate::app::App;
use crate::domain::change::Change;
use crate::domain::{mac_keys, sign_in};
use crate::model::audit_event::{Action, Target};
use crate::model::browser_session::BrowserSession;
use crate::model::recovery_code::{self, RecoveryCode};
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, recovery_codes};

/// Gives the person new codes for a right one, in place of all they had. To be shown this once.
pub async fn renew(
    app: &App,
    session: &BrowserSession,
    input: &str,
    origin: &RequestOrigin,
) -> Result<Vec<RecoveryCode>, SecondFactorError> {
    must_be_fresh(app, session)?;
    let mut proven = prove(app, &session.user, sign_in::trier_of(session), input, origin).await?;
    let made = replace(&mut proven.change, &session.user).await.map_err(Into::into);
    proven.finish(app, made).await
}

async fn replace(change: &mut Change<'_>, user: &User) -> store::Result<Vec<RecoveryCode>> {
    sign_in::has_changed(change, user.tenant_id, user.id, sign_in::Change::Factors).await?;
    make(change, user).await
}

/// How many the person has left.
pub async fn left(app: &App, user: &User) -> store::Result<i64> {
    recovery_codes::count(&app.db, user.tenant_id, user.id).await
}

pub(super) async fn make(change: &mut Change<'_>, user: &User) -> store::Result<Vec<RecoveryCode>> {
    let app = change.app();
    let codes: Vec<_> = (0..recovery_code::COUNT).map(|_| RecoveryCode::generate(&app.random)).collect();
    let mut macs = Vec::with_capacity(codes.len());
    for code in &codes {
        macs.push(mac_keys::codes::recovery_code(app, user, code).await?.to_vec());
    }
    recovery_codes::replace(change, user.tenant_id, user.id, &macs, app.clock.now()).await?;
    change.audit(Action::RecoveryCodesMade, Target::User(Some(user.id)), json!({})).await?;
    Ok(codes)
}

/// Whether the code with this MAC is one of this person; then it is used up.
pub(super) async fn spend(change: &mut Change<'_>, user: &User, mac: [u8; 32]) -> store::Result<bool> {
    if !recovery_codes::spend(&mut **change, user.tenant_id, user.id, mac).await? {
        return Ok(false);
    }
    let left = recovery_codes::count(&mut **change, user.tenant_id, user.id).await?;
    change.audit(Action::RecoveryCodeUsed, Target::User(Some(user.id)), json!({"left": left})).await?;
    Ok(true)
}
