//! Accounts: made, changed and deleted by operators and administrators.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::audit::{self, By};
use super::passwords::{self, UnfitPassword};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::SecretHash;
use crate::model::change::Change;
use crate::model::device::displayable;
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::model::user::{Role, Standing, User};
use crate::model::version::{MeantFor, Stale};
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::decisions;
use crate::store::users::Account;
use crate::store::{self, StoreError, browser_sessions, token_families, users};

/// An account to be made.
#[derive(Debug)]
pub struct NewUser {
    /// What the person types to sign in.
    pub username: String,
    /// The name people know them by.
    pub display_name: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// Whether the address is known to be theirs.
    pub email_verified: bool,
    /// What they may do.
    pub roles: Vec<Role>,
}

/// What is to change in an account.
#[derive(Debug, Default)]
pub struct UserChange {
    /// The name people know them by.
    pub display_name: Change<String>,
    /// An e-mail address.
    pub email: Change<String>,
    /// Whether the address is known to be theirs.
    pub email_verified: Option<bool>,
    /// What they may do, in place of what they could.
    pub roles: Option<Vec<Role>>,
    /// Whether the account may be used.
    pub standing: Option<Standing>,
}

/// Which account.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// The one of this name, whatever its case.
    Named(&'a str),
    /// The one with this identifier.
    WithId(UserId),
}

impl<'a> From<&'a str> for Which<'a> {
    fn from(name: &'a str) -> Self {
        Self::Named(name)
    }
}

impl From<UserId> for Which<'_> {
    fn from(id: UserId) -> Self {
        Self::WithId(id)
    }
}

/// Why an account cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The user name is not possible.
    #[error("a user name has 1 to 64 characters, without spaces at its ends or control characters")]
    UnfitUsername,
    /// The display name is not possible.
    #[error(
        "a display name has 1 to 128 characters, without control or direction characters or words of mixed alphabets"
    )]
    UnfitDisplayName,
    /// The e-mail address is none.
    #[error("an e-mail address is something@somewhere, of at most 254 characters")]
    UnfitEmail,
    /// The user name is taken.
    #[error("there is a user of this name already")]
    UsernameTaken,
    /// There is no such user.
    #[error("there is no user of this name")]
    NoSuchUser,
    /// Clients belong to the user.
    #[error("clients belong to this user; delete them first")]
    OwnsClients,
    /// Nobody could administer the tenant afterwards.
    #[error("this is the last active administrator")]
    LastAdmin,
    /// Administrators cannot shut themselves out.
    #[error("this is your own account")]
    OwnAccount,
    /// The account has changed since.
    #[error(transparent)]
    Stale(#[from] Stale),
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
pub async fn create(
    app: &App,
    tenant: TenantId,
    new: NewUser,
    password: &str,
    by: &By<'_>,
) -> Result<UserId, UserError> {
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
        email_verified: new.email_verified && new.email.is_some(),
        email: new.email,
        roles: new.roles,
        standing: Standing::Good,
        tokens_not_before: None,
    };
    check_words(&user)?;
    let mut transaction = app.begin(tenant).await?;
    users::insert(&mut *transaction, &user, &password_hash, now).await.map_err(|error| {
        if error.violates("users_username_key") { UserError::UsernameTaken } else { error.into() }
    })?;
    let event = event(Action::UserCreated, user.id, by, shown(&user));
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    Ok(user.id)
}

