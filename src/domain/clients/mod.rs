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
use crate::model::key_set::UnfitKeySet;
use crate::model::policy::InvalidPolicy;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::version::{MeantFor, Stale};
use crate::outbound::ForbiddenAddress;
use crate::store::{self, Connection, StoreError, clients};

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
    #[error(
        "a client's name has 1 to 128 characters, without control or direction characters or words of mixed alphabets"
    )]
    UnfitName,
    /// The client can prove nothing, and would act in its own name.
    #[error("only a confidential client can use client_credentials (RFC 6749 section 4.4)")]
    PublicClientActsForItself,
    /// The client has no credentials, so no installation has its own.
    #[error("a public client has no credentials")]
    PublicInstallations,
    /// The identifier is a resource's URI: an ID token for the client could pass for an access token (RFC 9068 §3).
    #[error("this is the URI of this server or of a resource; a client needs another id")]
    IdIsResource,
    /// The client could do nothing.
    #[error(
        "a client needs a grant type (grant_types) or, as a resource server, the audiences of the tokens it may introspect (introspects)"
    )]
    NothingToDo,
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
    /// The catalogue has no such scope.
    #[error("there is no scope {0} in the catalogue")]
    UnknownScope(String),
    /// The scope is for clients that an administrator registers.
    #[error(
        "the scope {0} is only for clients that an administrator registers, not for a user's own or self-registered ones"
    )]
    ScopeByNameOnly(String),
    /// There is no such account.
    #[error("there is no user of this id")]
    NoSuchOwner,
    /// A client that is a user's own asks for more than its owner has.
    #[error("the owner may not grant the scope {0}")]
    OwnerMayNotGrant(String),
    /// What only the operator's own clients are.
    #[error("a client that belongs to a user is not first-party, and no resource server")]
    OwnedIsNotOurs,
    /// An administrator has restricted this field.
    #[error("an administrator has restricted {0}; ask them to change it")]
    AboveCeiling(&'static str),
    /// The user has as many as one may have.
    #[error("a user may have no more than {0} clients of their own")]
    TooManyOwned(u32),
    /// Its policy does not fit.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
    /// The client has no secret that could be exchanged.
    #[error("the client does not authenticate by a secret")]
    HasNoSecret,
    /// The secret was not exchanged, or the one before is retired already.
    #[error("the client has no previous secret")]
    HasNoPreviousSecret,
    /// It is not what the caller saw.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The database failed.
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
