//! Clients: the programs that devices run (RFC 6749 §2).

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use url::Url;

use super::bearer_secret::SecretHash;
use super::ceiling::Ceiling;
use super::client_authentication::AssertionAllowance;
use super::ids::{ClientId, TenantId, UserId};
use super::key_set::KeySet;
use super::policy::PolicyChanges;
use super::scope::ScopeSet;
use super::signing_key::SigningAlgorithm;
use super::user::Role;

/// The grants this server knows, as `grant_type` spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4).
    DeviceCode,
    /// `refresh_token` (RFC 6749 §6).
    RefreshToken,
    /// `client_credentials` (RFC 6749 §4.4).
    ClientCredentials,
}

impl GrantType {
    pub const ALL: [Self; 3] = [Self::DeviceCode, Self::RefreshToken, Self::ClientCredentials];

    /// The grant's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// Reads the name on the wire, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// How a client proves who it is (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// HTTP Basic (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// An assertion signed with the client's own key (RFC 7523 §2.2).
    PrivateKeyJwt,
}

impl AuthMethod {
    pub const ALL: [Self; 4] =
        [Self::PrivateKeyJwt, Self::ClientSecretBasic, Self::ClientSecretPost, Self::None];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Whether the client shows a secret.
    #[must_use]
    pub const fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// Which scopes a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopePolicy {
    Explicit,
    /// All that the approving user may grant; for first-party clients.
    Inherit,
}

impl ScopePolicy {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Explicit, Self::Inherit].into_iter().find(|policy| policy.as_str() == text)
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Inherit => "inherit",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub struct Client {
    pub tenant_id: TenantId,
    pub client_id: ClientId,
    /// Its name for people; registered by an operator, shown escaped.
    pub name: String,
    /// How it authenticates; any other way is refused.
    pub auth_method: AuthMethod,
    /// The hash of its secret; none for clients that have none.
    pub secret_hash: Option<SecretHash>,
    /// The hash of the secret before, which is still good while the new one is rolled out.
    pub previous_secret_hash: Option<SecretHash>,
    /// The public keys it signs assertions with, if it authenticates by them.
    pub keys: Option<ClientKeys>,
    /// What it may ask the token endpoint for.
    pub grant_types: Vec<GrantType>,
    pub scopes: ScopeSet,
    pub scope_policy: ScopePolicy,
    /// Whether it is the operator's own.
    pub first_party: bool,
    /// The user it belongs to, if it is a user's own.
    pub owner: Option<UserId>,
    /// What the owner's account allows, as it is now; read with the client, never written with it.
    pub owner_rights: Option<OwnerRights>,
    /// If `false`, every request of the client is rejected.
    pub enabled: bool,
    /// What signs its access tokens; `None`: the server's default.
    pub signing_algorithm: Option<SigningAlgorithm>,
    /// What signs its ID tokens (`id_token_signed_response_alg`); `None`: what signs its access tokens, if that is of its
    /// own choice, or the server's default for ID tokens.
    pub id_token_algorithm: Option<SigningAlgorithm>,
    /// In what its assertions may deviate from the rules.
    pub assertion_allowances: Vec<AssertionAllowance>,
    /// What an administrator set, and neither its owner nor the client itself may exceed.
    pub ceiling: Ceiling,
    /// Whether all its access tokens must be bound to a key (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// Whether each installation has credentials of its own, so that whoever authenticates as the client is that
    /// installation.
    pub credentials_per_installation: bool,
    /// The `aud` values of the resource server that it is: whose tokens it may introspect (RFC 7662 §2.1).
    pub introspects: Vec<String>,
    /// What was issued to it before this instant is dead.
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// What its devices have otherwise than its tenant says.
    pub policy: PolicyChanges,
    /// How it registered itself, if it did.
    pub registration: Option<DynamicRegistration>,
}

/// What the account of a client's owner allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRights {
    /// Whether the account may be used.
    pub is_active: bool,
    pub roles: Vec<Role>,
}

/// A client's own registration (RFC 7591).
#[derive(Clone, Debug, PartialEq)]
pub struct DynamicRegistration {
    /// The hash of the token it manages its registration with (RFC 7592).
    pub token_hash: Option<SecretHash>,
    /// What it said of itself beyond what this server acts on, under the names of RFC 7591 §2.
    pub metadata: Map<String, Value>,
}

/// Where the public keys of a client are (RFC 7591 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKeys {
    /// `jwks`: registered with the client.
    Registered(RegisteredKeys),
    /// `jwks_uri`: published by the client.
    Published(Url),
}

/// A JWK Set that was registered with a client.
#[derive(Clone, Debug)]
pub struct RegisteredKeys {
    document: Value,
    usable: OnceLock<Arc<KeySet>>,
}

impl From<Value> for RegisteredKeys {
    fn from(document: Value) -> Self {
        Self { document, usable: OnceLock::new() }
    }
}

impl PartialEq for RegisteredKeys {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

impl Eq for RegisteredKeys {}

impl RegisteredKeys {
    /// The set as it was registered.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Its keys, read when they are first asked for: clients that are remembered keep them.
    #[must_use]
    pub fn usable(&self) -> &Arc<KeySet> {
        self.usable
            .get_or_init(|| Arc::new(self.document.as_object().map(KeySet::usable).unwrap_or_default()))
    }
}

impl Client {
    /// A public client that may do nothing yet; what it may is filled in.
    #[must_use]
    pub fn public(tenant_id: TenantId, client_id: ClientId) -> Self {
        Self {
            tenant_id,
            name: client_id.to_string(),
            client_id,
            auth_method: AuthMethod::None,
            secret_hash: None,
            previous_secret_hash: None,
            keys: None,
            grant_types: Vec::new(),
            scopes: ScopeSet::default(),
            scope_policy: ScopePolicy::Explicit,
            first_party: false,
            owner: None,
            enabled: true,
            signing_algorithm: None,
            id_token_algorithm: None,
            assertion_allowances: Vec::new(),
            ceiling: Ceiling::default(),
            dpop_bound_access_tokens: false,
            credentials_per_installation: false,
            introspects: Vec::new(),
            tokens_not_before: None,
            policy: PolicyChanges::default(),
            owner_rights: None,
            registration: None,
        }
    }

    /// Whether nobody who runs the server vouches for the client: it registered itself, or is a user's own.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        self.registration.is_some() || self.owner.is_some()
    }

    /// Whether it belongs to an account that may not be used.
    #[must_use]
    pub fn owner_is_shut(&self) -> bool {
        self.owner_rights.as_ref().is_some_and(|owner| !owner.is_active)
    }

    /// Whether anybody can claim to be this client.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// Returns `true` if an administrator allows the client this deviation.
    #[must_use]
    pub fn is_allowed(&self, allowance: AssertionAllowance) -> bool {
        self.assertion_allowances.contains(&allowance)
    }

    /// Whether the client may use `grant`.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }
}
