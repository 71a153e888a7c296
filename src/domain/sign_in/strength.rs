//! What a session is strong enough for: the one rule of how recent and how strong a sign-in must be (RFC 9470
//! §2).

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::domain::policies;
use crate::model::acr::Acr;
use crate::model::approver::Approver;
use crate::model::browser_session::BrowserSession;
use crate::model::client::Client;
use crate::model::device_authorization::Authentication;
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
pub enum StrengthError {
    /// Sign in again, with all they have.
    #[error("another sign-in is needed")]
    SignIn,
    /// Set up a second factor.
    #[error("a second factor is needed")]
    Enrolment,
}

/// What a person has proved, and what they could prove.
#[derive(Clone, Copy, Debug)]
pub struct Proved<'a> {
    authentication: &'a Authentication,
    has_second_factor: bool,
}

impl<'a> Proved<'a> {
    /// What a token tells of the session that it was issued for: no program can prove more.
    #[must_use]
    pub fn by_token(authentication: &'a Authentication) -> Self {
        Self { authentication, has_second_factor: authentication.acr() == Acr::TwoFactors }
    }
}

impl<'a> From<&'a BrowserSession> for Proved<'a> {
    fn from(session: &'a BrowserSession) -> Self {
        Self { authentication: &session.authentication, has_second_factor: session.has_second_factor }
    }
}

impl<'a> From<&'a Approver> for Proved<'a> {
    fn from(approver: &'a Approver) -> Self {
        Self { authentication: &approver.authentication, has_second_factor: approver.has_second_factor }
    }
}

/// What is lacking of `demand`, if anything.
fn shortfall(proved: Proved<'_>, demand: Demand, now: DateTime<Utc>) -> Option<StrengthError> {
    if now - proved.authentication.auth_time > demand.max_age {
        Some(StrengthError::SignIn)
    } else if proved.authentication.acr() >= demand.acr {
        None
    } else if proved.has_second_factor {
        Some(StrengthError::SignIn)
    } else {
        Some(StrengthError::Enrolment)
    }
}

/// Insists that the demand is met.
pub fn must_meet<'a>(app: &App, proved: impl Into<Proved<'a>>, demand: Demand) -> Result<(), StrengthError> {
    shortfall(proved.into(), demand, app.clock.now()).map_or(Ok(()), Err)
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
pub fn must_suit_roles(app: &App, session: &BrowserSession) -> Result<(), StrengthError> {
    must_meet(app, session, Demand { max_age: TimeDelta::MAX, ..demanded_of(app, &session.user) })
}

/// Insists that the person proved who they are recently, and by all they have: to change how they sign in.
pub fn must_suit_own_account(app: &App, session: &BrowserSession) -> Result<(), StrengthError> {
    let acr = if session.has_second_factor { Acr::TwoFactors } else { Acr::OneFactor };
    must_meet(app, session, Demand { acr, ..demanded_of(app, &session.user) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn lacking(
        authentication: &Authentication,
        has_second_factor: bool,
        acr: Acr,
        now: i64,
    ) -> Option<StrengthError> {
        let demand = Demand { acr, max_age: TimeDelta::seconds(60) };
        shortfall(Proved { authentication, has_second_factor }, demand, at(now))
    }

    #[test]
    fn a_sign_in_is_good_for_as_long_as_the_demand_says() {
        let one = Authentication::by_password(at(0));
        assert_eq!(lacking(&one, false, Acr::OneFactor, 60), None);
        assert_eq!(lacking(&one, false, Acr::OneFactor, 61), Some(StrengthError::SignIn));
    }

    #[test]
    fn two_factors_are_good_for_whatever_one_is_good_for() {
        let two = Authentication::by_two_factors(at(0));
        for acr in Acr::ALL {
            assert_eq!(lacking(&two, true, acr, 60), None);
            assert_eq!(lacking(&two, true, acr, 61), Some(StrengthError::SignIn));
        }
    }

    #[test]
    fn whoever_lacks_a_factor_sets_one_up_and_whoever_has_one_uses_it() {
        let one = Authentication::by_password(at(0));
        assert_eq!(lacking(&one, false, Acr::TwoFactors, 0), Some(StrengthError::Enrolment));
        assert_eq!(lacking(&one, true, Acr::TwoFactors, 0), Some(StrengthError::SignIn));
        // Setting one up needs a fresh sign-in as well.
        assert_eq!(lacking(&one, false, Acr::TwoFactors, 61), Some(StrengthError::SignIn));
    }
}
