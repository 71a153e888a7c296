//! Clients that are a user's own: made by the user, for themselves and for others.

use super::{ClientError, insert, rewrite};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::model::audit_event::Action;
use crate::model::bearer_secret::BearerSecret;
use crate::model::client::{Client, OwnerRights};
use crate::model::user::User;
use crate::model::version::MeantFor;
use crate::store::{clients, users};

/// Whether the user may make clients: they have the role that the settings name for it.
#[must_use]
pub fn may_make(app: &App, user: &User) -> bool {
    app.config.clients.owner_role.as_ref().is_some_and(|role| user.has_role(role))
}

/// Changes a client as its owner says, below the ceiling that an administrator has set.
pub async fn change(
    app: &App,
    client: &Client,
    meant_for: &MeantFor,
    by: &By<'_>,
    edit: impl FnOnce(&mut Client) + Send,
) -> Result<(), ClientError> {
    rewrite(app, client, meant_for, Action::ClientChanged, by, |client| {
        edit(client);
        client.ceiling.exceeded_by(client).map_or(Ok(()), |field| Err(ClientError::AboveCeiling(field)))
    })
    .await
}

/// Registers a client as the user's own, unless they have as many as one may have. A confidential one gets a secret,
/// which is shown this once.
pub async fn create(
    app: &App,
    owner: &User,
    client: Client,
    by: &By<'_>,
) -> Result<Option<BearerSecret>, ClientError> {
    let quota = app.config.clients.owner_quota;
    let mut change = Change::begin(app, owner.tenant_id, by).await?;
    // Of several that one user makes at once, one comes after the other.
    users::lock(&mut *change, owner.tenant_id, owner.id).await?;
    if clients::count_owned(&mut *change, owner.tenant_id, owner.id).await? >= i64::from(quota) {
        return Err(ClientError::TooManyOwned(quota));
    }
    let rights = OwnerRights { is_active: owner.is_active(), roles: owner.roles.clone() };
    let client = Client { owner: Some(owner.id), owner_rights: Some(rights), ..client };
    let secret = insert(&mut change, client).await?;
    change.commit().await?;
    Ok(secret)
}
