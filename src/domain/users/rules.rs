//! What every change of an account keeps to.

use serde_json::{Value, json};

use crate::domain::audit::By;
use crate::domain::passwords::PasswordError;
use crate::model::audit_event::Actor;
use crate::model::device::displayable;
use crate::model::ids::{TenantId, UserId};
use crate::model::user::{Role, User};
use crate::model::version::VersionConflictError;
use crate::store::users::{self, Account};
use crate::store::{Connection, StoreError};

#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// The one of this name, whatever its case.
    Named(&'a str),
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
    #[error(
        "a username must have 1 to 64 characters, without leading or trailing spaces or control characters"
    )]
    UnfitUsername,
    /// The display name is not possible.
    #[error(
        "a display name must have 1 to 128 characters, with no control or bidirectional characters and no \
         mixed alphabets in a word"
    )]
    UnfitDisplayName,
    #[error("an email address must look like name@example.org and have at most 254 characters")]
    UnfitEmail,
    /// Nothing in the tenant asks for the role.
    #[error("role {role} is unknown; known roles are {known} and any role that a scope requires")]
    UnknownRole {
        role: String,
        /// The known ones, separated by commas.
        known: String,
    },
    #[error("a user with this name already exists")]
    UsernameTaken,
    #[error("user not found")]
    NoSuchUser,
    /// Clients belong to the user.
    #[error("the user owns clients; delete them first")]
    OwnsClients,
    /// Nobody could administer the tenant afterwards.
    #[error("the tenant needs at least one active administrator")]
    LastAdmin,
    /// Administrators cannot shut themselves out.
    #[error("you cannot do this to your own account")]
    OwnAccount,
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The account, locked until the transaction ends.
pub(in crate::domain) async fn find(
    db: &mut Connection,
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
pub(super) fn shown(user: &User) -> Value {
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
pub(super) fn masked(email: &str) -> String {
    let (name, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    format!("{}…@{domain}", name.chars().take(1).collect::<String>())
}

pub(super) fn check_words(user: &User) -> Result<(), UserError> {
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
pub(super) fn check_admins(
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;
    use crate::model::user::Standing;

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
