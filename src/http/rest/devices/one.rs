//! `GET`, `PATCH`, `PUT` and `DELETE /devices/{device_id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::body::{DeviceBody, DevicePatch};
use super::{NoSuchDevice, answer, device_id};
use crate::app::App;
use crate::domain::devices::{change as changing, find, revoke};
use crate::http::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::DeviceOwner;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, CallerProblems, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};

/// One of the caller's devices, or what waits behind a user code that the caller knows.
#[utoipa::path(
    get,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_show",
    tag = "Devices",
    security(("access_token" = ["devices"]), ("browser_session" = [])),
    params(("device_id" = String, Path, description = "The device's identifier, or the user code of a pending one")),
    responses(
        (status = 200, description = "The device", body = DeviceBody,
         headers(("ETag" = String, description = "Its version, for If-Match; not of one that is pending"))),
        CallerProblems,
        NoSuchDevice,
        (status = 429, description = "`too_many_requests`: too many user codes that did not work; see `Retry-After`",
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

/// Changes the device's name or metadata, or takes the trust from it.
#[utoipa::path(
    patch,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_update",
    tag = "Devices",
    security(("access_token" = ["devices"]), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("device_id" = String, Path, description = "The device's identifier"),
        ("If-Match" = Option<String>, Header, description = "The versions that the change is meant for"),
    ),
    request_body = DevicePatch,
    responses(
        (status = 200, description = "The device as it is now", body = DeviceBody,
         headers(("ETag" = String, description = "Its version, for If-Match"))),
        CallerProblems,
        NoSuchDevice,
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn change(
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

/// The same as PATCH: what is absent stays as it is.
#[utoipa::path(
    put,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_replace",
    tag = "Devices",
    security(("access_token" = ["devices"]), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("device_id" = String, Path, description = "The device's identifier"),
        ("If-Match" = Option<String>, Header, description = "The versions that the change is meant for"),
    ),
    request_body = DevicePatch,
    responses(
        (status = 200, description = "The device as it is now", body = DeviceBody,
         headers(("ETag" = String, description = "Its version, for If-Match"))),
        CallerProblems,
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
    change(app, owner, name, meant_for, patch).await
}

/// Disconnects the device, at once and for good.
#[utoipa::path(
    delete,
    path = "/devices/{device_id}",
    operation_id = "v1_devices_delete",
    tag = "Devices",
    security(("access_token" = ["devices"]), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("device_id" = String, Path, description = "The device's identifier"),
        ("If-Match" = Option<String>, Header, description = "The versions that the removal is meant for"),
    ),
    responses(
        (status = 204, description = "Its refresh tokens and access tokens are dead"),
        CallerProblems,
        NoSuchDevice,
        StaleProblem,
    )
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    revoke::revoke_own(&app, caller.owner(), device_id(&name)?, &meant_for).await?;
    Ok(StatusCode::NO_CONTENT)
}
