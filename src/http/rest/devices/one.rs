//! `GET`, `PATCH`, `PUT` and `DELETE /devices/{device_id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::body::{DeviceBody, DevicePatch};
use super::own::{answer, device_id};
use super::problems::NoSuchDevice;
use crate::app::App;
use crate::domain::devices::{change as changing, find, revoke};
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::DeviceOwner;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};

/// Get a device, or a pending request by user code
#[utoipa::path(
    get,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_show",
    params(("device_id" = String, Path, description = "Device ID, or user code of a pending request")),
    responses(
        (status = 200, description = "The device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`; absent for a pending request"))),
        NoSuchDevice,
        (status = 429, description = "`too_many_requests`: too many wrong user codes; see `Retry-After`",
         body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    if let Some(id) = find::identifier(&name) {
        return Ok(answer(&caller, find::by_id(&app, caller.owner(), id).await?));
    }
    let waiting = find::by_user_code(&app, caller.owner(), &name).await?;
    Ok(no_store(DeviceBody::of(waiting, None)))
}

/// Update a device
///
/// Changes its name or metadata, or removes its trust.
#[utoipa::path(
    patch,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_update",
    params(
        ("device_id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    request_body = DevicePatch,
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        NoSuchDevice,
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(patch): JsonBody<DevicePatch>,
) -> Result<Response, Problem> {
    let device = device_id(&name)?;
    let changed = changing::change(&app, caller.owner(), device, patch.into(), &meant_for).await?;
    Ok(answer(&caller, changed))
}

/// Update a device (same as PATCH)
///
/// Absent members stay unchanged.
#[utoipa::path(
    put,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_replace",
    params(
        ("device_id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    request_body = DevicePatch,
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        NoSuchDevice,
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn replace(
    app: State<Arc<App>>,
    owner: DeviceOwner,
    name: Path<String>,
    meant_for: IfMatch,
    patch: JsonBody<DevicePatch>,
) -> Result<Response, Problem> {
    update(app, owner, name, meant_for, patch).await
}

/// Disconnect a device
#[utoipa::path(
    delete,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_delete",
    params(
        ("device_id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    responses(
        (status = 204, description = "Disconnected; its refresh tokens and access tokens are invalid"),
        NoSuchDevice,
        StaleProblem,
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    revoke::revoke_own(&app, caller.owner(), device_id(&name)?, &meant_for).await?;
    Ok(StatusCode::NO_CONTENT)
}
