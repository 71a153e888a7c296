//! Clients that register themselves (RFC 7591) and manage their registration (RFC 7592).

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::{ClientError, delete, insert, rewrite};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::granting::is_by_name_only;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::model::audit_event::Action;
use crate::model::bearer_secret::{BearerSecret, SecretHash, SecretKind};
use crate::model::client::{Client, DynamicRegistration, GrantType};
use crate::model::client_metadata::{ClientMetadata, MetadataError};
use crate::model::ids::ClientId;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::model::tenant::Tenant;
use crate::model::version::MeantFor;
use crate::store::{StoreError, clients, registration_tokens};

const IDENTIFIER: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 32²⁴ = 2¹²⁰: nobody meets or guesses one.
const IDENTIFIER_CHARS: usize = 24;

#[derive(Debug)]
pub enum RegistrationError {
    /// The token is unknown, over, used up, or another client's.
    Token,
    /// What is asked for is not possible.
    Request(OAuthError),
}

impl From<OAuthError> for RegistrationError {
    fn from(error: OAuthError) -> Self {
        Self::Request(error)
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        Self::Request(error.into())
    }
}

/// A registration, with what is shown this once.
#[derive(Debug)]
pub struct Registered {
    pub client: Client,
    pub issued_at: DateTime<Utc>,
    /// Its secret, if it has one and it is new.
    pub secret: Option<BearerSecret>,
    /// What it manages its registration with.
    pub access_token: BearerSecret,
}

/// Registers a client with an initial access token, which is used once by it.
pub async fn register(
    app: &App,
    tenant: &Tenant,
    initial_token: &str,
    members: &Map<String, Value>,
    origin: &RequestOrigin,
) -> Result<Registered, RegistrationError> {
    let token = BearerSecret::parse(SecretKind::InitialAccess, initial_token);
    let token = token.ok_or(RegistrationError::Token)?;
    let now = app.clock.now();
    let id = format!("dyn-{}", app.random.characters(IDENTIFIER, IDENTIFIER_CHARS));
    let client_id = ClientId::from_known(id);
    let by = By::client(&client_id, origin);
    let mut change = Change::begin(app, tenant.id, &by).await?;
    // A refused registration does not use it up.
    registration_tokens::spend(&mut *change, tenant.id, token.hash(), now)
        .await?
        .ok_or(RegistrationError::Token)?;
    let metadata = ClientMetadata::read(members).map_err(unfit)?;
    let access_token = BearerSecret::generate(SecretKind::RegistrationAccess, &app.random);
    let mut client = Client::public(tenant.id, client_id);
    client.registration =
        Some(DynamicRegistration { token_hash: Some(access_token.hash()), metadata: Map::new() });
    client.auth_method = metadata.auth_method;
    let scopes = open_scopes(app, tenant, &client, metadata.scopes.as_ref()).await?;
    let grants = open_grants(&client, metadata.grant_types.clone())?;
    apply(&mut client, metadata, grants, scopes);
    let secret = insert(&mut change, client.clone()).await.map_err(refusal)?;
    change.commit().await?;
    Ok(Registered { client, issued_at: now, secret, access_token })
}

/// The client whose token this is (RFC 7592 §2).
pub async fn find(
    app: &App,
    tenant: &Tenant,
    client_id: &str,
    access_token: &str,
) -> Result<Registered, RegistrationError> {
    let token = BearerSecret::parse(SecretKind::RegistrationAccess, access_token);
    let access_token = token.ok_or(RegistrationError::Token)?;
    let found = clients::find_stored(&app.db, tenant.id, client_id).await?;
    let found = found.filter(|found| found.value.enabled && holds(&found.value, access_token.hash()));
    let found = found.ok_or(RegistrationError::Token)?;
    Ok(Registered { client: found.value, issued_at: found.created_at, secret: None, access_token })
}

fn holds(client: &Client, hash: SecretHash) -> bool {
    let own = client.registration.as_ref().and_then(|own| own.token_hash);
    own.is_some_and(|own| own.0.ct_eq(&hash.0).into())
}

/// Puts other metadata in place of a client's (RFC 7592 §2.2). What it does not name goes back to its default.
pub async fn replace(
    app: &App,
    tenant: &Tenant,
    registered: Registered,
    members: &Map<String, Value>,
    origin: &RequestOrigin,
) -> Result<Registered, RegistrationError> {
    let client = &registered.client;
    check_named_client(client, members)?;
    let metadata = ClientMetadata::read(members).map_err(unfit)?;
    if metadata.auth_method != client.auth_method {
        return Err(invalid("token_endpoint_auth_method cannot be changed; register a new client.").into());
    }
    let scopes = open_scopes(app, tenant, client, metadata.scopes.as_ref()).await?;
    let grants = open_grants(client, metadata.grant_types.clone())?;
    let by = By::client(&client.client_id, origin);
    rewrite(app, client, &MeantFor::Any, Action::ClientChanged, &by, |client| {
        apply(client, metadata, grants, scopes);
        client.ceiling.clone().cap(client);
        Ok(())
    })
    .await
    .map_err(refusal)?;
    find(app, tenant, client.client_id.as_str(), registered.access_token.expose()).await
}

