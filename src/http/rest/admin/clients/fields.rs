//! Clients as they are sent.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::http::rest::problem::Problem;
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType, ScopePolicy};
use crate::model::client_authentication::AssertionAllowance;
use crate::model::ids::UserId;
use crate::model::patch::Patch;
use crate::model::scope::ScopeSet;
use crate::model::signing_key::SigningAlgorithm;

/// Settings of a client. In an update, absent members stay unchanged and `null` restores the default.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientFields)]
pub struct ClientFields {
    /// Client ID: 1 to 128 printable ASCII characters, not a UUID. Cannot be changed.
    #[schema(example = "tv")]
    pub client_id: Option<String>,
    /// Name shown to people.
    #[schema(value_type = Option<String>, example = "Living room")]
    #[serde(default)]
    pub client_name: Patch<String>,
    /// Client authentication method: `none` (default), `client_secret_basic`, `client_secret_post` or
    /// `private_key_jwt`. Cannot be changed.
    #[schema(example = "none")]
    pub token_endpoint_auth_method: Option<String>,
    /// Public keys (JWK Set); `null` removes them.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub jwks: Patch<Map<String, Value>>,
    /// URL where the client publishes its public keys.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub jwks_uri: Patch<String>,
    /// Grant types that the client can use.
    #[schema(value_type = Option<Vec<String>>, example = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]))]
    #[serde(default)]
    pub grant_types: Patch<Vec<String>>,
    /// Scopes that the client can request.
    #[schema(value_type = Option<Vec<String>>, example = json!(["openid", "offline_access"]))]
    #[serde(default)]
    pub scopes: Patch<Vec<String>>,
    /// `explicit`: only `scopes`; `inherit`: every scope that the approving user can grant (first-party
    /// clients only).
    #[schema(value_type = Option<String>, example = "explicit")]
    #[serde(default)]
    pub scope_policy: Patch<String>,
    /// Whether the client is first-party.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub first_party: Patch<bool>,
    /// User who owns the client.
    #[schema(value_type = Option<Uuid>)]
    #[serde(default)]
    pub owner_id: Patch<Uuid>,
    /// If `false`, every request of the client is rejected.
    #[schema(value_type = Option<bool>, example = true)]
    #[serde(default)]
    pub enabled: Patch<bool>,
    /// Algorithm that signs its access tokens, and its ID tokens unless `id_token_signed_response_alg` is
    /// set: ES256, RS256 or EdDSA; `null`: the server's defaults.
    #[schema(value_type = Option<String>, example = "ES256")]
    #[serde(default)]
    pub signing_algorithm: Patch<String>,
    /// Algorithm that signs its ID tokens: ES256 (recommended if the client supports it), RS256 or EdDSA;
    /// `null`: same as `signing_algorithm`, or the server's default for ID tokens.
    #[schema(value_type = Option<String>, example = "ES256")]
    #[serde(default)]
    pub id_token_signed_response_alg: Patch<String>,
    /// Exceptions for its client assertions: `token_endpoint_audience`, `repeated_assertion`.
    #[schema(value_type = Option<Vec<String>>, example = json!([]))]
    #[serde(default)]
    pub assertion_allowances: Patch<Vec<String>>,
    /// Whether all its access tokens must be DPoP-bound (RFC 9449).
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub dpop_bound_access_tokens: Patch<bool>,
    /// Whether every installation has its own credentials, so that a refresh whose response was lost can be
    /// repeated at any time. Not for public clients.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub credentials_per_installation: Patch<bool>,
    /// The `aud` values whose tokens the client can introspect.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(default)]
    pub introspects: Patch<Vec<String>>,
    /// Tokens issued to the client before this time are invalid. Can only move forward.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default)]
    pub tokens_not_before: Patch<DateTime<Utc>>,
}

impl ClientFields {
    /// Refuses what only an administrator decides.
    pub fn refuse_privileged(&self) -> Result<(), Problem> {
        for (name, asked) in [
            ("scope_policy", self.scope_policy.is_change()),
            ("first_party", self.first_party.is_change()),
            ("owner_id", self.owner_id.is_change()),
            ("enabled", self.enabled.is_change()),
            ("introspects", self.introspects.is_change()),
            ("credentials_per_installation", self.credentials_per_installation.is_change()),
            ("assertion_allowances", self.assertion_allowances.is_change()),
            ("tokens_not_before", self.tokens_not_before.is_change()),
        ] {
            if asked {
                return Err(Problem::invalid_field(name, "can only be set by an administrator"));
            }
        }
        Ok(())
    }

    /// Refuses what stays as it was when the client was made.
    pub fn refuse_fixed(&self) -> Result<(), Problem> {
        if self.client_id.is_some() {
            return Err(Problem::invalid_field("client_id", "cannot be changed; register a new client"));
        }
        if self.token_endpoint_auth_method.is_some() {
            let message =
                "cannot be changed because running copies of the client would fail; register a new client";
            return Err(Problem::invalid_field("token_endpoint_auth_method", message));
        }
        Ok(())
    }

