//! `DELETE /admin/users/{id}/second-factor`: an administrator lets somebody in who has lost everything but the password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use super::deeds::FreshAdmin;
use crate::app::App;
use crate::domain::second_factor::remove;
use crate::http::rest::path::Path;
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::model::ids::UserId;

/// Turn off two-step verification
///
/// For a user who lost the second factor; deletes the recovery codes, too. Administrators turn off their own
/// at `/account/security`. Requires a recent sign-in.
#[utoipa::path(
    delete,
    path = "/admin/users/{id}/second-factor",
    operation_id = "v1_admin_users_delete_second_factor",
    params(("id" = Uuid, Path, description = "User ID")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "`own_account`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    if remove::reset(&app, caller.tenant.id, UserId(id), &caller.by()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(
            StatusCode::NOT_FOUND,
            "second_factor_not_found",
            "This user does not use two-step verification.",
            "No action is needed.",
        ))
    }
}
