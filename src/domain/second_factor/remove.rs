//! A second factor goes: by its person, or by an operator or administrator for somebody who has lost everything.

use serde_json::json;

use super::{SecondFactorError, must_be_fresh, prove};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::users::rules::{UserError, Which};
use crate::domain::{sign_in, users};
use crate::model::audit_event::{Action, Actor, Target};
use crate::model::browser_session::BrowserSession;
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, Connection, recovery_codes, totp_secrets};

/// Removes the person's own, for a right code.
pub async fn remove(
    app: &App,
    session: &BrowserSession,
    input: &str,
    origin: &RequestOrigin,
) -> Result<(), SecondFactorError> {
    must_be_fresh(app, session)?;
    let user = &session.user;
    let mut proven = prove(app, user, sign_in::trier_of(session), input, origin).await?;
    let removed = remove_and_tell(&mut proven.change, user).await.map_err(Into::into);
    proven.finish(app, removed).await
}

async fn remove_and_tell(change: &mut Change<'_>, user: &User) -> store::Result<()> {
    forget(change, user).await?;
    change.audit(Action::SecondFactorRemoved, Target::User(Some(user.id)), json!({})).await
}

/// Removes anybody's, on the word of an operator or of an administrator, who removes their own as everybody does;
/// whether there was one. The person's next sign-in takes the password alone.
pub async fn reset(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    by: &By<'_>,
) -> Result<bool, UserError> {
    let mut change = Change::begin(app, tenant, by).await?;
    let user = users::find(&mut change, tenant, which.into()).await?.user;
    if matches!(by.actor, Actor::User(actor) if actor == user.id) {
        return Err(UserError::OwnAccount);
    }
    let removed = forget(&mut change, &user).await?;
    if removed {
        change.audit(Action::SecondFactorRemoved, Target::User(Some(user.id)), json!({})).await?;
    }
    change.commit().await?;
    Ok(removed)
}

async fn forget(db: &mut Connection, user: &User) -> store::Result<bool> {
    sign_in::has_changed(&mut *db, user.tenant_id, user.id, sign_in::Change::Factors).await?;
    recovery_codes::delete(&mut *db, user.tenant_id, user.id).await?;
    totp_secrets::delete(db, user.tenant_id, user.id).await
}
