//! What is dangerous needs a sign-in of a moment ago: a browser may stand open.

use axum::http::StatusCode;

use crate::app::App;
use crate::domain::sign_in::strength;
use crate::http::rest::caller::{Caller, Via};
use crate::http::rest::problem::Problem;

/// Refuses a browser whose person signed in too long ago to do something that cannot be undone. An access token is
/// short-lived by itself.
pub fn require_fresh_sign_in(app: &App, caller: &Caller) -> Result<(), Problem> {
    match &caller.via {
        Via::Browser(session) if !strength::is_fresh(app, session) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "fresh_sign_in_required",
            "This cannot be undone, and you signed in too long ago for it.",
            "Sign in again at /sign-in, then repeat the request.",
        )),
        Via::Browser(_) | Via::AccessToken { .. } => Ok(()),
    }
}
