//! Clients as they are shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::domain::policies;
use crate::model::client::{Client, ClientKeys};
use crate::model::policy::{Policy, PolicyChanges};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::stored::Stored;
use crate::model::tenant::Tenant;

/// A client as it is shown; never with a secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own")]
pub struct ClientBody {
    /// Its identifier.
    #[schema(example = "tv")]
    pub client_id: String,
    /// Its name for people.
    #[schema(example = "Living room")]
    pub client_name: String,
    /// How it authenticates.
    #[schema(example = "none")]
    pub token_endpoint_auth_method: &'static str,
    /// Its public keys, a JWK Set.
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// Where it publishes its public keys.
    pub jwks_uri: Option<String>,
    /// What it may ask the token endpoint for.
    #[schema(example = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]))]
    pub grant_types: Vec<&'static str>,
    /// The scopes registered for it.
    #[schema(example = json!(["offline_access", "openid"]))]
    pub scopes: Vec<String>,
    /// `explicit` or `inherit`.
    #[schema(example = "explicit")]
    pub scope_policy: &'static str,
    /// Whether it is the operator's own.
    pub first_party: bool,
    /// The user whose own it is.
    pub owner_id: Option<Uuid>,
    /// Whether it may do anything.
    #[schema(example = true)]
    pub enabled: bool,
    /// What signs its access tokens; `null`: the server's default.
    pub signing_algorithm: Option<&'static str>,
    /// What signs its ID tokens; `null`: as `signing_algorithm` says, or the server's default for ID tokens.
    pub id_token_signed_response_alg: Option<&'static str>,
    /// In what its assertions may deviate from the rules.
    pub assertion_allowances: Vec<&'static str>,
    /// Whether all its access tokens must be bound to a key.
    pub dpop_bound_access_tokens: bool,
    /// Whether each installation has credentials of its own.
    pub credentials_per_installation: bool,
    /// The `aud` values of the resource server that it is.
    pub introspects: Vec<String>,
    /// What was issued to it before this instant is dead.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// Whether it registered itself (RFC 7591).
    pub registered_dynamically: bool,
    /// Whether the secret before the present one is still good.
    pub has_previous_secret: bool,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// What its `ETag` names.
    #[schema(example = 1)]
    pub version: i32,
    /// What its devices must pass and what they get.
    pub policy: PolicyBody,
}

/// A policy: what is otherwise, and what comes of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EffectivePolicy)]
pub struct PolicyBody {
    /// What is otherwise than one level above.
    #[schema(value_type = Object)]
    pub changes: PolicyChanges,
    /// What counts.
    #[schema(value_type = Object)]
    pub effective: Policy,
}

impl ClientBody {
    /// What is shown of a client.
    #[must_use]
    pub fn of(app: &App, tenant: &Tenant, stored: Stored<Client>) -> Self {
        let Stored { value: client, version, created_at } = stored;
        let (jwks, jwks_uri) = match &client.keys {
            Some(ClientKeys::Registered(set)) => (Some(set.document().clone()), None),
            Some(ClientKeys::Published(uri)) => (None, Some(uri.to_string())),
            None => (None, None),
        };
        Self {
            policy: PolicyBody {
                effective: policies::effective(app, tenant, &client),
                changes: client.policy,
            },
            client_id: client.client_id.to_string(),
            client_name: client.name,
            token_endpoint_auth_method: client.auth_method.as_str(),
            jwks,
            jwks_uri,
            grant_types: client.grant_types.iter().map(|grant| grant.as_str()).collect(),
            scopes: client.scopes.to_vec(),
            scope_policy: client.scope_policy.as_str(),
            first_party: client.first_party,
            owner_id: client.owner.map(|owner| owner.0),
            enabled: client.enabled,
            signing_algorithm: client.signing_algorithm.map(SigningAlgorithm::as_str),
            id_token_signed_response_alg: client.id_token_algorithm.map(SigningAlgorithm::as_str),
            assertion_allowances: client
                .assertion_allowances
                .iter()
                .map(|allowance| allowance.as_str())
                .collect(),
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            credentials_per_installation: client.credentials_per_installation,
            introspects: client.introspects,
            tokens_not_before: client.tokens_not_before,
            registered_dynamically: client.registration.is_some(),
            has_previous_secret: client.previous_secret_hash.is_some(),
            created_at,
            version,
        }
    }
}

/// A client with the secret it just got, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClientWithSecret)]
pub struct ClientWithSecret {
    /// The client.
    #[serde(flatten)]
    pub client: ClientBody,
    /// The secret; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}
