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

/// A client, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own")]
pub struct ClientBody {
    /// Client ID.
    #[schema(example = "tv")]
    pub client_id: String,
    /// Name shown to people.
    #[schema(example = "Living room")]
    pub client_name: String,
    /// Client authentication method.
    #[schema(example = "none")]
    pub token_endpoint_auth_method: &'static str,
    /// Public keys (JWK Set).
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// URL where the client publishes its public keys.
    pub jwks_uri: Option<String>,
    /// Grant types that the client can use.
    #[schema(example = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]))]
    pub grant_types: Vec<&'static str>,
    /// Scopes that the client can request.
    #[schema(example = json!(["offline_access", "openid"]))]
    pub scopes: Vec<String>,
    /// `explicit` or `inherit`.
    #[schema(example = "explicit")]
    pub scope_policy: &'static str,
    /// Whether the client is first-party.
    pub first_party: bool,
    /// User who owns the client.
    pub owner_id: Option<Uuid>,
    /// If `false`, every request of the client is rejected.
    #[schema(example = true)]
    pub enabled: bool,
    /// Algorithm that signs its access tokens; `null`: the server's default.
    pub signing_algorithm: Option<&'static str>,
    /// Algorithm that signs its ID tokens; `null`: same as `signing_algorithm`, or the server's default for
    /// ID tokens.
    pub id_token_signed_response_alg: Option<&'static str>,
    /// Exceptions for its client assertions.
    pub assertion_allowances: Vec<&'static str>,
    /// Whether all its access tokens must be DPoP-bound.
    pub dpop_bound_access_tokens: bool,
    /// Whether every installation has its own credentials.
    pub credentials_per_installation: bool,
    /// The `aud` values whose tokens the client can introspect.
    pub introspects: Vec<String>,
    /// Tokens issued to the client before this time are invalid.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// Whether the client was registered dynamically (RFC 7591).
    pub registered_dynamically: bool,
    /// Whether the previous secret still works.
    pub has_previous_secret: bool,
    /// Time of registration.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// Version, as in `ETag`.
    #[schema(example = 1)]
    pub version: i32,
    /// Rules for connecting its devices and for what they get.
    pub policy: PolicyBody,
}

/// Policy overrides and the resulting policy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EffectivePolicy)]
pub struct PolicyBody {
    /// Overrides of the next higher level.
    #[schema(value_type = Object)]
    pub changes: PolicyChanges,
    /// Effective policy.
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

/// A client with its new secret, which is returned only once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClientWithSecret)]
pub struct ClientWithSecret {
    /// The client.
    #[serde(flatten)]
    pub client: ClientBody,
    /// Client secret; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}
