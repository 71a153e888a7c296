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

/// What a client is to be. In a change, what is absent stays, and `null` goes back to the default.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientFields)]
pub struct ClientFields {
    /// Its identifier: 1 to 128 printable ASCII characters, and no UUID. Only when it is made.
    #[schema(example = "tv")]
    pub client_id: Option<String>,
    /// Its name for people.
    #[schema(value_type = Option<String>, example = "Living room")]
    #[serde(default)]
    pub client_name: Patch<String>,
    /// How it authenticates: `none`, `client_secret_basic`, `client_secret_post` or `private_key_jwt`. Only when it is
    /// made; `none` when absent.
    #[schema(example = "none")]
    pub token_endpoint_auth_method: Option<String>,
    /// Its public keys, a JWK Set; `null` takes them away.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub jwks: Patch<Map<String, Value>>,
    /// Where it publishes its public keys.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub jwks_uri: Patch<String>,
    /// What it may ask the token endpoint for.
    #[schema(value_type = Option<Vec<String>>, example = json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]))]
    #[serde(default)]
    pub grant_types: Patch<Vec<String>>,
    /// The scopes it may have.
    #[schema(value_type = Option<Vec<String>>, example = json!(["openid", "offline_access"]))]
    #[serde(default)]
    pub scopes: Patch<Vec<String>>,
    /// `explicit`: the scopes above; `inherit`: all that the approving user may grant, for first-party clients.
    #[schema(value_type = Option<String>, example = "explicit")]
    #[serde(default)]
    pub scope_policy: Patch<String>,
    /// Whether it is the operator's own.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub first_party: Patch<bool>,
    /// The user whose own it is.
    #[schema(value_type = Option<Uuid>)]
    #[serde(default)]
    pub owner_id: Patch<Uuid>,
    /// Whether it may do anything.
    #[schema(value_type = Option<bool>, example = true)]
    #[serde(default)]
    pub enabled: Patch<bool>,
    /// What signs its access tokens, and its ID tokens unless `id_token_signed_response_alg` is set: ES256, RS256 or
    /// EdDSA; `null`: the server's defaults.
    #[schema(value_type = Option<String>, example = "ES256")]
    #[serde(default)]
    pub signing_algorithm: Patch<String>,
    /// What signs its ID tokens: ES256, which is recommended where the client supports it, RS256 or EdDSA; `null`: as
    /// `signing_algorithm` says, or the server's default for ID tokens.
    #[schema(value_type = Option<String>, example = "ES256")]
    #[serde(default)]
    pub id_token_signed_response_alg: Patch<String>,
    /// In what its assertions may deviate from the rules: `token_endpoint_audience`, `repeated_assertion`.
    #[schema(value_type = Option<Vec<String>>, example = json!([]))]
    #[serde(default)]
    pub assertion_allowances: Patch<Vec<String>>,
    /// Whether all its access tokens must be bound to a key (RFC 9449).
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub dpop_bound_access_tokens: Patch<bool>,
    /// Whether each installation has credentials of its own, so that a refresh whose answer was lost can be repeated
    /// without limit of time. Not for public clients.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    pub credentials_per_installation: Patch<bool>,
    /// The `aud` values of the resource server that it is.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(default)]
    pub introspects: Patch<Vec<String>>,
    /// What was issued to it before this instant is dead. It only ever rises.
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
                return Err(Problem::invalid_field(name, "only an administrator decides this"));
            }
        }
        Ok(())
    }

    /// Refuses what stays as it was when the client was made.
    pub fn refuse_fixed(&self) -> Result<(), Problem> {
        if self.client_id.is_some() {
            return Err(Problem::invalid_field("client_id", "cannot change; register another client"));
        }
        if self.token_endpoint_auth_method.is_some() {
            let message =
                "cannot change, since running copies of the client would fail; register another client";
            return Err(Problem::invalid_field("token_endpoint_auth_method", message));
        }
        Ok(())
    }

    /// How a new client authenticates.
    pub fn auth_method(&self) -> Result<AuthMethod, Problem> {
        let Some(name) = &self.token_endpoint_auth_method else { return Ok(AuthMethod::None) };
        AuthMethod::parse(name).ok_or_else(|| {
            let message = "must be none, client_secret_basic, client_secret_post or private_key_jwt";
            Problem::invalid_field("token_endpoint_auth_method", message)
        })
    }

    /// What becomes of a client.
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
            return Err(Problem::invalid_field("jwks_uri", "cannot be there together with jwks"));
        }
        if let Patch::Set(instant) = &self.tokens_not_before
            && *instant > app.clock.now()
        {
            return Err(Problem::invalid_field("tokens_not_before", "must not lie in the future"));
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
        Patch::Set(text) => {
            parse(&text).map(Patch::Set).ok_or_else(|| Problem::invalid_field(field, "is none that is known"))
        }
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
            .ok_or_else(|| Problem::invalid_field(format!("{field}[{index}]"), "is none that is known"))
    };
    names.iter().enumerate().map(read).collect::<Result<_, _>>().map(Patch::Set)
}
