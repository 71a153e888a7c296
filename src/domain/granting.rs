//! Which scopes a device may ask for, and which it gets: requested ∩ the client's ∩ what the user may grant.
//! Asked at approval, and again whenever tokens are issued. And for which services: what was asked for at the start,
//! or less of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::authenticate_client::AuthenticatedClient;
use super::oauth_error::{ErrorCode, OAuthError};
use super::own_audiences::OwnAudiences;
use crate::model::client::{Client, GrantType, ScopePolicy};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::resource::Resource;
use crate::model::scope::{BY_NAME_ONLY, OF_A_PERSON, OFFLINE_ACCESS, Scope, ScopeSet};
use crate::model::tenant::Tenant;
use crate::model::user::{Role, User};

/// The most services one request may name.
const MAX_RESOURCES: usize = 10;

/// Parses the requested scopes of a device that has proved this `key`. Rejects any that the client can never get,
/// before a user is asked (RFC 6749 §5.2). Without a request, returns `None`: the client's default, see [`grantable`].
pub fn requested(
    client: &AuthenticatedClient,
    catalogue: &[Scope],
    asked: Option<&str>,
    key: Option<KeyThumbprint>,
) -> Result<Option<ScopeSet>, OAuthError> {
    let Some(asked) = asked else { return Ok(None) };
    let asked = within(read(asked)?, &available(client, catalogue))?;
    must_be_bound(&asked, catalogue, key)?;
    Ok(Some(asked))
}

/// Refuses scopes that are for bound tokens only where no key is proved. The word is the one for a proof that is missing
/// (RFC 9449 §5): `invalid_scope` would have the client ask for less, while what it lacks is the proof.
fn must_be_bound(
    asked: &ScopeSet,
    catalogue: &[Scope],
    key: Option<KeyThumbprint>,
) -> Result<(), OAuthError> {
    if catalogue.iter().any(|scope| asked.contains(&scope.name) && !is_proved(scope, key)) {
        let description = "A requested scope requires DPoP; send a DPoP proof with this request.";
        return Err(OAuthError::new(ErrorCode::InvalidDpopProof, description));
    }
    Ok(())
}

/// Whether a device that has proved this key may have the scope.
fn is_proved(scope: &Scope, key: Option<KeyThumbprint>) -> bool {
    key.is_some() || !scope.requires_dpop
}

/// How long a connection with these scopes lasts at most, in seconds; `None`: as long as any other.
#[must_use]
pub fn longest(granted: &ScopeSet, catalogue: &[Scope]) -> Option<u32> {
    let granted = catalogue.iter().filter(|scope| granted.contains(&scope.name));
    granted.filter_map(|scope| scope.max_lifetime_seconds).min()
}

fn within(asked: ScopeSet, available: &ScopeSet) -> Result<ScopeSet, OAuthError> {
    if asked.is_subset(available) {
        return Ok(asked);
    }
    let description = "A requested scope is unknown or not allowed for this client.";
    Err(OAuthError::new(ErrorCode::InvalidScope, description))
}

/// What a client gets that acts for itself (RFC 6749 §4.4): of the scopes registered for it those that do not speak
/// of a person, all or as many as it names. A client that is a user's own gets no more than its owner could grant, and
/// nothing that needs a person's right to grant.
pub fn for_client_itself(
    client: &Client,
    catalogue: &[Scope],
    asked: Option<&str>,
    key: Option<KeyThumbprint>,
) -> Result<ScopeSet, OAuthError> {
    let available = catalogue
        .iter()
        .filter(|scope| client.scopes.contains(&scope.name) && !OF_A_PERSON.contains(&scope.name.as_str()))
        .filter(|scope| owner_may_grant(client, scope) && is_for_client_alone(client, scope));
    let names = |scope: &Scope| scope.name.clone();
    let Some(asked) = asked else {
        return Ok(available.filter(|scope| is_proved(scope, key)).map(names).collect());
    };
    let asked = within(read(asked)?, &available.map(names).collect())?;
    must_be_bound(&asked, catalogue, key)?;
    Ok(asked)
}

/// Reads the `scope` parameter: one or more valid scopes (RFC 6749 §3.3).
pub fn read(text: &str) -> Result<ScopeSet, OAuthError> {
    let refuse = |description| OAuthError::new(ErrorCode::InvalidScope, description);
    let scopes = ScopeSet::parse(text).map_err(|_| refuse("scope contains an invalid character."))?;
    if scopes.is_empty() { Err(refuse("scope is empty.")) } else { Ok(scopes) }
}

/// What `user` may grant to a device of `client` that has proved this `key`, of what was asked for. A device that named
/// no scope asks for all that it may have.
#[must_use]
pub fn grantable(
    asked: Option<&ScopeSet>,
    client: &Client,
    catalogue: &[Scope],
    user: &User,
    key: Option<KeyThumbprint>,
) -> ScopeSet {
    let of_client = available(client, catalogue);
    let of_user = catalogue
        .iter()
        .filter(|scope| may_grant(&user.roles, scope) && is_proved(scope, key))
        .map(|scope| scope.name.clone())
        .collect();
    asked.map_or_else(|| of_client.clone(), |asked| asked.intersection(&of_client)).intersection(&of_user)
}

