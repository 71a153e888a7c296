//! Which scopes a device may ask for, and which it gets: requested ∩ the client's ∩ what the user may grant.
//! Asked at approval, and again whenever tokens are issued.

use chrono::{DateTime, Utc};

use super::authenticate_client::AuthenticatedClient;
use super::oauth_error::{ErrorCode, OAuthError};
use crate::model::client::{Client, GrantType, ScopePolicy};
use crate::model::scope::{OFFLINE_ACCESS, Scope, ScopeSet};
use crate::model::tenant::Tenant;
use crate::model::user::User;

/// Reads what a device asks for. A scope that the client can never get is refused now, and not after a person
/// has approved (RFC 6749 §5.2). Nothing asked for stays `None`: the client's default, see [`grantable`].
pub fn requested(
    client: &AuthenticatedClient,
    catalogue: &[Scope],
    asked: Option<&str>,
) -> Result<Option<ScopeSet>, OAuthError> {
    let Some(asked) = asked else { return Ok(None) };
    let asked = read(asked)?;
    if asked.is_subset(&available(client, catalogue)) {
        Ok(Some(asked))
    } else {
        let description = "A requested scope is unknown or not allowed for this client.";
        Err(OAuthError::new(ErrorCode::InvalidScope, description))
    }
}

/// Reads the `scope` parameter: at least one scope, and nothing that is none (RFC 6749 §3.3).
pub fn read(text: &str) -> Result<ScopeSet, OAuthError> {
    let refuse = |description| OAuthError::new(ErrorCode::InvalidScope, description);
    let scopes =
        ScopeSet::parse(text).map_err(|_| refuse("The scope has characters that no scope may have."))?;
    if scopes.is_empty() { Err(refuse("The scope names no scope.")) } else { Ok(scopes) }
}

/// What `user` may grant to `client` of what was asked for. A device that named no scope asks for all that the
/// client may have.
#[must_use]
pub fn grantable(asked: Option<&ScopeSet>, client: &Client, catalogue: &[Scope], user: &User) -> ScopeSet {
    let of_client = available(client, catalogue);
    let of_user = catalogue
        .iter()
        .filter(|scope| scope.required_role.as_ref().is_none_or(|role| user.has_role(role)))
        .map(|scope| scope.name.clone())
        .collect();
    asked.map_or_else(|| of_client.clone(), |asked| asked.intersection(&of_client)).intersection(&of_user)
}

/// What the access token will allow: all that is granted, or as much of it as `asked` names (RFC 6749 §6).
pub fn narrow(granted: &ScopeSet, asked: Option<&str>) -> Result<ScopeSet, OAuthError> {
    let Some(asked) = asked else { return Ok(granted.clone()) };
    let asked = read(asked)?;
    if asked.is_subset(granted) {
        Ok(asked)
    } else {
        Err(OAuthError::new(ErrorCode::InvalidScope, "The scope goes beyond what was granted."))
    }
}

/// Refuses every `resource` (RFC 8707 §2): none is known yet.
pub fn refuse_resources(resources: &[String]) -> Result<(), OAuthError> {
    narrow_resources(&[], resources).map(|_| ())
}

/// The services the access token will be for: all that were granted, or those of them that `asked` names (RFC 8707
/// §2.2).
pub fn narrow_resources(granted: &[String], asked: &[String]) -> Result<Vec<String>, OAuthError> {
    if asked.is_empty() {
        return Ok(granted.to_vec());
    }
    if asked.iter().all(|resource| granted.contains(resource)) {
        return Ok(asked.to_vec());
    }
    Err(OAuthError::new(ErrorCode::InvalidTarget, "The resource is not known to this server."))
}

/// Whether what was granted at `granted_at` does not count any more: tokens of the tenant, the user or the client
/// are good only from a later instant on, as after a restore from a backup.
#[must_use]
pub fn is_void(granted_at: DateTime<Utc>, tenant: &Tenant, user: &User, client: &Client) -> bool {
    [tenant.tokens_not_before, user.tokens_not_before, client.tokens_not_before]
        .into_iter()
        .flatten()
        .any(|instant| granted_at < instant)
}

/// Whether tokens with these scopes come with a refresh token: it was asked for, and the client can use it.
#[must_use]
pub fn brings_refresh_token(client: &Client, granted: &ScopeSet) -> bool {
    granted.contains(OFFLINE_ACCESS) && client.may_use(GrantType::RefreshToken)
}

/// All that the client may ever have.
fn available(client: &Client, catalogue: &[Scope]) -> ScopeSet {
    catalogue
        .iter()
        .map(|scope| scope.name.clone())
        .filter(|name| client.scope_policy == ScopePolicy::Inherit || client.scopes.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{ClientId, UserId};
    use crate::model::tenant::DEFAULT_TENANT;
    use crate::model::user::{Role, Standing};
    use uuid::Uuid;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    fn client(scope_policy: ScopePolicy) -> Client {
        let scopes = set("openid billing gone");
        let public = Client::public(DEFAULT_TENANT, ClientId::parse("tv").unwrap());
        Client { scopes, scope_policy, first_party: true, ..public }
    }

    fn user(roles: &[&str]) -> User {
        User {
            id: UserId(Uuid::nil()),
            tenant_id: DEFAULT_TENANT,
            username: "ada".into(),
            display_name: None,
            email: None,
            email_verified: false,
            roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
            standing: Standing::Good,
            tokens_not_before: None,
        }
    }

    fn catalogue() -> Vec<Scope> {
        [("openid", None), ("billing", Some("accountant")), ("video", None)]
            .map(|(name, role)| Scope {
                name: name.into(),
                description: String::new(),
                required_role: role.map(|role| role.parse::<Role>().unwrap()),
            })
            .to_vec()
    }

    #[test]
    fn granted_is_requested_and_the_clients_and_the_users() {
        let (explicit, catalogue) = (client(ScopePolicy::Explicit), catalogue());
        let granted = |asked: Option<&str>, roles: &[&str]| {
            grantable(asked.map(set).as_ref(), &explicit, &catalogue, &user(roles)).to_string()
        };
        assert_eq!(granted(Some("openid billing video"), &[]), "openid");
        assert_eq!(granted(Some("openid billing"), &["accountant"]), "billing openid");
        assert_eq!(granted(Some("openid gone"), &["accountant"]), "openid");
        assert_eq!(granted(None, &["accountant"]), "billing openid");
    }

    #[test]
    fn an_inheriting_client_receives_all_that_the_user_may_grant() {
        let (inheriting, catalogue) = (client(ScopePolicy::Inherit), catalogue());
        assert_eq!(grantable(None, &inheriting, &catalogue, &user(&[])).to_string(), "openid video");
        let accountant = user(&["accountant"]);
        assert_eq!(grantable(None, &inheriting, &catalogue, &accountant).to_string(), "billing openid video");
        assert_eq!(grantable(Some(&set("video")), &inheriting, &catalogue, &accountant).to_string(), "video");
    }
}
