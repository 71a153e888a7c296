//! An account is changed.

use serde_json::json;

use super::end::end_connections;
use super::{UserError, Which, check_admins, check_words, event, find, roles, shown};
use crate::app::App;
use crate::domain::audit::{self, By};
use crate::domain::sign_in;
use crate::model::audit_event::Action;
use crate::model::change::Change;
use crate::model::ids::TenantId;
use crate::model::token_family::RevocationReason;
use crate::model::user::{Role, Standing};
use crate::model::version::MeantFor;
use crate::store::users::{self, Account};

/// What is to change in an account.
#[derive(Debug, Default)]
pub struct UserChange {
    /// The name people know them by.
    pub display_name: Change<String>,
    pub email: Change<String>,
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
    let added: Vec<Role> =
        after.roles.iter().filter(|role| !before.user.roles.contains(role)).cloned().collect();
    roles::check(app, &mut transaction, tenant, &added).await?;
    check_admins(&admins, &before.user, Some(&after), by)?;
    users::update(&mut transaction, &after, now).await?;
    let mut details = json!({"before": shown(&before.user), "after": shown(&after)});
    let mut ended = None;
    if change.standing.is_some() {
        users::set_standing(&mut transaction, tenant, after.id, after.standing, now).await?;
        if after.standing != Standing::Good {
            sign_in::has_changed(&mut transaction, tenant, after.id, sign_in::Change::Factors).await?;
        }
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
