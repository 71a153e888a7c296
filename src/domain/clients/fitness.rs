//! What every client must be, whoever registers or changes it.

use super::ClientError;
use crate::app::App;
use crate::domain::granting::{may_grant, may_hold};
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType, OwnerRights, ScopePolicy};
use crate::model::device::displayable;
use crate::model::key_set::KeySet;
use crate::model::scope::Scope;
use crate::store::{Connection, resources, scopes, tenants, users};

/// Refuses an identifier that is the URI of this server or of a resource.
pub(super) async fn check_id(app: &App, db: &mut Connection, client: &Client) -> Result<(), ClientError> {
    let id = client.client_id.as_str();
    let host = tenants::host(&mut *db, client.tenant_id).await?;
    let is_own = id.starts_with(&app.config.public_origin())
        || host.is_some_and(|host| id.starts_with(&app.config.origin_at(host.as_str())))
        || app.config.tokens.default_audience.as_deref() == Some(id);
    if is_own || resources::exists(db, client.tenant_id, id).await? {
        return Err(ClientError::IdIsResource);
    }
    Ok(())
}

/// Checks what becomes of a client, and brings its name to its one form. What it had `before` is not asked again: a
/// scope that its owner lost since stays registered, and counts for nothing.
pub(super) async fn check(
    app: &App,
    db: &mut Connection,
    before: Option<&Client>,
    client: &mut Client,
) -> Result<(), ClientError> {
    client.name = displayable(&client.name).map_err(|_| ClientError::UnfitName)?;
    if client.name.is_empty() {
        return Err(ClientError::UnfitName);
    }
    if before.is_none_or(|before| before.owner != client.owner) {
        client.owner_rights = match client.owner {
            Some(id) => {
                let owner = users::find(&mut *db, client.tenant_id, id).await?;
                let owner = owner.ok_or(ClientError::NoSuchOwner)?;
                Some(OwnerRights { is_active: owner.is_active(), roles: owner.roles })
            }
            None => None,
        };
    }
    check_alone(client)?;
    check_keys(app, client)?;
    let catalogue = scopes::all(&mut *db, client.tenant_id).await?;
    let had = before.filter(|before| before.owner == client.owner).map(|before| &before.scopes);
    for name in client.scopes.iter().filter(|name| had.is_none_or(|had| !had.contains(name))) {
        check_scope(client, &catalogue, name)?;
    }
    let is_idle = |client: &Client| client.grant_types.is_empty() && client.introspects.is_empty();
    if is_idle(client) && !before.is_some_and(is_idle) {
        return Err(ClientError::NothingToDo);
    }
    Ok(())
}

/// The rules that need to know the client alone.
fn check_alone(client: &Client) -> Result<(), ClientError> {
    if client.owner.is_some() && (client.first_party || !client.introspects.is_empty()) {
        return Err(ClientError::OwnedIsNotOurs);
    }
    if client.scope_policy == ScopePolicy::Inherit && !client.first_party {
        return Err(ClientError::InheritIsForFirstParty);
    }
    if client.is_public() && client.may_use(GrantType::ClientCredentials) {
        return Err(ClientError::PublicClientActsForItself);
    }
    if client.is_public() && client.credentials_per_installation {
        return Err(ClientError::PublicInstallations);
    }
    Ok(())
}

fn check_scope(client: &Client, catalogue: &[Scope], name: &str) -> Result<(), ClientError> {
    let scope = catalogue.iter().find(|scope| scope.name == name);
    let scope = scope.ok_or_else(|| ClientError::UnknownScope(name.to_owned()))?;
    if !may_hold(client, name) {
        return Err(ClientError::ScopeByNameOnly(name.to_owned()));
    }
    if client.owner_rights.as_ref().is_some_and(|owner| !may_grant(&owner.roles, scope)) {
        return Err(ClientError::OwnerMayNotGrant(name.to_owned()));
    }
    Ok(())
}

/// The rule: who authenticates by key has keys, of which those that can be used are kept, or an address that they may be fetched from;
/// nobody else has.
fn check_keys(app: &App, client: &mut Client) -> Result<(), ClientError> {
    match (&client.keys, client.auth_method) {
        (Some(ClientKeys::Registered(set)), AuthMethod::PrivateKeyJwt) => {
            let stored = KeySet::register(set.document())?;
            if stored != *set.document() {
                client.keys = Some(ClientKeys::Registered(stored.into()));
            }
        }
        (Some(ClientKeys::Published(uri)), AuthMethod::PrivateKeyJwt) => app.outbound.check(uri)?,
        (Some(_), _) | (None, AuthMethod::PrivateKeyJwt) => return Err(ClientError::KeysDoNotFitMethod),
        (None, _) => {}
    }
    Ok(())
}
