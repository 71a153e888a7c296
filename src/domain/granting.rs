//! Which scopes a device may ask for, and which it gets: requested ∩ the client's ∩ what the user may grant.
//! Asked at approval, and again whenever tokens are issued. And for which services: what was asked for at the start,
//! or less of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::authenticate_client::AuthenticatedClient;
use super::oauth_error::{ErrorCode, OAuthError};
use crate::model::client::{Client, GrantType, ScopePolicy};
use crate::model::resource::Resource;
use crate::model::scope::{NEVER_INHERITED, OF_A_PERSON, OFFLINE_ACCESS, Scope, ScopeSet};
use crate::model::tenant::Tenant;
use crate::model::user::{Role, User};

/// The most services one request may name.
const MAX_RESOURCES: usize = 10;

/// Reads what a device asks for. A scope that the client can never get is refused now, and not after a person
/// has approved (RFC 6749 §5.2). Nothing asked for stays `None`: the client's default, see [`grantable`].
pub fn requested(
    client: &AuthenticatedClient,
    catalogue: &[Scope],
    asked: Option<&str>,
) -> Result<Option<ScopeSet>, OAuthError> {
    let Some(asked) = asked else { return Ok(None) };
    within(read(asked)?, &available(client, catalogue)).map(Some)
}

fn within(asked: ScopeSet, available: &ScopeSet) -> Result<ScopeSet, OAuthError> {
    if asked.is_subset(available) {
        return Ok(asked);
    }
    let description = "A requested scope is unknown or not allowed for this client.";
    Err(OAuthError::new(ErrorCode::InvalidScope, description))
}

/// What a client gets that acts for itself (RFC 6749 §4.4): of the scopes registered for it those that do not speak
/// of a person, all or as many as it names. A client that is a user's own gets no more than its owner could grant.
pub fn for_client_itself(
    client: &Client,
    catalogue: &[Scope],
    asked: Option<&str>,
) -> Result<ScopeSet, OAuthError> {
    let available: ScopeSet = catalogue
        .iter()
        .filter(|scope| client.scopes.contains(&scope.name) && !OF_A_PERSON.contains(&scope.name.as_str()))
        .filter(|scope| owner_may_grant(client, scope))
        .map(|scope| scope.name.clone())
        .collect();
    match asked {
        Some(asked) => within(read(asked)?, &available),
        None => Ok(available),
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
        .filter(|scope| may_grant(&user.roles, scope))
        .map(|scope| scope.name.clone())
        .collect();
    asked.map_or_else(|| of_client.clone(), |asked| asked.intersection(&of_client)).intersection(&of_user)
}

/// What the client may have that anybody may grant, whatever their roles.
#[must_use]
pub fn grantable_by_anybody(client: &Client, catalogue: &[Scope]) -> ScopeSet {
    let by_anybody = catalogue.iter().filter(|scope| scope.required_role.is_none());
    available(client, catalogue).intersection(&by_anybody.map(|scope| scope.name.clone()).collect())
}

/// Whether somebody with these roles may grant the scope; an administrator may grant all.
#[must_use]
pub fn may_grant(roles: &[Role], scope: &Scope) -> bool {
    scope.required_role.as_ref().is_none_or(|role| roles.contains(role) || roles.contains(&Role::Admin))
}

/// A client that is a user's own may have what its owner may grant today, whoever approves.
fn owner_may_grant(client: &Client, scope: &Scope) -> bool {
    client.owner_rights.as_ref().is_none_or(|owner| owner.is_active && may_grant(&owner.roles, scope))
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

/// Reads which services a client asks for (RFC 8707 §2): each must be one that the tenant knows, letter for letter,
/// or the one that tokens are for anyway. The answer is sorted and names each service once.
pub fn requested_resources(
    known: &[Resource],
    default_audience: &str,
    asked: &[String],
) -> Result<Vec<String>, OAuthError> {
    let asked: BTreeSet<&String> = asked.iter().collect();
    if asked.len() > MAX_RESOURCES {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "The request names too many resources."));
    }
    let is_known = |uri: &str| uri == default_audience || known.iter().any(|resource| resource.uri == uri);
    if asked.iter().all(|uri| is_known(uri)) {
        return Ok(asked.into_iter().cloned().collect());
    }
    Err(OAuthError::new(ErrorCode::InvalidTarget, "A resource is malformed or not known to this server."))
}

