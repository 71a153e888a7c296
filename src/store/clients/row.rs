//! A client as its row keeps it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::model::client::{
    AuthMethod, Client, ClientKeys, DynamicRegistration, GrantType, OwnerRights, ScopePolicy,
};
use crate::model::client_authentication::AssertionAllowance;
use crate::model::ids::{ClientId, TenantId, UserId};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::stored::Stored;
use crate::model::version::Version;
use crate::store::{hash32, policy_changes};

/// What a query finds of a client and its owner.
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub(super) struct ClientRow {
    pub(super) client_id: String,
    pub(super) name: String,
    pub(super) auth_method: String,
    pub(super) secret_hash: Option<Vec<u8>>,
    pub(super) grant_types: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) scope_policy: String,
    pub(super) first_party: bool,
    pub(super) owner_user_id: Option<Uuid>,
    pub(super) enabled: bool,
    pub(super) signing_alg: Option<String>,
    pub(super) previous_secret_hash: Option<Vec<u8>>,
    pub(super) jwks: Option<Value>,
    pub(super) jwks_uri: Option<String>,
    pub(super) dpop_bound_access_tokens: bool,
    pub(super) credentials_per_installation: bool,
    pub(super) introspects: Vec<String>,
    pub(super) tokens_not_before: Option<DateTime<Utc>>,
    pub(super) policy: Value,
    pub(super) registered_dynamically: bool,
    pub(super) registration_token_hash: Option<Vec<u8>>,
    pub(super) registered_metadata: Value,
    pub(super) ceiling: Value,
    pub(super) id_token_signing_alg: Option<String>,
    pub(super) assertion_allowances: Vec<String>,
    pub(super) version: Version,
    pub(super) created_at: DateTime<Utc>,
    pub(super) owner_roles: Option<Vec<String>>,
    pub(super) owner_enabled: Option<bool>,
    pub(super) owner_locked_at: Option<DateTime<Utc>>,
}

impl ClientRow {
    pub(super) fn into_stored(self, tenant: TenantId) -> Stored<Client> {
        let (version, created_at) = (self.version, self.created_at);
        Stored { value: self.into_client(tenant), version, created_at }
    }

    fn into_client(self, tenant: TenantId) -> Client {
        let is_active = self.owner_enabled.unwrap_or_default() && self.owner_locked_at.is_none();
        Client {
            tenant_id: tenant,
            client_id: ClientId::from_known(self.client_id),
            name: self.name,
            // The column's check allows no other word; a public client is the one that can do least.
            auth_method: AuthMethod::parse(&self.auth_method).unwrap_or(AuthMethod::None),
            secret_hash: self.secret_hash.as_deref().and_then(hash32),
            grant_types: self.grant_types.iter().filter_map(|grant| GrantType::parse(grant)).collect(),
            scopes: self.scopes.into_iter().collect(),
            scope_policy: ScopePolicy::parse(&self.scope_policy).unwrap_or(ScopePolicy::Explicit),
            first_party: self.first_party,
            owner: self.owner_user_id.map(UserId),
            owner_rights: self.owner_roles.map(|roles| OwnerRights {
                is_active,
                roles: roles.iter().filter_map(|role| role.parse().ok()).collect(),
            }),
            enabled: self.enabled,
            signing_algorithm: self.signing_alg.as_deref().and_then(SigningAlgorithm::parse),
            id_token_algorithm: self.id_token_signing_alg.as_deref().and_then(SigningAlgorithm::parse),
            assertion_allowances: self
                .assertion_allowances
                .iter()
                .filter_map(|name| AssertionAllowance::parse(name))
                .collect(),
            // Only ceilings are ever written there.
            ceiling: serde_json::from_value(self.ceiling).unwrap_or_default(),
            previous_secret_hash: self.previous_secret_hash.as_deref().and_then(hash32),
            keys: match (self.jwks, self.jwks_uri) {
                (Some(set), _) => Some(ClientKeys::Registered(set.into())),
                // Only addresses are ever written there.
                (None, uri) => uri.and_then(|uri| Url::parse(&uri).ok()).map(ClientKeys::Published),
            },
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            credentials_per_installation: self.credentials_per_installation,
            introspects: self.introspects,
            tokens_not_before: self.tokens_not_before,
            policy: policy_changes(self.policy),
            registration: match (self.registered_dynamically, self.registered_metadata) {
                (true, Value::Object(metadata)) => Some(DynamicRegistration {
                    token_hash: self.registration_token_hash.as_deref().and_then(hash32),
                    metadata,
                }),
                _ => None,
            },
        }
    }
}

pub(super) fn registered_keys(client: &Client) -> Option<&Value> {
    match &client.keys {
        Some(ClientKeys::Registered(set)) => Some(set.document()),
        _ => None,
    }
}

pub(super) fn published_keys(client: &Client) -> Option<&str> {
    match &client.keys {
        Some(ClientKeys::Published(uri)) => Some(uri.as_str()),
        _ => None,
    }
}

pub(super) fn registration_token(client: &Client) -> Option<&[u8]> {
    let hash = client.registration.as_ref()?.token_hash.as_ref()?;
    Some(&hash.0)
}

pub(super) fn registered_metadata(client: &Client) -> Value {
    Value::Object(client.registration.as_ref().map(|own| own.metadata.clone()).unwrap_or_default())
}

pub(super) fn ceiling(client: &Client) -> Value {
    serde_json::to_value(&client.ceiling).unwrap_or_else(|_| json!({}))
}

pub(super) fn allowance_names(client: &Client) -> Vec<String> {
    client.assertion_allowances.iter().map(|allowance| allowance.as_str().to_owned()).collect()
}

pub(super) fn grant_names(client: &Client) -> Vec<String> {
    client.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect()
}
