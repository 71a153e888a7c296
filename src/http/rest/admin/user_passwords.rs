//! `POST /admin/users/{id}/reset-password`: an administrator may start a reset, and never sees a password.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::deeds::FreshAdmin;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::password_links::{self, PasswordLink};
use crate::http::json::no_store;
use crate::http::rest::path::Path;
use crate::http::rest::problem::Problem;
use crate::http::rest::time::time;
use crate::model::ids::UserId;

/// A password link. Anyone with this link can use it, once; send it only to the user.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetPasswordLink {
    /// The link; returned only once.
    url: String,
    /// Expiry time.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<PasswordLink> for SetPasswordLink {
    fn from(link: PasswordLink) -> Self {
        Self { url: link.url.to_string(), expires_at: time(link.expires_at) }
    }
}

/// Create a password link
///
/// The user chooses a new password with it within 24 hours. It replaces earlier links. The current password
/// works until then.
#[utoipa::path(
    post,
    path = "/admin/users/{id}/reset-password",
    operation_id = "v1_admin_users_reset_password",
    params(("id" = Uuid, Path, description = "User ID")),
    responses((status = 200, description = "The link", body = SetPasswordLink))
)]
pub async fn reset(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let by = By::user(caller.user.id, &caller.origin);
    let link = password_links::start(&app, &caller.tenant, UserId(id), &by).await?;
    Ok(no_store(SetPasswordLink::from(link)))
}