/// The services an access token will be for: all that were granted, or those of them that `asked` names (RFC 8707
/// §2.2). Where nothing was named at the start, `granted` is the default audience alone.
pub fn narrow_resources(granted: &[String], asked: &[String]) -> Result<Vec<String>, OAuthError> {
    if asked.is_empty() {
        return Ok(granted.to_vec());
    }
    let asked: BTreeSet<&String> = asked.iter().collect();
    if asked.iter().all(|uri| granted.contains(uri)) {
        return Ok(asked.into_iter().cloned().collect());
    }
    Err(OAuthError::new(ErrorCode::InvalidTarget, "A resource goes beyond what was granted."))
}

/// Whether what was granted at `granted_at` does not count any more: tokens of the tenant, the user or the client
/// are good only from a later instant on, as after a restore from a backup.
#[must_use]
pub fn is_void(granted_at: DateTime<Utc>, tenant: &Tenant, user: &User, client: &Client) -> bool {
    not_before(tenant, client).into_iter().chain(user.tokens_not_before).any(|instant| granted_at < instant)
}

/// What was granted to the client before this instant does not count any more, whoever granted it.
#[must_use]
pub fn not_before(tenant: &Tenant, client: &Client) -> Option<DateTime<Utc>> {
    tenant.tokens_not_before.max(client.tokens_not_before)
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
        .filter(|scope| owner_may_grant(client, scope))
        .map(|scope| scope.name.clone())
        .filter(|name| {
            let inherits =
                client.scope_policy == ScopePolicy::Inherit && !NEVER_INHERITED.contains(&name.as_str());
            inherits || client.scopes.contains(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::client::OwnerRights;
    use crate::model::ids::{ClientId, UserId};
    use crate::model::scope_translations::Translations;
    use crate::model::tenant::DEFAULT_TENANT;
    use crate::model::user::Standing;
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
                translations: Translations::default(),
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

    #[test]
    fn the_scopes_that_open_everything_are_registered_by_name_or_not_had() {
        let names = ["admin", "device:approve", "video"];
        let catalogue = names.map(|name| Scope {
            name: name.into(),
            description: String::new(),
            translations: Translations::default(),
            required_role: None,
        });
        let mut inheriting = client(ScopePolicy::Inherit);
        assert_eq!(grantable(None, &inheriting, &catalogue, &user(&[])).to_string(), "video");
        inheriting.scopes = set("device:approve");
        assert_eq!(grantable(None, &inheriting, &catalogue, &user(&[])).to_string(), "device:approve video");
    }

    #[test]
    fn a_client_that_acts_for_itself_gets_what_is_registered_for_it_and_speaks_of_nobody() {
        let (itself, catalogue) = (client(ScopePolicy::Inherit), catalogue());
        let granted = |owner: Option<OwnerRights>, asked| {
            let itself = Client { owner_rights: owner, ..itself.clone() };
            for_client_itself(&itself, &catalogue, asked).map(|scopes| scopes.to_string())
        };
        assert_eq!(granted(None, None).unwrap(), "billing");
        assert_eq!(granted(None, Some("billing")).unwrap(), "billing");
        for more in ["openid", "billing openid", "video", "gone", "nothing", ""] {
            assert_eq!(granted(None, Some(more)).unwrap_err().code, ErrorCode::InvalidScope, "{more:?}");
        }
        assert_eq!(granted(Some(owner(&["accountant"])), None).unwrap(), "billing");
        assert_eq!(granted(Some(owner(&["admin"])), None).unwrap(), "billing");
        assert_eq!(granted(Some(owner(&[])), None).unwrap(), "");
    }

    fn owner(roles: &[&str]) -> OwnerRights {
        OwnerRights { is_active: true, roles: user(roles).roles }
    }

    #[test]
    fn a_client_of_a_user_gets_no_more_than_its_owner_could_grant_whoever_approves() {
        let (explicit, catalogue) = (client(ScopePolicy::Explicit), catalogue());
        let granted = |owner: OwnerRights| {
            let client = Client { owner_rights: Some(owner), ..explicit.clone() };
            grantable(None, &client, &catalogue, &user(&["accountant"])).to_string()
        };
        assert_eq!(granted(owner(&["accountant"])), "billing openid");
        assert_eq!(granted(owner(&[])), "openid");
        assert_eq!(granted(OwnerRights { is_active: false, ..owner(&["accountant"]) }), "");
    }

    #[test]
    fn an_administrator_may_grant_everything() {
        let granted = grantable(None, &client(ScopePolicy::Inherit), &catalogue(), &user(&["admin"]));
        assert_eq!(granted.to_string(), "billing openid video");
    }

    const DEFAULT_AUDIENCE: &str = "https://login.example.org/api";

    fn uris(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn only_known_services_can_be_asked_for_and_each_counts_once() {
        let known: Vec<Resource> =
            (0..20).map(|n| Resource { uri: format!("urn:api:{n:02}"), name: String::new() }).collect();
        let requested = |asked: &[&str]| requested_resources(&known, DEFAULT_AUDIENCE, &uris(asked));
        assert_eq!(requested(&[]).unwrap(), uris(&[]));
        let thrice = ["urn:api:02", "urn:api:01", "urn:api:02"];
        assert_eq!(requested(&thrice).unwrap(), uris(&["urn:api:01", "urn:api:02"]));
        assert_eq!(requested(&[DEFAULT_AUDIENCE]).unwrap(), uris(&[DEFAULT_AUDIENCE]));
        assert_eq!(requested(&["urn:api:01"; 30]).unwrap().len(), 1);
        for bad in ["urn:api:20", "URN:api:01", "urn:api:01/", "urn:api:01#", " urn:api:01", "api"] {
            let refused = requested(&["urn:api:00", bad]).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidTarget, "{bad:?}");
        }
        let all: Vec<&str> = known.iter().map(|resource| resource.uri.as_str()).collect();
        assert_eq!(requested(&all[..MAX_RESOURCES]).unwrap().len(), MAX_RESOURCES);
        assert_eq!(requested(&all[..=MAX_RESOURCES]).unwrap_err().code, ErrorCode::InvalidTarget);
    }

    #[test]
    fn a_token_is_for_what_was_granted_or_for_less_and_never_for_more() {
        let granted = uris(&["urn:api:1", "urn:api:2"]);
        assert_eq!(narrow_resources(&granted, &[]).unwrap(), granted);
        assert_eq!(narrow_resources(&granted, &granted).unwrap(), granted);
        let one = uris(&["urn:api:2", "urn:api:2"]);
        assert_eq!(narrow_resources(&granted, &one).unwrap(), uris(&["urn:api:2"]));
        for more in [&["urn:api:3"][..], &["urn:api:1", "urn:api:3"], &[DEFAULT_AUDIENCE], &["urn:api:"]] {
            let refused = narrow_resources(&granted, &uris(more)).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidTarget, "{more:?}");
        }
    }

    #[test]
    fn where_nothing_was_named_at_the_start_the_default_is_all_there_is() {
        let granted = uris(&[DEFAULT_AUDIENCE]);
        assert_eq!(narrow_resources(&granted, &granted).unwrap(), granted);
        assert_eq!(narrow_resources(&granted, &[]).unwrap(), granted);
        for nothing in [&granted, &Vec::new()] {
            let refused = narrow_resources(nothing, &uris(&["urn:api:1"])).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidTarget);
        }
    }
}
