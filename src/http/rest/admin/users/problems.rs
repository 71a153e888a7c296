//! Why an account cannot be made or changed, as it is told.

use axum::http::StatusCode;

use crate::domain::oauth_error::OAuthError;
use crate::domain::passwords::PasswordError;
use crate::domain::users::UserError;
use crate::http::rest::problem::Problem;

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let conflict = |word, suggested| Self::new(StatusCode::CONFLICT, word, error.to_string(), suggested);
        match error {
            UserError::UnfitUsername => Self::invalid_field("username", error.to_string()),
            UserError::UnfitDisplayName => Self::invalid_field("display_name", error.to_string()),
            UserError::UnfitEmail => Self::invalid_field("email", error.to_string()),
            UserError::Password(PasswordError::Busy(busy)) => OAuthError::from(busy).into(),
            UserError::Password(error) => Self::invalid_field("password", error.to_string()),
            UserError::UnknownRole { known, .. } => Self::invalid_field(
                "roles",
                format!("must be known roles: {known}, or what a scope requires"),
            ),
            UserError::UsernameTaken => conflict("username_taken", "Choose another name."),
            UserError::OwnsClients => conflict("owns_clients", "Delete the clients first."),
            UserError::LastAdmin => conflict("last_admin", "Give another user the role admin first."),
            UserError::OwnAccount => conflict("own_account", "Ask another administrator."),
            UserError::NoSuchUser => Self::new(
                StatusCode::NOT_FOUND,
                "user_not_found",
                "User not found.",
                "List the users with GET /admin/users.",
            ),
            UserError::Stale(stale) => stale.into(),
            UserError::Store(error) => error.into(),
        }
    }
}
