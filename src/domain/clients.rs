//! Clients: registered, changed and deleted by operators.

use serde_json::json;

use super::audit;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::client::{Client, ScopePolicy};
use crate::model::device::displayable;
use crate::store::{StoreError, clients};

/// Why a client cannot be registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The identifier is taken.
    #[error("there is a client of this id already")]
    ClientIdTaken,
    /// There is no such client.
    #[error("there is no client of this id")]
    NoSuchClient,
    /// The name cannot be shown to people.
    #[error("a client's name has 1 to 128 characters, without control or direction characters")]
    UnfitName,
    /// `inherit` is for first-party clients.
    #[error("only a first-party client can inherit the scopes of its users")]
    InheritIsForFirstParty,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ClientError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Registers a client. A confidential one gets a secret, which is shown this once; its hash is all that stays.
pub async fn create(app: &App, mut client: Client) -> Result<Option<BearerSecret>, ClientError> {
    if client.scope_policy == ScopePolicy::Inherit && !client.first_party {
        return Err(ClientError::InheritIsForFirstParty);
    }
    client.name = displayable(&client.name).map_err(|_| ClientError::UnfitName)?;
    if client.name.is_empty() {
        return Err(ClientError::UnfitName);
    }
    let secret = client
        .auth_method
        .uses_secret()
        .then(|| BearerSecret::generate(SecretKind::ClientSecret, &app.random));
    client.secret_hash = secret.as_ref().map(BearerSecret::hash);
    let mut transaction = app.db.begin().await?;
    if !clients::insert(&mut *transaction, &client, app.clock.now()).await? {
        return Err(ClientError::ClientIdTaken);
    }
    audit::record(app, &mut *transaction, client.tenant_id, &event(Action::ClientCreated, &client)).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(secret)
}

/// Changes a client as `change` says: its name, secret, grants, scopes, and whether it is enabled. What is
/// already out stays; everything issued from now on follows.
pub async fn change(
    app: &App,
    client: &Client,
    change: impl FnOnce(&mut Client) + Send,
) -> Result<(), ClientError> {
    let mut transaction = app.db.begin().await?;
    let mut client = clients::find(&mut *transaction, client.tenant_id, client.client_id.as_str())
        .await?
        .ok_or(ClientError::NoSuchClient)?;
    change(&mut client);
    clients::update(&mut *transaction, &client, app.clock.now()).await?;
    audit::record(app, &mut *transaction, client.tenant_id, &event(Action::ClientChanged, &client)).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

/// Deletes a client with its codes, devices and tokens. The audit trail stays.
pub async fn delete(app: &App, client: &Client) -> Result<(), ClientError> {
    let mut transaction = app.db.begin().await?;
    if !clients::delete(&mut *transaction, client.tenant_id, &client.client_id).await? {
        return Err(ClientError::NoSuchClient);
    }
    audit::record(app, &mut *transaction, client.tenant_id, &event(Action::ClientDeleted, client)).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

fn event(action: Action, client: &Client) -> AuditEvent<'static> {
    let grants: Vec<_> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target_kind: "client",
        target_id: Some(client.client_id.to_string()),
        origin: None,
        details: json!({
            "name": client.name,
            "auth_method": client.auth_method.as_str(),
            "grants": grants,
            "scopes": client.scopes.to_vec(),
            "scope_policy": client.scope_policy.as_str(),
            "first_party": client.first_party,
            "enabled": client.enabled,
        }),
    }
}