/// Changes an account. A disabled one loses all that is connected, for good; a locked one only for as long as it is
/// locked.
pub async fn change(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    change: UserChange,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Account, UserError> {
    let now = app.clock.now();
    let mut transaction = app.begin(tenant).await?;
    let admins = users::lock_admins(&mut *transaction, tenant).await?;
    let before = find(&mut transaction, tenant, which.into()).await?;
    meant_for.check(before.version)?;
    let mut after = before.user.clone();
    after.display_name = change.display_name.apply(after.display_name);
    after.email = change.email.apply(after.email);
    // Who proved the one address has not proved the other.
    let same_address = after.email == before.user.email;
    after.email_verified =
        after.email.is_some() && change.email_verified.unwrap_or(same_address && before.user.email_verified);
    after.roles = change.roles.unwrap_or(after.roles);
    after.standing = change.standing.unwrap_or(after.standing);
    check_words(&after)?;
    check_admins(&admins, &before.user, Some(&after), by)?;
    users::update(&mut *transaction, &after, now).await?;
    let mut details = json!({"before": shown(&before.user), "after": shown(&after)});
    let mut ended = None;
    if change.standing.is_some() {
        users::set_standing(&mut *transaction, after.id, after.standing, now).await?;
    }
    if after.standing == Standing::Disabled && change.standing.is_some() {
        let of_user = end_connections(app, &mut transaction, &after, RevocationReason::UserDisabled).await?;
        details["ended"] = of_user.counts();
        ended = Some(of_user);
    }
    audit::record(app, &mut *transaction, tenant, &event(Action::UserChanged, after.id, by, details)).await?;
    let account = users::lock(&mut *transaction, tenant, after.id).await?.ok_or(UserError::NoSuchUser)?;
    transaction.commit().await?;
    // Clients that are the user's own are known with what this account allows.
    app.cached.renew();
    if let Some(ended) = ended {
        ended.tell_memory(app);
    }
    Ok(account)
}

/// Changes whether an account may be used, and nothing else.
pub async fn set_standing(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    standing: Standing,
    by: &By<'_>,
) -> Result<(), UserError> {
    let only_standing = UserChange { standing: Some(standing), ..UserChange::default() };
    change(app, tenant, which, only_standing, &MeantFor::Any, by).await.map(drop)
}

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
    mut transaction: sqlx::PgTransaction<'_>,
    user: &User,
    by: &By<'_>,
) -> store::Result<()> {
    // What begins at this very moment, unseen by the statements below, began too early as well.
    users::raise_tokens_not_before(&mut *transaction, user.id, app.clock.now()).await?;
    let ended = end_connections(app, &mut transaction, user, RevocationReason::SignedOutEverywhere).await?;
    let event = event(Action::UserSignedOutEverywhere, user.id, by, json!({"ended": ended.counts()}));
    audit::record(app, &mut *transaction, user.tenant_id, &event).await?;
    transaction.commit().await?;
    ended.tell_memory(app);
    Ok(())
}

/// Deletes an account with all that is theirs. The audit trail stays, and so does the rule that an identifier is
/// never given to anybody else.
pub async fn delete(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), UserError> {
    let mut transaction = app.begin(tenant).await?;
    let admins = users::lock_admins(&mut *transaction, tenant).await?;
    let Account { user, version, .. } = find(&mut transaction, tenant, which.into()).await?;
    meant_for.check(version)?;
    check_admins(&admins, &user, None, by)?;
    let ended = end_connections(app, &mut transaction, &user, RevocationReason::UserDisabled).await?;
    users::delete(&mut *transaction, user.id).await.map_err(|error| {
        if error.violates("clients_tenant_id_owner_user_id_fkey") {
            UserError::OwnsClients
        } else {
            error.into()
        }
    })?;
    let details = json!({"before": shown(&user), "ended": ended.counts()});
    audit::record(app, &mut *transaction, tenant, &event(Action::UserDeleted, user.id, by, details)).await?;
    transaction.commit().await?;
    ended.tell_memory(app);
    Ok(())
}

/// The account, locked until the transaction ends.
pub(super) async fn find(
    db: &mut PgConnection,
    tenant: TenantId,
    which: Which<'_>,
) -> Result<Account, UserError> {
    let id = match which {
        Which::WithId(id) => id,
        Which::Named(name) => {
            let found = users::credentials(&mut *db, tenant, name).await?;
            found.ok_or(UserError::NoSuchUser)?.user.id
        }
    };
    users::lock(db, tenant, id).await?.ok_or(UserError::NoSuchUser)
}

/// What of an account may stand in the audit trail and be shown to administrators.
fn shown(user: &User) -> Value {
    json!({
        "username": user.username,
        "display_name": user.display_name,
        "email": user.email.as_deref().map(masked),
        "email_verified": user.email_verified,
        "roles": user.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "status": user.standing.as_str(),
    })
}

