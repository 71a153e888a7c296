//! Clients: registered, changed and deleted by operators.

use serde_json::{Value, json};

use super::audit;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType, ScopePolicy};
use crate::model::device::displayable;
use crate::model::key_set::{KeySet, UnfitKeySet};
use crate::outbound::ForbiddenAddress;
use crate::store::{StoreError, clients, resources};

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
    /// The client can prove nothing, and would act in its own name.
    #[error("only a confidential client can use client_credentials (RFC 6749 section 4.4)")]
    PublicClientActsForItself,
    /// The identifier is a resource's URI: an ID token for the client could pass for an access token (RFC 9068 §3).
    #[error("this is the URI of this server or of a resource; a client needs another id")]
    IdIsResource,
    /// `inherit` is for first-party clients.
    #[error("only a first-party client can inherit the scopes of its users")]
    InheritIsForFirstParty,
    /// Keys and method do not belong together.
    #[error(
        "a client has public keys (jwks or jwks_uri) if it authenticates by private_key_jwt, and only then"
    )]
    KeysDoNotFitMethod,
    /// A key cannot be used.
    #[error(transparent)]
    UnfitKeys(#[from] UnfitKeySet),
    /// This server would not fetch keys from there.
    #[error("the jwks_uri cannot be used: {0}")]
    UnfitJwksUri(#[from] ForbiddenAddress),
    /// The client has no secret that could be exchanged.
    #[error("the client does not authenticate by a secret")]
    HasNoSecret,
    /// The secret was not exchanged, or the one before is retired already.
    #[error("the client has no previous secret")]
    HasNoPreviousSecret,
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
    refuse_public_client_that_acts_for_itself(&client)?;
    check_keys(app, &client)?;
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
    let id = client.client_id.as_str();
    let is_own = id.starts_with(&app.config.public_origin())
        || app.config.tokens.default_audience.as_deref() == Some(id);
    if is_own || resources::exists(&mut *transaction, client.tenant_id, id).await? {
        return Err(ClientError::IdIsResource);
    }
    if !clients::insert(&mut *transaction, &client, app.clock.now()).await? {
        return Err(ClientError::ClientIdTaken);
    }
    audit::record(app, &mut *transaction, client.tenant_id, &event(Action::ClientCreated, &client)).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(secret)
}

/// Changes a client as `change` says: its name, keys, grants, scopes, and whether it is enabled. What is
/// already out stays; everything issued from now on follows.
pub async fn change(
    app: &App,
    client: &Client,
    change: impl FnOnce(&mut Client) + Send,
) -> Result<(), ClientError> {
    rewrite(app, client, Action::ClientChanged, |client| {
        change(client);
        check_keys(app, client)
    })
    .await
}

/// Gives a client a new secret, which is shown this once. The present one stays good beside it until it is retired,
/// so that no copy of the client stops while the new one is rolled out; one that was left from before is not good
/// any more.
pub async fn rotate_secret(app: &App, client: &Client) -> Result<BearerSecret, ClientError> {
    let secret = BearerSecret::generate(SecretKind::ClientSecret, &app.random);
    rewrite(app, client, Action::ClientSecretRotated, |client| {
        let present = client.secret_hash.replace(secret.hash()).ok_or(ClientError::HasNoSecret)?;
        client.previous_secret_hash = Some(present);
        Ok(())
    })
    .await?;
    Ok(secret)
}

/// Ends the life of the secret before the present one.
pub async fn retire_previous_secret(app: &App, client: &Client) -> Result<(), ClientError> {
    rewrite(app, client, Action::ClientSecretRetired, |client| {
        client.previous_secret_hash.take().map(drop).ok_or(ClientError::HasNoPreviousSecret)
    })
    .await
}

/// Reads a client as it is now, and writes what becomes of it; of several at once, one after the other.
async fn rewrite(
    app: &App,
    client: &Client,
    action: Action,
    change: impl FnOnce(&mut Client) -> Result<(), ClientError> + Send,
) -> Result<(), ClientError> {
    let mut transaction = app.db.begin().await?;
    clients::lock(&mut *transaction, client).await?;
    let mut client = clients::find(&mut *transaction, client.tenant_id, client.client_id.as_str())
        .await?
        .ok_or(ClientError::NoSuchClient)?;
    change(&mut client)?;
    refuse_public_client_that_acts_for_itself(&client)?;
    clients::update(&mut *transaction, &client, app.clock.now()).await?;
    audit::record(app, &mut *transaction, client.tenant_id, &event(action, &client)).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

fn refuse_public_client_that_acts_for_itself(client: &Client) -> Result<(), ClientError> {
    if client.is_public() && client.may_use(GrantType::ClientCredentials) {
        return Err(ClientError::PublicClientActsForItself);
    }
    Ok(())
}

/// The rule: who authenticates by key has keys, all of them usable, or an address that they may be fetched from;
/// nobody else has.
fn check_keys(app: &App, client: &Client) -> Result<(), ClientError> {
    match (&client.keys, client.auth_method) {
        (Some(ClientKeys::Registered(set)), AuthMethod::PrivateKeyJwt) => {
            drop(KeySet::register(set.document())?)
        }
        (Some(ClientKeys::Published(uri)), AuthMethod::PrivateKeyJwt) => app.outbound.check(uri)?,
        (Some(_), _) | (None, AuthMethod::PrivateKeyJwt) => return Err(ClientError::KeysDoNotFitMethod),
        (None, _) => {}
    }
    Ok(())
}

/// The keys by their thumbprints (RFC 7638), or where they are.
fn key_names(keys: &ClientKeys) -> Value {
    match keys {
        ClientKeys::Registered(set) => set.usable().keys().map(|key| key.thumbprint().to_string()).collect(),
        ClientKeys::Published(uri) => json!(uri.as_str()),
    }
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
            "keys": client.keys.as_ref().map(key_names),
            "grants": grants,
            "scopes": client.scopes.to_vec(),
            "scope_policy": client.scope_policy.as_str(),
            "first_party": client.first_party,
            "enabled": client.enabled,
        }),
    }
}
