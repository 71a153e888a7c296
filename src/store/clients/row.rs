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
use crate::store::inconsistent::RowOf;
use crate::store::roles::roles;
use crate::store::{Result, policy_changes};

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
    pub(super) fn into_stored(self, tenant: TenantId) -> Result<Stored<Client>> {
        let (version, created_at) = (self.version, self.created_at);
        Ok(Stored { value: self.into_client(tenant)?, version, created_at })
    }

    fn into_client(self, tenant: TenantId) -> Result<Client> {
        let is_active = self.owner_enabled.unwrap_or_default() && self.owner_locked_at.is_none();
        let row = RowOf::new("clients", self.client_id.as_str());
        let owner_rights = match (self.owner_user_id, self.owner_roles) {
            (Some(owner), Some(stored)) => Some(OwnerRights { is_active, roles: roles(owner, &stored)? }),
            _ => None,
        };
        let algorithm =
            |column, name: Option<String>| row.read(column, name, |name| SigningAlgorithm::parse(&name));
        let client = Client {
            tenant_id: tenant,
            client_id: ClientId::from_known(self.client_id.clone()),
            name: self.name,
            auth_method: row.take("auth_method", AuthMethod::parse(&self.auth_method))?,
            secret_hash: row.hash("secret_hash", self.secret_hash)?,
            grant_types: row.read_each("grant_types", &self.grant_types, GrantType::parse)?,
            scopes: self.scopes.into_iter().collect(),
            scope_policy: row.take("scope_policy", ScopePolicy::parse(&self.scope_policy))?,
            first_party: self.first_party,
            owner: self.owner_user_id.map(UserId),
            owner_rights,
            enabled: self.enabled,
            signing_algorithm: algorithm("signing_alg", self.signing_alg)?,
            id_token_algorithm: algorithm("id_token_signing_alg", self.id_token_signing_alg)?,
            assertion_allowances: row.read_each(
                "assertion_allowances",
                &self.assertion_allowances,
                AssertionAllowance::parse,
            )?,
            ceiling: row.take("ceiling", serde_json::from_value(self.ceiling).ok())?,
            previous_secret_hash: row.hash("previous_secret_hash", self.previous_secret_hash)?,
            keys: match (self.jwks, self.jwks_uri) {
                (Some(set), _) => Some(ClientKeys::Registered(set.into())),
                (None, uri) => {
                    row.read("jwks_uri", uri, |uri| Url::parse(&uri).ok())?.map(ClientKeys::Published)
                }
            },
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            credentials_per_installation: self.credentials_per_installation,
            introspects: self.introspects,
            tokens_not_before: self.tokens_not_before,
            policy: policy_changes(&row, self.policy)?,
            registration: match (self.registered_dynamically, self.registered_metadata) {
                (false, _) => None,
                (true, Value::Object(metadata)) => Some(DynamicRegistration {
                    token_hash: row.hash("registration_token_hash", self.registration_token_hash)?,
                    metadata,
                }),
                (true, _) => row.take("registered_metadata", None)?,
            },
        };
        Ok(client)
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
