//! `/admin/oauth/clients/{id}/secret`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::body::ClientWithSecret;
use super::problems::problem;
use super::{find, with_secret};
use crate::app::App;
use crate::domain::clients::secrets;
use crate::http::rest::admin::deeds::FreshAdmin;
use crate::http::rest::caller::Admin;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::StaleProblem;
use crate::http::rest::problem::{Problem, ProblemBody};

/// Rotate a client secret
///
/// The new secret is returned only once. The current one works until it is retired; older ones stop working.
/// Requires a recent sign-in.
#[utoipa::path(
    post,
    path = "/admin/oauth/clients/{id}/secret",
    operation_id = "v1_admin_client_secret_rotate",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the client"),
    ),
    responses(
        (status = 200, description = "The client with its new secret", body = ClientWithSecret),
        StaleProblem,
        (status = 409, description = "`client_has_no_secret`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let client = find(&app, &caller, &id).await?.value;
    let secret = secrets::rotate_secret(&app, &client, &meant_for, &caller.by()).await.map_err(problem)?;
    with_secret(&app, &caller, &id, StatusCode::OK, Some(secret.expose().to_owned())).await
}

/// Retire the previous secret of a client
#[utoipa::path(
    delete,
    path = "/admin/oauth/clients/{id}/secret/previous",
    operation_id = "v1_admin_client_secret_retire",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the client"),
    ),
    responses(
        (status = 204, description = "Only the newest secret works"),
        StaleProblem,
        (status = 409, description = "`no_previous_secret`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn retire(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    let client = find(&app, &caller, &id).await?.value;
    secrets::retire_previous_secret(&app, &client, &meant_for, &caller.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}
