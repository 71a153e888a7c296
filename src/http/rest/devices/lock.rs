//! `POST /devices/{device_id}/lock` and `…/unlock`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::body::DeviceBody;
use super::own::{answer, device_id};
use super::problems::NoSuchDevice;
use crate::app::App;
use crate::domain::devices::lock as locking;
use crate::http::rest::caller::DeviceOwner;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::StaleProblem;
use crate::http::rest::problem::{Problem, ProblemBody};

/// Lock a device
///
/// Its tokens stop working, and it gets no new ones until it is unlocked.
#[utoipa::path(
    post,
    path = "/devices/{device_id}/lock",
    operation_id = "v1_devices_lock",
    params(
        ("device_id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        NoSuchDevice,
        StaleProblem,
    )
)]
pub async fn lock(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let device = locking::lock(&app, caller.owner(), device_id(&name)?, &meant_for).await?;
    Ok(answer(&caller, device))
}

/// Unlock a device
#[utoipa::path(
    post,
    path = "/devices/{device_id}/unlock",
    operation_id = "v1_devices_unlock",
    params(
        ("device_id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        NoSuchDevice,
        StaleProblem,
        (status = 409, description = "`locked_by_administrator`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn unlock(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let device = locking::unlock(&app, caller.owner(), device_id(&name)?, &meant_for).await?;
    Ok(answer(&caller, device))
}
