//! Accounts: made, changed and deleted by operators.

use serde_json::json;
use sqlx::PgConnection;

use super::audit;
use super::passwords::{self, UnfitPassword};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::model::user::{Role, Standing, User};
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::decisions;
use crate::store::{self, StoreError, browser_sessions, token_families, users};

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
    /// Clients belong to the user.
    #[error("clients belong to this user; delete them first")]
    OwnsClients,
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
    let password_hash = passwords::choose(app, password, &new.username).await?;
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

/// Changes whether an account may be used. A disabled one loses all that is connected, for good; a locked one only
/// for as long as it is locked.
pub async fn set_standing(
    app: &App,
    tenant: TenantId,
    username: &str,
    standing: Standing,
) -> Result<(), UserError> {
    let mut transaction = app.db.begin().await?;
    let user = find(&mut transaction, tenant, username).await?;
    users::set_standing(&mut *transaction, user.id, standing, app.clock.now()).await?;
    let mut details = json!({"before": format!("{:?}", user.standing), "after": format!("{standing:?}")});
    let mut ended = None;
    if standing == Standing::Disabled {
        let of_user = end_connections(app, &mut transaction, &user, RevocationReason::UserDisabled).await?;
        details["ended"] = of_user.counts();
        ended = Some(of_user);
    }
    audit::record(app, &mut *transaction, tenant, &event(Action::UserChanged, user.id, details)).await?;
    transaction.commit().await?;
    // Clients that are the user's own are known with what this account allows.
    app.cached.renew();
    if let Some(ended) = ended {
        ended.tell_memory(app);
    }
    Ok(())
}

/// Ends all that is connected in a person's name: every device, every browser, and what was approved but not yet
/// collected. The account stays as it is: its person may sign in again.
pub async fn sign_out_everywhere(app: &App, tenant: TenantId, username: &str) -> Result<(), UserError> {
    let mut transaction = app.db.begin().await?;
    let user = find(&mut transaction, tenant, username).await?;
    let by_operator = event(Action::UserSignedOutEverywhere, user.id, json!({}));
    Ok(end_everything(app, transaction, &user, by_operator).await?)
}

/// The same, by the person, also for the browser they ask with.
pub async fn sign_out_oneself_everywhere(
    app: &App,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<()> {
    let by_themselves = AuditEvent {
        actor: Actor::User(user.id),
        origin: Some(origin),
        ..event(Action::UserSignedOutEverywhere, user.id, json!({}))
    };
    end_everything(app, app.db.begin().await?, user, by_themselves).await
}

async fn end_everything(
    app: &App,
    mut transaction: sqlx::PgTransaction<'_>,
    user: &User,
    mut event: AuditEvent<'_>,
) -> store::Result<()> {
    // What begins at this very moment, unseen by the statements below, began too early as well.
    users::raise_tokens_not_before(&mut *transaction, user.id, app.clock.now()).await?;
    let ended = end_connections(app, &mut transaction, user, RevocationReason::SignedOutEverywhere).await?;
    event.details["ended"] = ended.counts();
    audit::record(app, &mut *transaction, user.tenant_id, &event).await?;
    transaction.commit().await?;
    ended.tell_memory(app);
    Ok(())
}

/// Deletes an account with all that is theirs. The audit trail stays, and so does the rule that an identifier is
/// never given to anybody else.
pub async fn delete(app: &App, tenant: TenantId, username: &str) -> Result<(), UserError> {
    let mut transaction = app.db.begin().await?;
    let user = find(&mut transaction, tenant, username).await?;
    let ended = end_connections(app, &mut transaction, &user, RevocationReason::UserDisabled).await?;
    users::delete(&mut *transaction, user.id).await.map_err(|error| {
        if error.violates("clients_tenant_id_owner_user_id_fkey") {
            UserError::OwnsClients
        } else {
            error.into()
        }
    })?;
    let details = json!({"username": user.username, "ended": ended.counts()});
    audit::record(app, &mut *transaction, tenant, &event(Action::UserDeleted, user.id, details)).await?;
    transaction.commit().await?;
    ended.tell_memory(app);
    Ok(())
}

async fn find(db: &mut PgConnection, tenant: TenantId, username: &str) -> Result<User, UserError> {
    let found = users::credentials(db, tenant, username).await?;
    found.map(|found| found.user).ok_or(UserError::NoSuchUser)
}

/// What was ended with an account.
pub(super) struct Ended {
    pub(super) devices: u64,
    browsers: u64,
    /// The hashes of device codes that were approved and not yet collected.
    codes: Vec<SecretHash>,
}

impl Ended {
    fn counts(&self) -> serde_json::Value {
        json!({"devices": self.devices, "browsers": self.browsers, "codes": self.codes.len()})
    }

    /// Once it is committed: our own memory need not wait for the announcement.
    pub(super) fn tell_memory(&self, app: &App) {
        for code in &self.codes {
            app.sessions.decided(code);
        }
    }
}

async fn end_connections(
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
pub(super) async fn end_devices(
    app: &App,
    db: &mut PgConnection,
    user: &User,
    reason: RevocationReason,
) -> store::Result<Ended> {
    let now = app.clock.now();
    let codes = decisions::take_back(&mut *db, user.id, now).await?;
    for code in &codes {
        announce(&mut *db, Announcement::Decided(*code)).await?;
    }
    let devices = token_families::revoke_of_user(&mut *db, user.tenant_id, user.id, reason, now).await?;
    Ok(Ended { devices, browsers: 0, codes })
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
