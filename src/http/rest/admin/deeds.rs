//! What a caller may do here, by the rule of [`crate::domain::deeds`].

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::app::App;
use crate::domain::deeds::{Deed, DeedError, must_be_allowed};
use crate::domain::sign_in::strength::StrengthError;
use crate::http::rest::caller::{Admin, Caller, Via};
use crate::http::rest::problem::Problem;

/// Insists that the caller may do it, having proved what stands behind their session or token.
pub fn insist(app: &App, caller: &Caller, deed: Deed) -> Result<(), Problem> {
    must_be_allowed(app, deed, &caller.user, caller.proved()).map_err(|refused| match refused {
        DeedError::Role if deed == Deed::See => {
            Problem::forbidden("This requires the role admin, or auditor for read access.")
        }
        DeedError::Role => Problem::forbidden("This requires the role admin."),
        DeedError::Proof(shortfall) => unproved(shortfall, &caller.via),
    })
}

fn unproved(shortfall: StrengthError, via: &Via) -> Problem {
    let (word, detail) = match shortfall {
        StrengthError::Enrolment => {
            ("second_factor_required", "This requires a sign-in with two-step verification.")
        }
        StrengthError::SignIn => (
            "fresh_sign_in_required",
            "This requires a more recent sign-in, or one with two-step verification.",
        ),
    };
    let suggested = match (shortfall, via) {
        (_, Via::AccessToken { .. }) => {
            "Sign in again, with two-step verification if required; then connect the program again and use \
             its new token."
        }
        (StrengthError::SignIn, Via::Browser(_)) => "Sign in again at /sign-in and retry.",
        (StrengthError::Enrolment, Via::Browser(_)) => {
            "Set up an authenticator app at /account/security/authenticator and retry."
        }
    };
    Problem::new(StatusCode::FORBIDDEN, word, detail, suggested)
}

/// May do what needs a recent sign-in ([`Deed::Endanger`]): an administrator who has signed in a moment ago.
#[derive(Debug)]
pub struct FreshAdmin(pub Caller);

impl FromRequestParts<Arc<App>> for FreshAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Admin(caller) = Admin::from_request_parts(parts, app).await?;
        insist(app, &caller, Deed::Endanger)?;
        Ok(Self(caller))
    }
}