/// An address from which its owner, but nobody else, can tell which it is.
fn masked(email: &str) -> String {
    let (name, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    format!("{}…@{domain}", name.chars().take(1).collect::<String>())
}

fn check_words(user: &User) -> Result<(), UserError> {
    if let Some(name) = &user.display_name
        && (name.is_empty() || displayable(name).map_or(true, |fit| fit != *name))
    {
        return Err(UserError::UnfitDisplayName);
    }
    if let Some(email) = &user.email {
        let parts = email.rsplit_once('@');
        let legal =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
        if email.len() > 254 || !parts.is_some_and(|(name, domain)| legal(name) && legal(domain)) {
            return Err(UserError::UnfitEmail);
        }
    }
    Ok(())
}

/// The rule: no administrator shuts out themself, or the last one there is. Operators may; they can also let
/// somebody in again. `after` is what becomes of the account, if it is not deleted.
fn check_admins(
    active_admins: &[UserId],
    before: &User,
    after: Option<&User>,
    by: &By<'_>,
) -> Result<(), UserError> {
    let Actor::User(actor) = by.actor else { return Ok(()) };
    if actor == before.id && !after.is_some_and(User::is_active) {
        return Err(UserError::OwnAccount);
    }
    let stays = after.is_some_and(|after| after.is_active() && after.has_role(&Role::Admin));
    if !stays && active_admins == [before.id] {
        return Err(UserError::LastAdmin);
    }
    Ok(())
}

/// What was ended with an account.
pub(super) struct Ended {
    pub(super) devices: u64,
    browsers: u64,
    /// The hashes of device codes that were approved and not yet collected.
    codes: Vec<SecretHash>,
}

impl Ended {
    fn counts(&self) -> Value {
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

pub(super) fn event<'a>(action: Action, user: UserId, by: &By<'a>, details: Value) -> AuditEvent<'a> {
    AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: by.actor.clone(),
        target_kind: "user",
        target_id: Some(user.to_string()),
        origin: by.origin,
        details,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;

    fn admin(id: u128) -> User {
        User {
            id: UserId(Uuid::from_u128(id)),
            tenant_id: DEFAULT_TENANT,
            username: "ada".to_owned(),
            display_name: None,
            email: None,
            email_verified: false,
            roles: vec![Role::Admin],
            standing: Standing::Good,
            tokens_not_before: None,
        }
    }

    #[test]
    fn the_last_administrator_and_oneself_are_safe_from_administrators() {
        let (one, two) = (admin(1), admin(2));
        let by = |user: &User| By { actor: Actor::User(user.id), origin: None };
        let plain = User { roles: Vec::new(), ..one.clone() };
        let disabled = User { standing: Standing::Disabled, ..one.clone() };
        let both = [one.id, two.id];
        assert!(check_admins(&both, &one, Some(&plain), &by(&two)).is_ok());
        assert!(check_admins(&both, &one, Some(&plain), &by(&one)).is_ok());
        assert!(check_admins(&both, &one, None, &by(&two)).is_ok());
        let own = check_admins(&both, &one, Some(&disabled), &by(&one));
        assert!(matches!(own, Err(UserError::OwnAccount)));
        assert!(matches!(check_admins(&both, &one, None, &by(&one)), Err(UserError::OwnAccount)));
        let alone = [one.id];
        for after in [Some(&plain), Some(&disabled), None] {
            let last = check_admins(&alone, &one, after, &by(&two));
            assert!(matches!(last, Err(UserError::LastAdmin)), "{after:?}");
            assert!(check_admins(&alone, &one, after, &By::OPERATOR).is_ok());
        }
        assert!(check_admins(&alone, &one, Some(&one), &by(&one)).is_ok());
    }

    #[test]
    fn an_address_in_the_trail_is_masked() {
        assert_eq!(masked("ada@example.org"), "a…@example.org");
        assert_eq!(masked("@example.org"), "…@example.org");
    }
}
