//! The form that says what a client is to be: the fields of the REST endpoint, read by the same rules.

use crate::http::parameters::Parameters;
use crate::http::rest::admin::clients::fields::ClientFields;
use crate::http::rest::problem::Problem;
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType};
use crate::model::client_authentication::AssertionAllowance;
use crate::model::patch::Patch;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::strict_json;

/// What the form holds, as it was typed.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub(super) struct ClientForm {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) auth_method: String,
    pub(super) jwks: String,
    pub(super) jwks_uri: String,
    pub(super) scopes: String,
    pub(super) grants: Vec<GrantType>,
    pub(super) first_party: bool,
    /// The algorithm of its ID tokens; empty: the default.
    pub(super) id_token_alg: String,
    pub(super) allowances: Vec<AssertionAllowance>,
    pub(super) bound: bool,
    /// Each installation has credentials of its own.
    pub(super) installations: bool,
    pub(super) enabled: bool,
}

impl ClientForm {
    /// For a new client: what most devices need.
    pub(super) fn blank() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            auth_method: AuthMethod::None.as_str().to_owned(),
            jwks: String::new(),
            jwks_uri: String::new(),
            scopes: "openid offline_access".to_owned(),
            grants: vec![GrantType::DeviceCode, GrantType::RefreshToken],
            first_party: false,
            id_token_alg: String::new(),
            allowances: Vec::new(),
            bound: false,
            installations: false,
            enabled: true,
        }
    }

    /// What a client is now.
    pub(super) fn of(client: &Client) -> Self {
        let (jwks, jwks_uri) = match &client.keys {
            Some(ClientKeys::Registered(set)) => (format!("{:#}", set.document()), String::new()),
            Some(ClientKeys::Published(uri)) => (String::new(), uri.to_string()),
            None => Default::default(),
        };
        Self {
            id: client.client_id.to_string(),
            name: client.name.clone(),
            auth_method: client.auth_method.as_str().to_owned(),
            jwks,
            jwks_uri,
            scopes: client.scopes.to_string(),
            grants: client.grant_types.clone(),
            first_party: client.first_party,
            id_token_alg: client
                .id_token_algorithm
                .map(SigningAlgorithm::as_str)
                .unwrap_or_default()
                .to_owned(),
            allowances: client.assertion_allowances.clone(),
            bound: client.dpop_bound_access_tokens,
            installations: client.credentials_per_installation,
            enabled: client.enabled,
        }
    }

    /// What was sent.
    pub(super) fn take(form: &mut Parameters) -> Self {
        let mut text = |name| form.take(name).unwrap_or_default();
        let (id, name, auth_method) = (text("id"), text("client_name"), text("auth_method"));
        let (jwks, jwks_uri, scopes) = (text("jwks"), text("jwks_uri"), text("scopes"));
        let id_token_alg = text("id_token_alg");
        let mut ticked = |name| form.take(name).is_some();
        let grants = [
            ("device", GrantType::DeviceCode),
            ("refresh", GrantType::RefreshToken),
            ("own", GrantType::ClientCredentials),
        ];
        let grants = grants.into_iter().filter(|(name, _)| ticked(name)).map(|(_, grant)| grant).collect();
        let allowances =
            AssertionAllowance::ALL.into_iter().filter(|allowance| ticked(allowance.as_str())).collect();
        let (first_party, bound) = (ticked("first_party"), ticked("bound"));
        let installations = ticked("installations");
        let enabled = ticked("enabled");
        Self {
            id,
            name,
            auth_method,
            jwks,
            jwks_uri,
            scopes,
            grants,
            first_party,
            id_token_alg,
            allowances,
            bound,
            installations,
            enabled,
        }
    }

    pub(super) fn has(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }

    pub(super) fn allows(&self, allowance: AssertionAllowance) -> bool {
        self.allowances.contains(&allowance)
    }

    /// Whether keys belong to it.
    pub(super) fn may_have_keys(&self) -> bool {
        self.auth_method == AuthMethod::PrivateKeyJwt.as_str()
    }

    /// The fields that a change may name. Keys can be exchanged, and be published instead of registered or the other
    /// way round; a client that needs them cannot be left without.
    pub(super) fn changes(&self) -> Result<ClientFields, Problem> {
        let said = self.said()?;
        let jwks = match said.jwks {
            Patch::Keep if self.may_have_keys() && self.jwks_uri.is_empty() => Patch::Clear,
            jwks => jwks,
        };
        Ok(ClientFields { jwks, ..said })
    }

    /// All fields, for a client that is to be made.
    pub(super) fn fields(&self) -> Result<ClientFields, Problem> {
        Ok(ClientFields {
            client_id: Some(self.id.clone()),
            token_endpoint_auth_method: Some(self.auth_method.clone()),
            ..self.said()?
        })
    }

    /// What a form of either kind says.
    fn said(&self) -> Result<ClientFields, Problem> {
        let jwks = match self.jwks.trim() {
            "" => Patch::Keep,
            text => Patch::Set(
                strict_json::object(text.as_bytes())
                    .map_err(|_| Problem::invalid_field("jwks", "must be a JWK Set"))?,
            ),
        };
        let jwks_uri = match self.jwks_uri.as_str() {
            "" => Patch::Keep,
            uri => Patch::Set(uri.to_owned()),
        };
        let scopes = self.scopes.split_whitespace().map(ToOwned::to_owned).collect();
        Ok(ClientFields {
            client_name: Patch::Set(self.name.clone()),
            jwks,
            jwks_uri,
            grant_types: Patch::Set(self.grants.iter().map(|grant| grant.as_str().to_owned()).collect()),
            scopes: Patch::Set(scopes),
            first_party: Patch::Set(self.first_party),
            enabled: Patch::Set(self.enabled),
            dpop_bound_access_tokens: Patch::Set(self.bound),
            credentials_per_installation: Patch::Set(self.installations),
            id_token_signed_response_alg: match self.id_token_alg.as_str() {
                "" => Patch::Clear,
                name => Patch::Set(name.to_owned()),
            },
            assertion_allowances: Patch::Set(
                self.allowances.iter().map(|allowance| allowance.as_str().to_owned()).collect(),
            ),
            ..ClientFields::default()
        })
    }
}
