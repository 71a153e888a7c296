//! An account is made.

use super::roles;
use super::rules::{UserError, check_words, shown};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::password_links::{self, PasswordLink};
use crate::domain::passwords;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::{TenantId, UserId};
use crate::model::tenant::Tenant;
use crate::model::user::{Role, Standing, User};
use crate::store::users;

#[derive(Debug)]
pub struct NewUser {
    /// What the person types to sign in.
    pub username: String,
    /// The name people know them by.
    pub display_name: Option<String>,
    pub email: Option<String>,
    /// Whether the address is known to be theirs.
    pub email_verified: bool,
    pub roles: Vec<Role>,
}

/// An account that can be made, unless its name is taken.
pub(in crate::domain) struct Fit {
    user: User,
    password_hash: String,
}

pub async fn create(
    app: &App,
    tenant: TenantId,
    new: NewUser,
    password: &str,
    by: &By<'_>,
) -> Result<UserId, UserError> {
    let account = fit(app, tenant, new, password).await?;
    let mut change = Change::begin(app, tenant, by).await?;
    account.insert(&mut change).await?;
    change.commit().await?;
    Ok(account.user.id)
}

/// Creates an account with a link by which its user chooses a password, in one transaction.
pub async fn invite(
    app: &App,
    tenant: &Tenant,
    new: NewUser,
    by: &By<'_>,
) -> Result<(UserId, PasswordLink), UserError> {
    let account = fit(app, tenant.id, new, password_links::unknown_password(app).expose()).await?;
    let mut change = Change::begin(app, tenant.id, by).await?;
    account.insert(&mut change).await?;
    let link = password_links::put(&mut change, tenant, account.id()).await?;
    change.commit().await?;
    Ok((account.id(), link))
}

/// Reads what an account is to be, and hashes its password, which takes its time: before a transaction is begun.
pub(in crate::domain) async fn fit(
    app: &App,
    tenant: TenantId,
    new: NewUser,
    password: &str,
) -> Result<Fit, UserError> {
    let fits = (1..=64).contains(&new.username.chars().count())
        && new.username.trim() == new.username
        && !new.username.contains(char::is_control);
    if !fits {
        return Err(UserError::UnfitUsername);
    }
    let user = User {
        id: UserId(app.random.uuid_v7(app.clock.now())),
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
    let password_hash = passwords::choose(app, password, &user.username).await?;
    Ok(Fit { user, password_hash })
}

impl Fit {
    pub(in crate::domain) const fn id(&self) -> UserId {
        self.user.id
    }

    /// Puts the account in place.
    pub(in crate::domain) async fn insert(&self, change: &mut Change<'_>) -> Result<(), UserError> {
        let (Self { user, password_hash }, app) = (self, change.app());
        roles::check(app, change, user.tenant_id, &user.roles).await?;
        users::insert(&mut **change, user, password_hash, app.clock.now()).await.map_err(|error| {
            if error.violates("users_username_key") { UserError::UsernameTaken } else { error.into() }
        })?;
        Ok(change.audit(Action::UserCreated, Target::User(Some(user.id)), shown(user)).await?)
    }
}
