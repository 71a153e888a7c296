//! Clients: registered, changed and deleted by operators, by the users whose own they are, and by themselves.

mod fitness;
pub mod owned;
pub mod registration;
pub mod registration_tokens;
pub mod secrets;

use serde_json::{Value, json};

use super::audit::{self, By};
use super::change::Change;
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::client::{Client, ClientKeys};
use crate::model::key_set::KeySetError;
use crate::model::policy::InvalidPolicyError;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::version::{MeantFor, VersionConflictError};
use crate::outbound::ForbiddenAddressError;
use crate::store::{self, Connection, StoreError, clients};

/// Why a client cannot be registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("a client with this ID already exists")]
    ClientIdTaken,
    #[error("client not found")]
    NoSuchClient,
    /// The name cannot be shown to people.
    #[error(
        "a client name must have 1 to 128 characters, with no control or bidirectional characters and no \
         mixed alphabets in a word"
    )]
    UnfitName,
    /// The client can prove nothing, and would act in its own name.
    #[error("only a confidential client can use client_credentials (RFC 6749 section 4.4)")]
    PublicClientActsForItself,
    /// The client has no credentials, so no installation has its own.
    #[error("a public client has no secret")]
    PublicInstallations,
    /// The identifier is a resource's URI: an ID token for the client could pass for an access token (RFC 9068 §3).
    #[error("a client ID must not be the URI of this server or of a resource")]
    IdIsResource,
    #[error("a client needs grant_types or, as a resource server, introspects")]
    NothingToDo,
    /// `inherit` is for first-party clients.
    #[error("only a first-party client can inherit the scopes of its users")]
    InheritIsForFirstParty,
    /// Keys and method do not belong together.
    #[error("private_key_jwt requires jwks or jwks_uri; other methods allow neither")]
    KeysDoNotFitMethod,
    #[error(transparent)]
    UnfitKeys(#[from] KeySetError),
    /// This server would not fetch keys from there.
    #[error("the jwks_uri is not usable: {0}")]
    UnfitJwksUri(#[from] ForbiddenAddressError),
    /// The catalogue has no such scope.
    #[error("scope {0} not found")]
    UnknownScope(String),
    /// The scope is for clients that an administrator registers.
    #[error("scope {0} is only available to clients that an administrator registers")]
    ScopeByNameOnly(String),
    #[error("user not found")]
    NoSuchOwner,
    /// A client that is a user's own asks for more than its owner has.
    #[error("the owner cannot grant scope {0}")]
    OwnerMayNotGrant(String),
    /// What only the operator's own clients are.
    #[error("a user's own client cannot be first-party or introspect tokens")]
    OwnedIsNotOurs,
    /// An administrator has restricted this field.
    #[error("an administrator restricted {0}; ask them to change it")]
    AboveCeiling(&'static str),
    /// The user has as many as one may have.
    #[error("a user can own at most {0} clients")]
    TooManyOwned(u32),
    #[error(transparent)]
    Policy(#[from] InvalidPolicyError),
    /// The client has no secret that could be exchanged.
    #[error("the client does not use a secret")]
    HasNoSecret,
    /// The secret was not exchanged, or the one before is retired already.
    #[error("the client has no previous secret")]
    HasNoPreviousSecret,
    /// It is not what the caller saw.
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers a client. A confidential one gets a secret, which is shown this once; its hash is all that stays.
pub async fn create(app: &App, client: Client, by: &By<'_>) -> Result<Option<BearerSecret>, ClientError> {
    let mut change = Change::begin(app, client.tenant_id, by).await?;
    let secret = insert(&mut change, client).await?;
    change.commit().await?;
    Ok(secret)
}

async fn insert(change: &mut Change<'_>, mut client: Client) -> Result<Option<BearerSecret>, ClientError> {
    let app = change.app();
    fitness::check_id(app, change, &client).await?;
    fitness::check(app, change, None, &mut client).await?;
    let secret = client
        .auth_method
        .uses_secret()
        .then(|| BearerSecret::generate(SecretKind::ClientSecret, &app.random));
    client.secret_hash = secret.as_ref().map(BearerSecret::hash);
    if !clients::insert(&mut *change, &client, app.clock.now()).await? {
        return Err(ClientError::ClientIdTaken);
    }
    record(change, Action::ClientCreated, &client, described(&client)).await?;
    Ok(secret)
}

/// Changes a client as an administrator says: all but its identifier and how it authenticates. What is already out
/// stays; everything issued from now on follows. Of a client that its owner or the client itself may change, it is the
/// ceiling of such changes.
pub async fn change(
    app: &App,
    client: &Client,
    meant_for: &MeantFor,
    by: &By<'_>,
    edit: impl FnOnce(&mut Client) + Send,
) -> Result<(), ClientError> {
    rewrite(app, client, meant_for, Action::ClientChanged, by, |client| {
        let before = client.clone();
        edit(client);
        if client.is_unverified() {
            let mut ceiling = before.ceiling.clone();
            ceiling.note(&before, client);
            client.ceiling = ceiling;
        }
        Ok(())
    })
    .await
}

/// Reads a client as it is now, and writes what becomes of it; of several at once, one after the other.
async fn rewrite(
    app: &App,
    client: &Client,
    meant_for: &MeantFor,
    action: Action,
    by: &By<'_>,
    edit: impl FnOnce(&mut Client) -> Result<(), ClientError> + Send,
) -> Result<(), ClientError> {
    let mut change = Change::begin(app, client.tenant_id, by).await?;
    let before = hold(&mut change, client, meant_for).await?;
    let mut after = before.clone();
    edit(&mut after)?;
    fitness::check(app, &mut change, Some(&before), &mut after).await?;
    clients::update(&mut change, &after, app.clock.now()).await?;
    let details = audit::difference(&described(&before), &described(&after));
    record(&mut change, action, &after, details).await?;
    Ok(change.commit().await?)
}

/// The client as it is now, and as it stays until the transaction ends.
async fn hold(db: &mut Connection, client: &Client, meant_for: &MeantFor) -> Result<Client, ClientError> {
    clients::lock(&mut *db, client).await?;
    let found = clients::find_stored(&mut *db, client.tenant_id, client.client_id.as_str()).await?;
    let found = found.ok_or(ClientError::NoSuchClient)?;
    meant_for.check(found.version)?;
    Ok(found.value)
}

/// Deletes a client with its codes, devices and tokens. The audit trail stays.
pub async fn delete(
    app: &App,
    client: &Client,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), ClientError> {
    let mut change = Change::begin(app, client.tenant_id, by).await?;
    let client = hold(&mut change, client, meant_for).await?;
    clients::delete(&mut change, client.tenant_id, &client.client_id).await?;
    record(&mut change, Action::ClientDeleted, &client, described(&client)).await?;
    Ok(change.commit().await?)
}

/// The keys by their thumbprints (RFC 7638), or where they are.
fn key_names(keys: &ClientKeys) -> Value {
    match keys {
        ClientKeys::Registered(set) => set.usable().keys().map(|key| key.thumbprint().to_string()).collect(),
        ClientKeys::Published(uri) => json!(uri.as_str()),
    }
}

/// Records what was done to a client. Every server reads it again.
async fn record(
    change: &mut Change<'_>,
    action: Action,
    client: &Client,
    details: Value,
) -> store::Result<()> {
    change.renews();
    change.audit(action, Target::Client(client.client_id.clone()), details).await
}

/// What the audit trail tells of a client; never its secrets.
fn described(client: &Client) -> Value {
    let grants: Vec<_> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let allowances: Vec<_> = client.assertion_allowances.iter().map(|allowance| allowance.as_str()).collect();
    json!({
        "name": client.name,
        "auth_method": client.auth_method.as_str(),
        "keys": client.keys.as_ref().map(key_names),
        "grants": grants,
        "scopes": client.scopes.to_vec(),
        "scope_policy": client.scope_policy.as_str(),
        "first_party": client.first_party,
        "owner": client.owner,
        "enabled": client.enabled,
        "signing_algorithm": client.signing_algorithm.map(SigningAlgorithm::as_str),
        "id_token_algorithm": client.id_token_algorithm.map(SigningAlgorithm::as_str),
        "assertion_allowances": allowances,
        "dpop_bound": client.dpop_bound_access_tokens,
        "credentials_per_installation": client.credentials_per_installation,
        "introspects": client.introspects,
        "policy": client.policy,
        "tokens_not_before": client.tokens_not_before,
        "registration": client.registration.as_ref().map(|own| &own.metadata),
    })
}
