//! A second factor goes: by its person, or by an operator for somebody who has lost everything.

use serde_json::json;

use super::{SecondFactorRefused, must_be_fresh, prove};
use crate::app::App;
use crate::domain::users::UserError;
use crate::domain::{audit, sign_in};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, half_sign_ins, recovery_codes, totp_secrets, users};

/// Removes the person's own, for a right code.
pub async fn remove(
    app: &App,
    session: &BrowserSession,
    input: &str,
    origin: &RequestOrigin,
) -> Result<(), SecondFactorRefused> {
    must_be_fresh(app, session)?;
    let user = &session.user;
    let mut transaction = prove(app, user, input, origin).await?;
    forget(&mut transaction, user).await?;
    let event = sign_in::event(Action::SecondFactorRemoved, Outcome::Success, user, origin, json!({}));
    audit::record(app, &mut *transaction, user.tenant_id, &event).await?;
    Ok(transaction.commit().await?)
}

/// Removes anybody's, on an operator's word; whether there was one. Their next sign-in takes the password alone.
pub async fn reset(app: &App, tenant: TenantId, username: &str) -> Result<bool, UserError> {
    let mut transaction = app.begin(tenant).await?;
    let found = users::credentials(&mut *transaction, tenant, username).await?;
    let user = found.ok_or(UserError::NoSuchUser)?.user;
    let removed = forget(&mut transaction, &user).await?;
    if removed {
        let event = AuditEvent {
            action: Action::SecondFactorRemoved,
            outcome: Outcome::Success,
            actor: Actor::Operator,
            target_kind: "user",
            target_id: Some(user.id.to_string()),
            origin: None,
            details: json!({}),
        };
        audit::record(app, &mut *transaction, tenant, &event).await?;
    }
    transaction.commit().await?;
    Ok(removed)
}

async fn forget(db: &mut sqlx::PgConnection, user: &User) -> store::Result<bool> {
    recovery_codes::delete(&mut *db, user.tenant_id, user.id).await?;
    // Whoever waits for the question for a code could never answer it.
    half_sign_ins::end_of_user(&mut *db, user.tenant_id, user.id).await?;
    totp_secrets::delete(db, user.tenant_id, user.id).await
}
