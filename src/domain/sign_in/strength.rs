//! For what a session is good enough: the one rule of how recently and how surely its person must have proved who
//! they are (RFC 9470 §2 names the same two).

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::domain::policies;
use crate::model::acr::Acr;
use crate::model::browser_session::BrowserSession;
use crate::model::client::Client;
use crate::model::tenant::Tenant;
use crate::model::user::User;

/// What is demanded of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How surely the person must have proved who they are.
    pub acr: Acr,
    /// How long ago at most.
    pub max_age: TimeDelta,
}

/// What is missing, by what the person must do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// Sign in again, with all they have.
    #[error("another sign-in is needed")]
    SignIn,
    /// Set up a second factor.
    #[error("a second factor is needed")]
    Enrolment,
}

/// What `session` lacks of `demand`, if anything.
fn shortfall(session: &BrowserSession, demand: Demand, now: DateTime<Utc>) -> Option<Shortfall> {
    let proved = &session.authentication;
    if now - proved.auth_time > demand.max_age {
        Some(Shortfall::SignIn)
    } else if proved.acr() >= demand.acr {
        None
    } else if session.has_second_factor {
        Some(Shortfall::SignIn)
    } else {
        Some(Shortfall::Enrolment)
    }
}

/// Insists that the session meets the demand.
pub fn must_meet(app: &App, session: &BrowserSession, demand: Demand) -> Result<(), Shortfall> {
    shortfall(session, demand, app.clock.now()).map_or(Ok(()), Err)
}

/// What is demanded of this user for whatever needs a fresh sign-in, such as connecting a device.
#[must_use]
pub fn demanded_of(app: &App, user: &User) -> Demand {
    let settings = &app.config.sign_in;
    let acr = if settings.second_factor_for_roles.iter().any(|role| user.has_role(role)) {
        Acr::TwoFactors
    } else {
        Acr::OneFactor
    };
    Demand { acr, max_age: TimeDelta::seconds(i64::from(settings.fresh_seconds)) }
}

/// What is demanded of this user to connect a device of this client.
#[must_use]
pub fn demanded_for(app: &App, tenant: &Tenant, client: &Client, user: &User) -> Demand {
    let (usual, policy) = (demanded_of(app, user), policies::effective(app, tenant, client).step_up);
    Demand {
        acr: usual.acr.max(policy.required_acr),
        max_age: usual.max_age.min(TimeDelta::seconds(i64::from(policy.max_age_seconds))),
    }
}

/// Whether the person proved who they are recently, however surely.
#[must_use]
pub fn is_fresh(app: &App, session: &BrowserSession) -> bool {
    let demand = Demand { acr: Acr::OneFactor, ..demanded_of(app, &session.user) };
    must_meet(app, session, demand).is_ok()
}

/// Insists that the session is as strong as the roles of its user demand, however long ago it began: for pages that
/// those roles open.
pub fn must_suit_roles(app: &App, session: &BrowserSession) -> Result<(), Shortfall> {
    must_meet(app, session, Demand { max_age: TimeDelta::MAX, ..demanded_of(app, &session.user) })
}

/// Insists that the person proved who they are recently, and by all they have: to change how they sign in.
pub fn must_suit_own_account(app: &App, session: &BrowserSession) -> Result<(), Shortfall> {
    let acr = if session.has_second_factor { Acr::TwoFactors } else { Acr::OneFactor };
    must_meet(app, session, Demand { acr, ..demanded_of(app, &session.user) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::device_session::Authentication;
    use crate::model::ids::{BrowserSessionId, UserId};
    use crate::model::tenant::DEFAULT_TENANT;
    use crate::model::user::Standing;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn session(authentication: Authentication, has_second_factor: bool) -> BrowserSession {
        let id = uuid::Uuid::nil();
        BrowserSession {
            id: BrowserSessionId(id),
            user: User {
                id: UserId(id),
                tenant_id: DEFAULT_TENANT,
                username: "ada".to_owned(),
                display_name: None,
                email: None,
                email_verified: false,
                roles: vec![],
                standing: Standing::Good,
                tokens_not_before: None,
            },
            authentication,
            has_second_factor,
            last_seen_at: at(0),
        }
    }

    fn demand(acr: Acr) -> Demand {
        Demand { acr, max_age: TimeDelta::seconds(60) }
    }

    #[test]
    fn a_session_is_good_for_as_long_as_the_demand_says() {
        let one = session(Authentication::by_password(at(0)), false);
        assert_eq!(shortfall(&one, demand(Acr::OneFactor), at(60)), None);
        assert_eq!(shortfall(&one, demand(Acr::OneFactor), at(61)), Some(Shortfall::SignIn));
    }

    #[test]
    fn two_factors_are_good_for_whatever_one_is_good_for() {
        let two = session(Authentication::by_two_factors(at(0)), true);
        for acr in Acr::ALL {
            assert_eq!(shortfall(&two, demand(acr), at(60)), None);
            assert_eq!(shortfall(&two, demand(acr), at(61)), Some(Shortfall::SignIn));
        }
    }

    #[test]
    fn whoever_lacks_a_factor_sets_one_up_and_whoever_has_one_uses_it() {
        let without = session(Authentication::by_password(at(0)), false);
        assert_eq!(shortfall(&without, demand(Acr::TwoFactors), at(0)), Some(Shortfall::Enrolment));
        let unused = session(Authentication::by_password(at(0)), true);
        assert_eq!(shortfall(&unused, demand(Acr::TwoFactors), at(0)), Some(Shortfall::SignIn));
        // Setting one up needs a fresh sign-in as well.
        assert_eq!(shortfall(&without, demand(Acr::TwoFactors), at(61)), Some(Shortfall::SignIn));
    }
}