    pub fn auth_method(&self) -> Result<AuthMethod, Problem> {
        let Some(name) = &self.token_endpoint_auth_method else { return Ok(AuthMethod::None) };
        AuthMethod::parse(name).ok_or_else(|| {
            let message = "must be none, client_secret_basic, client_secret_post or private_key_jwt";
            Problem::invalid_field("token_endpoint_auth_method", message)
        })
    }

    pub fn read(self, app: &App) -> Result<impl FnOnce(&mut Client) + Send + use<>, Problem> {
        let grant_types = each(self.grant_types, "grant_types", GrantType::parse)?;
        let scopes = each(self.scopes, "scopes", |name| ScopeSet::parse_name(name).ok())?;
        let scope_policy = one(self.scope_policy, "scope_policy", ScopePolicy::parse)?;
        let algorithm = one(self.signing_algorithm, "signing_algorithm", SigningAlgorithm::parse)?;
        let id_token_algorithm =
            one(self.id_token_signed_response_alg, "id_token_signed_response_alg", SigningAlgorithm::parse)?;
        let allowances = each(self.assertion_allowances, "assertion_allowances", AssertionAllowance::parse)?;
        let jwks_uri = one(self.jwks_uri, "jwks_uri", |text| Url::parse(text).ok())?;
        if matches!((&self.jwks, &jwks_uri), (Patch::Set(_), Patch::Set(_))) {
            return Err(Problem::invalid_field("jwks_uri", "cannot be combined with jwks"));
        }
        if let Patch::Set(instant) = &self.tokens_not_before
            && *instant > app.clock.now()
        {
            return Err(Problem::invalid_field("tokens_not_before", "must not be in the future"));
        }
        Ok(move |client: &mut Client| {
            if let Patch::Set(name) = self.client_name {
                client.name = name;
            } else if self.client_name == Patch::Clear {
                client.name = client.client_id.to_string();
            }
            for keys in [
                map(self.jwks, |set| ClientKeys::Registered(Value::Object(set).into())),
                map(jwks_uri, ClientKeys::Published),
            ] {
                match keys {
                    Patch::Set(keys) => client.keys = Some(keys),
                    Patch::Clear => client.keys = None,
                    Patch::Keep => {}
                }
            }
            set(&mut client.grant_types, grant_types);
            set(&mut client.scopes, map(scopes, |names| names.into_iter().collect()));
            match scope_policy {
                Patch::Set(policy) => client.scope_policy = policy,
                Patch::Clear => client.scope_policy = ScopePolicy::Explicit,
                Patch::Keep => {}
            }
            set(&mut client.first_party, self.first_party);
            client.owner = map(self.owner_id, UserId).apply(client.owner);
            match self.enabled {
                Patch::Set(enabled) => client.enabled = enabled,
                Patch::Clear => client.enabled = true,
                Patch::Keep => {}
            }
            client.signing_algorithm = algorithm.apply(client.signing_algorithm);
            client.id_token_algorithm = id_token_algorithm.apply(client.id_token_algorithm);
            set(&mut client.assertion_allowances, allowances);
            set(&mut client.dpop_bound_access_tokens, self.dpop_bound_access_tokens);
            set(&mut client.credentials_per_installation, self.credentials_per_installation);
            set(&mut client.introspects, self.introspects);
            if let Patch::Set(instant) = self.tokens_not_before {
                client.tokens_not_before = client.tokens_not_before.max(Some(instant));
            }
        })
    }
}

fn set<T: Default>(target: &mut T, change: Patch<T>) {
    match change {
        Patch::Keep => {}
        Patch::Clear => *target = T::default(),
        Patch::Set(value) => *target = value,
    }
}

fn map<T, U>(change: Patch<T>, with: impl FnOnce(T) -> U) -> Patch<U> {
    match change {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(value) => Patch::Set(with(value)),
    }
}

fn one<T>(
    change: Patch<String>,
    field: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Patch<T>, Problem> {
    match change {
        Patch::Keep => Ok(Patch::Keep),
        Patch::Clear => Ok(Patch::Clear),
        Patch::Set(text) => parse(&text)
            .map(Patch::Set)
            .ok_or_else(|| Problem::invalid_field(field, "is not a supported value")),
    }
}

fn each<T>(
    change: Patch<Vec<String>>,
    field: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Patch<Vec<T>>, Problem> {
    let Patch::Set(names) = change else { return Ok(map(change, |_| Vec::new())) };
    let read = |(index, name): (usize, &String)| {
        parse(name)
            .ok_or_else(|| Problem::invalid_field(format!("{field}[{index}]"), "is not a supported value"))
    };
    names.iter().enumerate().map(read).collect::<Result<_, _>>().map(Patch::Set)
}
