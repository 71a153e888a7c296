//! An account is changed.

use serde_json::json;

use super::end::end_connections;
use super::roles;
use super::rules::{UserError, Which, check_admins, check_words, find, shown};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::sign_in;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::TenantId;
use crate::model::patch::Patch;
use crate::model::token_family::RevocationReason;
use crate::model::user::{Role, Standing};
use crate::model::version::MeantFor;
use crate::store::users::{self, Account};

/// What is to change in an account.
#[derive(Debug, Default)]
pub struct UserChange {
    /// The name people know them by.
    pub display_name: Patch<String>,
    pub email: Patch<String>,
    /// Whether the address is known to be theirs.
    pub email_verified: Option<bool>,
    /// What they may do, in place of what they could.
    pub roles: Option<Vec<Role>>,
    /// Whether the account may be used.
    pub standing: Option<Standing>,
}

/// Changes an account. A disabled one loses all that is connected, for good; a locked one only for as long as it is
/// locked.
pub async fn change(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    asked: UserChange,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Account, UserError> {
    let now = app.clock.now();
    let mut change = Change::begin(app, tenant, by).await?;
    let admins = users::lock_admins(&mut *change, tenant).await?;
    let before = find(&mut change, tenant, which.into()).await?;
    meant_for.check(before.version)?;
    let mut after = before.user.clone();
    after.display_name = asked.display_name.apply(after.display_name);
    after.email = asked.email.apply(after.email);
    // Who proved the one address has not proved the other.
    let same_address = after.email == before.user.email;
    after.email_verified =
        after.email.is_some() && asked.email_verified.unwrap_or(same_address && before.user.email_verified);
    after.roles = asked.roles.unwrap_or(after.roles);
    after.standing = asked.standing.unwrap_or(after.standing);
    check_words(&after)?;
    let added: Vec<Role> =
        after.roles.iter().filter(|role| !before.user.roles.contains(role)).cloned().collect();
    roles::check(app, &mut change, tenant, &added).await?;
    check_admins(&admins, &before.user, Some(&after), by)?;
    users::update(&mut change, &after, now).await?;
    let mut details = json!({"before": shown(&before.user), "after": shown(&after)});
    if asked.standing.is_some() {
        users::set_standing(&mut change, tenant, after.id, after.standing, now).await?;
        if after.standing != Standing::Good {
            sign_in::has_changed(&mut change, tenant, after.id, sign_in::Change::Factors).await?;
        }
    }
    if after.standing == Standing::Disabled && asked.standing.is_some() {
        let ended = end_connections(&mut change, &after, RevocationReason::UserDisabled).await?;
        details["ended"] = ended.counts();
    }
    change.audit(Action::UserChanged, Target::User(Some(after.id)), details).await?;
    let account = users::lock(&mut *change, tenant, after.id).await?.ok_or(UserError::NoSuchUser)?;
    // Clients that are the user's own are known with what this account allows.
    change.renews();
    change.commit().await?;
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
