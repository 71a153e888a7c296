//! What administrators and auditors do, and the one rule of who may: by role, by how surely and by how recently they
//! signed in. Pages, REST with a cookie and REST with a token all ask here, so a deed has the same price everywhere.
//!
//! A recent sign-in is needed for a deed ([`Deed::Endanger`]) that
//! - creates a lasting credential or a lasting listener: a client secret, a registration token, a webhook, a password
//!   link, a user, the administrator of a new tenant;
//! - changes an account or its ways to sign in;
//! - widens what clients may get: a new client, a policy, the conditions of a scope, any change of a client that does not
//!   only restrict it ([`of_client_change`]);
//! - destroys in bulk or for good: deletes a user, a client or a tenant, revokes devices by a filter, removes a signing
//!   key or replaces one immediately.
//!
//! Everything else is a [`Deed::Change`]. Whatever concerns one device or one pending authorization is, and so is what
//! only takes something away and can be restored, so that an emergency is handled quickly.

use chrono::TimeDelta;

use crate::app::App;
use crate::domain::sign_in::strength::{self, Demand, Proved, StrengthError};
use crate::model::client::Client;
use crate::model::user::{Role, User};

/// What somebody does with what is the tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    See,
    Change,
    /// Changes it in a way that needs a recent sign-in, by the rule of this module.
    Endanger,
}

impl Deed {
    /// Every deed, from the least on.
    pub const ALL: [Self; 3] = [Self::See, Self::Change, Self::Endanger];

    /// Returns `true` if one of the user's roles allows it.
    #[must_use]
    pub fn is_allowed_to(self, user: &User) -> bool {
        user.has_role(&Role::Admin) || self == Self::See && user.has_role(&Role::Auditor)
    }

    /// What is demanded of the sign-in, where `usual` is what the user's roles demand of a fresh one. A browser may
    /// stand open, and a token may be old: only a fresh sign-in is enough to endanger others.
    const fn demand(self, usual: Demand) -> Demand {
        match self {
            Self::See | Self::Change => Demand { max_age: TimeDelta::MAX, ..usual },
            Self::Endanger => usual,
        }
    }
}

/// Returns the deed that a change of a client is. A restriction (fewer scopes or grants, bound tokens only, disabled) is
/// quick; anything else may widen what the client gets.
#[must_use]
pub fn of_client_change(before: &Client, after: &Client) -> Deed {
    let kept = before.grant_types.iter().filter(|grant| after.grant_types.contains(grant));
    let restricted = Client {
        enabled: before.enabled && after.enabled,
        scopes: before.scopes.intersection(&after.scopes),
        grant_types: kept.copied().collect(),
        dpop_bound_access_tokens: before.dpop_bound_access_tokens || after.dpop_bound_access_tokens,
        credentials_per_installation: before.credentials_per_installation
            && after.credentials_per_installation,
        ..before.clone()
    };
    if restricted == *after { Deed::Change } else { Deed::Endanger }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeedError {
    /// No role of the user allows it.
    #[error("the role does not allow it")]
    Role,
    /// The user must first prove better who they are.
    #[error(transparent)]
    Proof(#[from] StrengthError),
}

/// Insists that the user may do it, having proved this much.
///
/// # Errors
/// The role does not allow it, or the proof is too weak or too old.
pub fn must_be_allowed<'a>(
    app: &App,
    deed: Deed,
    user: &User,
    proved: impl Into<Proved<'a>>,
) -> Result<(), DeedError> {
    if !deed.is_allowed_to(user) {
        return Err(DeedError::Role);
    }
    Ok(strength::must_meet(app, proved, deed.demand(strength::demanded_of(app, user)))?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::acr::Acr;
    use crate::model::client::GrantType;
    use crate::model::ids::{ClientId, UserId};
    use crate::model::scope::ScopeSet;
    use crate::model::tenant::DEFAULT_TENANT;
    use crate::model::user::Standing;

    fn with_role(role: Option<Role>) -> User {
        User {
            id: UserId(Uuid::nil()),
            tenant_id: DEFAULT_TENANT,
            username: "ada".to_owned(),
            display_name: None,
            email: None,
            email_verified: false,
            roles: role.into_iter().collect(),
            standing: Standing::Good,
            tokens_not_before: None,
        }
    }

    #[test]
    fn each_role_allows_its_own_deeds() {
        for (role, allowed) in [
            (Some(Role::Admin), [true, true, true]),
            (Some(Role::Auditor), [true, false, false]),
            (Some(Role::Other("admins".to_owned())), [false; 3]),
            (None, [false; 3]),
        ] {
            let user = with_role(role);
            assert_eq!(Deed::ALL.map(|deed| deed.is_allowed_to(&user)), allowed, "{:?}", user.roles);
        }
    }

    #[test]
    fn only_a_restriction_of_a_client_is_quick() {
        let client = Client {
            scopes: ScopeSet::parse("openid email").unwrap(),
            grant_types: vec![GrantType::DeviceCode, GrantType::RefreshToken],
            ..Client::public(DEFAULT_TENANT, ClientId::parse("tv").unwrap())
        };
        let deed = |change: fn(&mut Client)| {
            let mut after = client.clone();
            change(&mut after);
            of_client_change(&client, &after)
        };
        let restrictions: [fn(&mut Client); 5] = [
            |_| (),
            |client| client.enabled = false,
            |client| client.scopes = ScopeSet::parse("openid").unwrap(),
            |client| client.grant_types = vec![GrantType::DeviceCode],
            |client| client.dpop_bound_access_tokens = true,
        ];
        assert_eq!(restrictions.map(deed), [Deed::Change; 5]);
        let others: [fn(&mut Client); 7] = [
            |client| client.credentials_per_installation = true,
            |client| client.scopes = ScopeSet::parse("openid email admin").unwrap(),
            |client| client.grant_types.push(GrantType::ClientCredentials),
            |client| client.first_party = true,
            |client| client.name = "The bank".to_owned(),
            |client| client.introspects = vec!["https://api.example".to_owned()],
            |client| client.tokens_not_before = chrono::DateTime::from_timestamp(0, 0),
        ];
        assert_eq!(others.map(deed), [Deed::Endanger; 7]);
    }

    #[test]
    fn every_deed_needs_the_factors_of_the_roles_and_a_dangerous_one_a_fresh_sign_in() {
        let usual = Demand { acr: Acr::TwoFactors, max_age: TimeDelta::minutes(15) };
        let at_any_age = Demand { max_age: TimeDelta::MAX, ..usual };
        assert_eq!(Deed::ALL.map(|deed| deed.demand(usual)), [at_any_age, at_any_age, usual]);
    }
}
