//! The form that says what a client is to be: the fields of the REST endpoint, read by the same rules.

use crate::http::parameters::Parameters;
use crate::http::rest::admin::clients::body::ClientFields;
use crate::model::change::Change;
use crate::model::client::{AuthMethod, Client, GrantType};

/// What the form holds, as it was typed.
#[derive(Clone, Debug)]
pub(super) struct ClientForm {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) auth_method: String,
    pub(super) jwks_uri: String,
    pub(super) scopes: String,
    pub(super) grants: Vec<GrantType>,
    pub(super) first_party: bool,
    pub(super) bound: bool,
    pub(super) enabled: bool,
}

impl ClientForm {
    /// For a new client: what most devices need.
    pub(super) fn blank() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            auth_method: AuthMethod::None.as_str().to_owned(),
            jwks_uri: String::new(),
            scopes: "openid offline_access".to_owned(),
            grants: vec![GrantType::DeviceCode, GrantType::RefreshToken],
            first_party: false,
            bound: false,
            enabled: true,
        }
    }

    /// What a client is now.
    pub(super) fn of(client: &Client) -> Self {
        Self {
            id: client.client_id.to_string(),
            name: client.name.clone(),
            auth_method: client.auth_method.as_str().to_owned(),
            jwks_uri: String::new(),
            scopes: client.scopes.to_string(),
            grants: client.grant_types.clone(),
            first_party: client.first_party,
            bound: client.dpop_bound_access_tokens,
            enabled: client.enabled,
        }
    }

    /// What was sent.
    pub(super) fn take(form: &mut Parameters) -> Self {
        let mut text = |name| form.take(name).unwrap_or_default();
        let (id, name, auth_method) = (text("id"), text("client_name"), text("auth_method"));
        let (jwks_uri, scopes) = (text("jwks_uri"), text("scopes"));
        let mut ticked = |name| form.take(name).is_some();
        let grants = [
            ("device", GrantType::DeviceCode),
            ("refresh", GrantType::RefreshToken),
            ("own", GrantType::ClientCredentials),
        ];
        let grants = grants.into_iter().filter(|(name, _)| ticked(name)).map(|(_, grant)| grant).collect();
        let (first_party, bound) = (ticked("first_party"), ticked("bound"));
        let enabled = ticked("enabled");
        Self { id, name, auth_method, jwks_uri, scopes, grants, first_party, bound, enabled }
    }

    pub(super) fn has(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }

    /// The fields that a change may name.
    pub(super) fn changes(&self) -> ClientFields {
        let scopes = self.scopes.split_whitespace().map(ToOwned::to_owned).collect();
        ClientFields {
            client_name: Change::Set(self.name.clone()),
            grant_types: Change::Set(self.grants.iter().map(|grant| grant.as_str().to_owned()).collect()),
            scopes: Change::Set(scopes),
            first_party: Change::Set(self.first_party),
            enabled: Change::Set(self.enabled),
            dpop_bound_access_tokens: Change::Set(self.bound),
            ..ClientFields::default()
        }
    }

    /// All fields, for a client that is to be made.
    pub(super) fn fields(&self) -> ClientFields {
        ClientFields {
            client_id: Some(self.id.clone()),
            token_endpoint_auth_method: Some(self.auth_method.clone()),
            jwks_uri: if self.jwks_uri.is_empty() {
                Change::Leave
            } else {
                Change::Set(self.jwks_uri.clone())
            },
            ..self.changes()
        }
    }
}
