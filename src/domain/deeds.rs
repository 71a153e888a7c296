//! What administrators and auditors do, and the one rule of who may: by role, by how surely and by how recently they
//! signed in. Pages, REST with a cookie and REST with a token all ask here, so a deed has the same price everywhere.

use chrono::TimeDelta;

use crate::app::App;
use crate::domain::sign_in::strength::{self, Demand, Proved, Shortfall};
use crate::model::user::{Role, User};

/// What somebody does with what is the tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Reads it.
    See,
    /// Changes it.
    Change,
    /// Shuts somebody out, lets somebody in, or does what cannot be undone.
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

/// Why a deed is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeedRefused {
    /// No role of the user allows it.
    #[error("the role does not allow it")]
    Role,
    /// The user must first prove better who they are.
    #[error(transparent)]
    Proof(#[from] Shortfall),
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
) -> Result<(), DeedRefused> {
    if !deed.is_allowed_to(user) {
        return Err(DeedRefused::Role);
    }
    Ok(strength::must_meet(app, proved, deed.demand(strength::demanded_of(app, user)))?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::acr::Acr;
    use crate::model::ids::UserId;
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
    fn every_deed_needs_the_factors_of_the_roles_and_a_dangerous_one_a_fresh_sign_in() {
        let usual = Demand { acr: Acr::TwoFactors, max_age: TimeDelta::minutes(15) };
        let at_any_age = Demand { max_age: TimeDelta::MAX, ..usual };
        assert_eq!(Deed::ALL.map(|deed| deed.demand(usual)), [at_any_age, at_any_age, usual]);
    }
}
