//! What an administrator set of a client that others may change as well: its owner, or the client itself (RFC 7592).
//! It is the ceiling of what they may set, so that nobody undoes an administrator's restriction.

use serde::{Deserialize, Serialize};

use super::client::{Client, GrantType};
use super::scope::ScopeSet;
use super::signing_key::SigningAlgorithm;

/// The ceiling. A member that is absent was never set by an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ceiling {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    /// What signs its access tokens, which stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_algorithm: Option<String>,
    /// What signs its ID tokens, which stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_algorithm: Option<String>,
    /// Whether its access tokens stay bound to a key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound: bool,
}

impl Ceiling {
    pub fn note(&mut self, before: &Client, after: &Client) {
        let name =
            |algorithm: Option<SigningAlgorithm>| algorithm.map(|algorithm| algorithm.as_str().to_owned());
        if before.name != after.name {
            self.name = Some(after.name.clone());
        }
        if before.grant_types != after.grant_types {
            self.grant_types =
                Some(after.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect());
        }
        if before.scopes != after.scopes {
            self.scopes = Some(after.scopes.to_vec());
        }
        if before.signing_algorithm != after.signing_algorithm {
            self.signing_algorithm = name(after.signing_algorithm);
        }
        if before.id_token_algorithm != after.id_token_algorithm {
            self.id_token_algorithm = name(after.id_token_algorithm);
        }
        if before.dpop_bound_access_tokens != after.dpop_bound_access_tokens {
            self.dpop_bound = after.dpop_bound_access_tokens;
        }
    }

    /// Returns the most scopes, or `None` if no administrator has set them.
    #[must_use]
    pub fn scopes(&self) -> Option<ScopeSet> {
        self.scopes.as_ref().map(|names| names.iter().cloned().collect())
    }

    /// Returns the most grants, or `None` if no administrator has set them.
    #[must_use]
    pub fn grant_types(&self) -> Option<Vec<GrantType>> {
        self.grant_types
            .as_ref()
            .map(|names| names.iter().filter_map(|name| GrantType::parse(name)).collect())
    }

    /// Brings a client that was changed by its owner, or by itself, below the ceiling.
    pub fn cap(&self, client: &mut Client) {
        if let Some(name) = &self.name {
            client.name.clone_from(name);
        }
        if let Some(most) = self.grant_types() {
            client.grant_types.retain(|grant| most.contains(grant));
        }
        if let Some(most) = self.scopes() {
            client.scopes = client.scopes.intersection(&most);
        }
        if let Some(algorithm) = self.signing_algorithm.as_deref().and_then(SigningAlgorithm::parse) {
            client.signing_algorithm = Some(algorithm);
        }
        if let Some(algorithm) = self.id_token_algorithm.as_deref().and_then(SigningAlgorithm::parse) {
            client.id_token_algorithm = Some(algorithm);
        }
        client.dpop_bound_access_tokens |= self.dpop_bound;
    }

    /// Returns the first field in which the client is above the ceiling, by its name in the API.
    #[must_use]
    pub fn exceeded_by(&self, client: &Client) -> Option<&'static str> {
        let mut capped = client.clone();
        self.cap(&mut capped);
        [
            (capped.name != client.name, "client_name"),
            (capped.grant_types != client.grant_types, "grant_types"),
            (capped.scopes != client.scopes, "scopes"),
            (capped.signing_algorithm != client.signing_algorithm, "signing_algorithm"),
            (capped.id_token_algorithm != client.id_token_algorithm, "id_token_signed_response_alg"),
            (capped.dpop_bound_access_tokens != client.dpop_bound_access_tokens, "dpop_bound_access_tokens"),
        ]
        .into_iter()
        .find_map(|(differs, field)| differs.then_some(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::ClientId;
    use crate::model::tenant::DEFAULT_TENANT;

    fn client() -> Client {
        Client {
            scopes: ScopeSet::parse("openid email profile").unwrap(),
            grant_types: vec![GrantType::DeviceCode, GrantType::RefreshToken],
            ..Client::public(DEFAULT_TENANT, ClientId::parse("lamp").unwrap())
        }
    }

    fn changed(change: impl FnOnce(&mut Client)) -> Client {
        let mut client = client();
        change(&mut client);
        client
    }

    /// The ceiling after an administrator made this change, and the field in which the client as it was is above it.
    fn ceiling(change: impl FnOnce(&mut Client)) -> (Ceiling, Option<&'static str>) {
        let mut ceiling = Ceiling::default();
        ceiling.note(&client(), &changed(change));
        let exceeded = ceiling.exceeded_by(&client());
        (ceiling, exceeded)
    }

    #[test]
    fn what_an_administrator_restricted_cannot_be_undone() {
        let es256 = Some(SigningAlgorithm::Es256);
        for (change, field) in [
            ((|client| client.name = "Lamp".to_owned()) as fn(&mut Client), "client_name"),
            (|client| client.grant_types = vec![GrantType::DeviceCode], "grant_types"),
            (|client| client.scopes = ScopeSet::parse("openid").unwrap(), "scopes"),
            (|client| client.scopes = ScopeSet::default(), "scopes"),
            (|client| client.signing_algorithm = Some(SigningAlgorithm::Es256), "signing_algorithm"),
            (
                |client| client.id_token_algorithm = Some(SigningAlgorithm::Es256),
                "id_token_signed_response_alg",
            ),
            (|client| client.dpop_bound_access_tokens = true, "dpop_bound_access_tokens"),
        ] {
            let (ceiling, exceeded) = ceiling(change);
            assert_eq!(exceeded, Some(field));
            let mut capped = client();
            ceiling.cap(&mut capped);
            assert_eq!(ceiling.exceeded_by(&capped), None, "{field}");
        }
        assert_eq!(changed(|client| client.signing_algorithm = es256).id_token_algorithm, None);
    }

    #[test]
    fn below_the_ceiling_everything_can_be_set() {
        let (narrow, _) = ceiling(|client| client.scopes = ScopeSet::parse("openid email").unwrap());
        assert_eq!(
            narrow.exceeded_by(&changed(|client| client.scopes = ScopeSet::parse("email").unwrap())),
            None
        );
        let (wide, exceeded) = ceiling(|client| {
            client.scopes = ScopeSet::parse("openid email profile videos").unwrap();
        });
        assert_eq!(exceeded, None);
        assert_eq!(wide.scopes(), ScopeSet::parse("openid email profile videos").ok());
        // A restriction that an administrator lifts is none.
        let mut lifted = ceiling(|client| client.dpop_bound_access_tokens = true).0;
        lifted.note(&changed(|client| client.dpop_bound_access_tokens = true), &client());
        assert_eq!(lifted.exceeded_by(&client()), None);
    }

    #[test]
    fn a_ceiling_is_stored_by_what_was_set() {
        assert_eq!(serde_json::to_string(&Ceiling::default()).unwrap(), "{}");
        let (narrow, _) = ceiling(|client| client.scopes = ScopeSet::parse("openid").unwrap());
        let stored = serde_json::to_string(&narrow).unwrap();
        assert_eq!(stored, r#"{"scopes":["openid"]}"#);
        assert_eq!(serde_json::from_str::<Ceiling>(&stored).unwrap(), narrow);
    }
}
