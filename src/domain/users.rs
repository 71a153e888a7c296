//! Accounts: made and changed by operators.

use serde_json::json;

use super::audit;
use super::passwords::{self, UnfitPassword};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::{TenantId, UserId};
use crate::model::user::{Role, Standing, User};
use crate::store::{StoreError, users};

/// An account to be made.
#[derive(Debug)]
pub struct NewUser {
    /// What the person types to sign in.
    pub username: String,
    /// The name people know them by.
    pub display_name: Option<String>,
    /// An e-mail address, taken to be theirs on the operator's word.
    pub email: Option<String>,
    /// What they may do.
    pub roles: Vec<Role>,
}

/// Why an account cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The user name is not possible.
    #[error("a user name has 1 to 64 characters, without spaces at its ends or control characters")]
    UnfitUsername,
    /// The user name is taken.
    #[error("there is a user of this name already")]
    UsernameTaken,
    /// There is no such user.
    #[error("there is no user of this name")]
    NoSuchUser,
    /// The password cannot be chosen.
    #[error(transparent)]
    Password(#[from] UnfitPassword),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for UserError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes an account.
pub async fn create(app: &App, tenant: TenantId, new: NewUser, password: &str) -> Result<UserId, UserError> {
    let fits = (1..=64).contains(&new.username.chars().count())
        && new.username.trim() == new.username
        && !new.username.contains(char::is_control);
    if !fits {
        return Err(UserError::UnfitUsername);
    }
    let now = app.clock.now();
    let password_hash = passwords::hash(password, &app.random)?;
    let user = User {
        id: UserId(app.random.uuid_v7(now)),
        tenant_id: tenant,
        username: new.username,
        display_name: new.display_name,
        email_verified: new.email.is_some(),
        email: new.email,
        roles: new.roles,
        standing: Standing::Good,
        tokens_not_before: None,
    };
    let mut transaction = app.db.begin().await?;
    users::insert(&mut *transaction, &user, &password_hash, now).await.map_err(|error| {
        if error.violates("users_username_key") { UserError::UsernameTaken } else { error.into() }
    })?;
    let roles: Vec<_> = user.roles.iter().map(ToString::to_string).collect();
    let details = json!({"username": user.username, "roles": roles});
    audit::record(app, &mut *transaction, tenant, &event(Action::UserCreated, user.id, details)).await?;
    transaction.commit().await?;
    Ok(user.id)
}

/// Changes whether an account may be used. Its tokens follow at once: every issue asks again.
pub async fn set_standing(
    app: &App,
    tenant: TenantId,
    username: &str,
    standing: Standing,
) -> Result<(), UserError> {
    let mut transaction = app.db.begin().await?;
    let user =
        users::credentials(&mut *transaction, tenant, username).await?.ok_or(UserError::NoSuchUser)?.user;
    users::set_standing(&mut *transaction, user.id, standing, app.clock.now()).await?;
    let details = json!({"before": format!("{:?}", user.standing), "after": format!("{standing:?}")});
    audit::record(app, &mut *transaction, tenant, &event(Action::UserChanged, user.id, details)).await?;
    transaction.commit().await?;
    Ok(())
}

fn event(action: Action, user: UserId, details: serde_json::Value) -> AuditEvent<'static> {
    AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target_kind: "user",
        target_id: Some(user.to_string()),
        origin: None,
        details,
    }
}