/// Ends a registration: the client's codes, devices and tokens go with it (RFC 7592 §2.3).
pub async fn unregister(
    app: &App,
    registered: &Registered,
    origin: &RequestOrigin,
) -> Result<(), RegistrationError> {
    let client = &registered.client;
    let by = By::client(&client.client_id, origin);
    delete(app, client, &MeantFor::Any, &by).await.map_err(refusal)?;
    Ok(())
}

/// RFC 7592 §2.2: the client's own identifier must be there, its secret may be, and what the server alone decides not.
fn check_named_client(client: &Client, members: &Map<String, Value>) -> Result<(), OAuthError> {
    if members.get("client_id").and_then(Value::as_str) != Some(client.client_id.as_str()) {
        return Err(invalid("client_id is required and must match the registered client."));
    }
    let servers = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    if servers.iter().any(|name| members.contains_key(*name)) {
        return Err(invalid("The request sets a member that only the server can set."));
    }
    if let Some(secret) = members.get("client_secret") {
        let given = secret.as_str().map(SecretHash::of);
        let is_theirs =
            given.is_some_and(|given| client.secret_hash.is_some_and(|own| own.0.ct_eq(&given.0).into()));
        if !is_theirs {
            return Err(invalid("client_secret is assigned by the server and cannot be set."));
        }
    }
    Ok(())
}

/// The grants that a client which registers itself gets: those of its wishes that are open to it (RFC 7591 §3.2.1), or
/// those of a device. Rejects a registration that would be left with none.
fn open_grants(client: &Client, asked: Option<Vec<GrantType>>) -> Result<Vec<GrantType>, OAuthError> {
    let usual = || vec![GrantType::DeviceCode, GrantType::RefreshToken];
    let open = client.ceiling.grant_types().unwrap_or_else(usual);
    let Some(asked) = asked else { return Ok(open) };
    let kept: Vec<_> = asked.into_iter().filter(|grant| open.contains(grant)).collect();
    if kept.is_empty() {
        return Err(invalid("None of the grant types is available to dynamically registered clients."));
    }
    Ok(kept)
}

/// The scopes that a client which registers itself gets: what it asks for, if that is open to such clients, or all
/// that is. What an administrator gave the client is open to it.
async fn open_scopes(
    app: &App,
    tenant: &Tenant,
    client: &Client,
    asked: Option<&ScopeSet>,
) -> Result<ScopeSet, OAuthError> {
    let given = client.ceiling.scopes();
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let open = &app.config.registration.scopes;
    let open: ScopeSet = catalogue
        .iter()
        .map(|scope| scope.name.clone())
        .filter(|name| open.contains(name) && !is_by_name_only(name))
        .collect();
    let is_open =
        |name: &str| open.contains(name) || given.as_ref().is_some_and(|given| given.contains(name));
    match asked {
        None => Ok(given.unwrap_or(open)),
        Some(asked) if asked.iter().all(is_open) => Ok(asked.clone()),
        Some(_) => Err(invalid("A scope is unknown or not available to dynamically registered clients.")),
    }
}

fn apply(client: &mut Client, metadata: ClientMetadata, grants: Vec<GrantType>, scopes: ScopeSet) {
    client.name = metadata.name.unwrap_or_else(|| client.client_id.to_string());
    client.keys = metadata.keys;
    client.grant_types = grants;
    client.scopes = scopes;
    client.id_token_algorithm = metadata.id_token_algorithm;
    client.dpop_bound_access_tokens = metadata.dpop_bound_access_tokens;
    if let Some(own) = &mut client.registration {
        own.metadata = metadata.shown;
    }
}

const fn invalid(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, description)
}

fn unfit(unfit: MetadataError) -> OAuthError {
    match unfit {
        MetadataError::RedirectUri => {
            OAuthError::new(ErrorCode::InvalidRedirectUri, "A redirect URI is invalid.")
        }
        MetadataError::Member(description) => invalid(description),
    }
}

fn refusal(error: ClientError) -> RegistrationError {
    RegistrationError::Request(match error {
        ClientError::Store(error) => error.into(),
        ClientError::NoSuchClient => return RegistrationError::Token,
        ClientError::UnfitName => invalid(
            "client_name must have 1 to 128 characters, with no control or bidirectional characters and no \
             mixed alphabets in a word.",
        ),
        ClientError::KeysDoNotFitMethod => {
            invalid("private_key_jwt requires either jwks or jwks_uri; other methods allow neither.")
        }
        ClientError::UnfitKeys(_) => invalid("jwks contains an unsupported key."),
        ClientError::UnfitJwksUri(_) => invalid("This server is not allowed to fetch that jwks_uri."),
        _ => invalid("The client metadata is invalid."),
    })
}