/// What a device asks for that `user` may not grant; of a device that named no scope, what its client may have.
#[must_use]
pub fn withheld(asked: Option<&ScopeSet>, client: &Client, catalogue: &[Scope], user: &User) -> ScopeSet {
    let of_client = available(client, catalogue);
    let asked = asked.unwrap_or(&of_client);
    let refused = catalogue.iter().filter(|scope| !may_grant(&user.roles, scope));
    asked.intersection(&refused.map(|scope| scope.name.clone()).collect())
}

/// Whether a device asks for something of which nothing is granted. A device that asks for nothing gets what it asks for.
#[must_use]
pub fn leaves_nothing(
    asked: Option<&ScopeSet>,
    client: &Client,
    catalogue: &[Scope],
    granted: &ScopeSet,
) -> bool {
    granted.is_empty() && !asked.map_or_else(|| available(client, catalogue), Clone::clone).is_empty()
}

/// What the client may have that asks for nothing: anybody may grant it, to any device, for as long as any other.
#[must_use]
pub fn grantable_unseen(client: &Client, catalogue: &[Scope]) -> ScopeSet {
    let unconditional = catalogue.iter().filter(|scope| scope.is_unconditional());
    available(client, catalogue).intersection(&unconditional.map(|scope| scope.name.clone()).collect())
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
fn narrow(granted: &ScopeSet, asked: Option<&str>) -> Result<ScopeSet, OAuthError> {
    let Some(asked) = asked else { return Ok(granted.clone()) };
    let asked = read(asked)?;
    if asked.is_subset(granted) {
        Ok(asked)
    } else {
        Err(OAuthError::new(ErrorCode::InvalidScope, "scope exceeds what was granted."))
    }
}

/// Reads which services a client asks for (RFC 8707 §2): each must be one that the tenant knows, letter for letter,
/// or one of `always_known`. The answer is sorted and names each service once.
pub fn requested_resources(
    known: &[Resource],
    always_known: &[&str],
    asked: &[String],
) -> Result<Vec<String>, OAuthError> {
    let asked: BTreeSet<&String> = asked.iter().collect();
    if asked.len() > MAX_RESOURCES {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "resource is repeated more than 10 times."));
    }
    let is_known =
        |uri: &str| always_known.contains(&uri) || known.iter().any(|resource| resource.uri == uri);
    if asked.iter().all(|uri| is_known(uri)) {
        return Ok(asked.into_iter().cloned().collect());
    }
    Err(OAuthError::new(ErrorCode::InvalidTarget, "A resource value is malformed or unknown."))
}

/// The services an access token will be for: all that were granted, or those of them that `asked` names (RFC 8707
/// §2.2). Where nothing was named at the start, `granted` is the default audience alone.
fn narrow_resources(granted: &[String], asked: &[String]) -> Result<Vec<String>, OAuthError> {
    if asked.is_empty() {
        return Ok(granted.to_vec());
    }
    let asked: BTreeSet<&String> = asked.iter().collect();
    if asked.iter().all(|uri| granted.contains(uri)) {
        return Ok(asked.into_iter().cloned().collect());
    }
    Err(OAuthError::new(ErrorCode::InvalidTarget, "resource exceeds what was granted."))
}

/// Returns the scopes and the services of an access token: all that are granted, or as much as a request names.
pub fn for_access_token(
    (scopes, resources): (&ScopeSet, Vec<String>),
    audiences: &OwnAudiences,
    asked_scope: Option<&str>,
    asked_resources: &[String],
) -> Result<(ScopeSet, Vec<String>), OAuthError> {
    let scopes = narrow(scopes, asked_scope)?;
    let resources = narrow_resources(&audiences.or_default(resources, &scopes), asked_resources)?;
    Ok((scopes, resources))
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

/// Returns `true` for a scope that an administrator gives to a client by name, and nobody else does.
#[must_use]
pub fn is_by_name_only(name: &str) -> bool {
    BY_NAME_ONLY.contains(&name)
}

/// Returns the scopes of `granted` that a caller may pass on. An access token with these scopes passes on a scope that is
/// given by name only if it has it itself: it would otherwise connect a device that may do more than the token was
/// approved for. A browser, which has no token, passes on all.
#[must_use]
pub fn passed_on(token_scopes: Option<&ScopeSet>, granted: &ScopeSet) -> ScopeSet {
    let Some(token_scopes) = token_scopes else { return granted.clone() };
    let passes = |name: &&str| !is_by_name_only(name) || token_scopes.contains(name);
    granted.iter().filter(passes).map(ToOwned::to_owned).collect()
}

/// Returns `true` if the client may hold the scope at all: one that nobody who runs the server vouches for never holds
/// a scope that is given by name only, whatever it is registered for.
#[must_use]
pub fn may_hold(client: &Client, name: &str) -> bool {
    !(client.is_unverified() && is_by_name_only(name))
}

/// Returns `true` if the client may have the scope for itself: one that needs a person's right to grant is not for a
/// client that nobody who runs the server vouches for, since no person grants anything here.
fn is_for_client_alone(client: &Client, scope: &Scope) -> bool {
    may_hold(client, &scope.name) && !(client.is_unverified() && scope.required_role.is_some())
}

/// All that the client may ever have.
fn available(client: &Client, catalogue: &[Scope]) -> ScopeSet {
    catalogue
        .iter()
        .filter(|scope| may_hold(client, &scope.name) && owner_may_grant(client, scope))
        .map(|scope| scope.name.clone())
        .filter(|name| {
            let inherits = client.scope_policy == ScopePolicy::Inherit && !is_by_name_only(name);
            inherits || client.scopes.contains(name)
        })
        .collect()
}

#[cfg(test)]
mod tests;
