//! `/admin/devices`: everybody's devices.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Filters;
use crate::app::App;
use crate::domain::devices::{self, DeviceError, Owner, find};
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor, Caller};
use crate::http::rest::devices::body::{DeviceBody, DevicePatch};
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Cursor;
use crate::http::rest::path::Path;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::{BodyProblems, FilterProblem, StaleProblem};
use crate::http::rest::versioned::Versioned;
use crate::model::device::{Device, DeviceStatus};
use crate::model::ids::{DeviceId, UserId};
use crate::store::devices::listings::{self, Filter};

/// Devices, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceList {
    /// The devices.
    devices: Vec<DeviceBody>,
    /// Value of `cursor` for the next page; null on the last page.
    next_cursor: Option<String>,
}

/// The owner of the device, in whose place the caller acts.
async fn owner<'a>(app: &App, caller: &'a Caller, id: DeviceId) -> Result<Owner<'a>, Problem> {
    let owner = Owner::in_whose_place(app, &caller.tenant, id, caller.user.id, &caller.origin).await;
    owner.map_err(problem)
}

/// The device that a path names. Whatever is no identifier names none.
fn device_id(text: &str) -> Result<DeviceId, Problem> {
    find::identifier(text).ok_or_else(no_such_device)
}

fn no_such_device() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "device_not_found",
        "Device not found.",
        "List the devices with GET /admin/devices.",
    )
}

fn problem(error: DeviceError) -> Problem {
    match error {
        DeviceError::NotFound => no_such_device(),
        other => other.into(),
    }
}

fn answer(device: Device) -> Response {
    Versioned { version: device.version, body: DeviceBody::of(device, None) }.into_response()
}

/// The status that a word names, of those that a connected device can have.
pub(super) fn status(word: &str) -> Option<DeviceStatus> {
    match word {
        "active" => Some(DeviceStatus::Active),
        "locked" => Some(DeviceStatus::Locked),
        "expired" => Some(DeviceStatus::Expired),
        _ => None,
    }
}

/// The country that two letters name, whatever their case.
pub(super) fn country(text: &str) -> Option<String> {
    (text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_alphabetic()))
        .then(|| text.to_ascii_uppercase())
}

/// List devices
///
/// The devices of all users, newest first.
#[utoipa::path(
    get,
    path = "/admin/devices",
    operation_id = "v1_admin_devices_list",
    params(
        ("user_id" = Option<Uuid>, Query, description = "Devices of this user"),
        ("client_id" = Option<String>, Query, description = "Client ID of the items to list"),
        ("status" = Option<String>, Query, description = "`active`, `locked` or `expired`"),
        ("country" = Option<String>, Query, description = "Country of the device (ISO 3166-1, two letters)"),
        ("last_seen_before" = Option<String>, Query, description = "Devices that last refreshed their tokens at or before this time"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the previous page"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses((status = 200, description = "One page of results", body = DeviceList), FilterProblem)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    mut filters: Filters,
) -> Result<Response, Problem> {
    let tenant = caller.tenant.id;
    let filter = Filter {
        user: filters.id("user_id")?.map(UserId),
        client: filters.text("client_id"),
        status: filters.read("status", "active, locked or expired", status)?,
        country: filters.read("country", "a two-letter ISO 3166-1 code", country)?,
        last_seen_before: filters.time("last_seen_before")?,
    };
    let limit = filters.limit()?;
    let after = filters.cursor::<DeviceId>(&app, tenant)?;
    let mut found = listings::list(&app.db, tenant, &filter, after, limit + 1, app.clock.now()).await?;
    let next_cursor = Cursor::cut(&app, tenant, filters.name(), &mut found, limit, |last| DeviceId(last.id));
    let devices = found.into_iter().map(|device| DeviceBody::of(device, None)).collect();
    Ok(no_store(DeviceList { devices, next_cursor }).into_response())
}

/// Get a device
#[utoipa::path(
    get,
    path = "/admin/devices/{id}",
    operation_id = "v1_admin_devices_show",
    params(("id" = String, Path, description = "Device ID")),
    responses(
        (status = 200, description = "The device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let owner = owner(&app, &caller, id).await?;
    Ok(answer(find::by_id(&app, owner, id).await.map_err(problem)?))
}

/// Update a device
///
/// Changes its name or metadata, or removes its trust.
#[utoipa::path(
    patch,
    path = "/admin/devices/{id}",
    operation_id = "v1_admin_devices_update",
    params(
        ("id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    request_body = DevicePatch,
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(patch): JsonBody<DevicePatch>,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let owner = owner(&app, &caller, id).await?;
    let changed = devices::change::change(&app, owner, id, patch.into(), &meant_for).await;
    Ok(answer(changed.map_err(problem)?))
}

/// Disconnect a device
///
/// Its refresh tokens and access tokens become invalid.
#[utoipa::path(
    delete,
    path = "/admin/devices/{id}",
    operation_id = "v1_admin_devices_delete",
    params(
        ("id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    responses((status = 204, description = "Disconnected"), StaleProblem)
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    let id = device_id(&id)?;
    let owner = owner(&app, &caller, id).await?;
    devices::revoke::revoke_own(&app, owner, id, &meant_for).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lock a device
///
/// Its tokens stop working, and it gets no new ones until an administrator unlocks it.
#[utoipa::path(
    post,
    path = "/admin/devices/{id}/lock",
    operation_id = "v1_admin_devices_lock",
    params(
        ("id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        StaleProblem,
    )
)]
pub async fn lock(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let owner = owner(&app, &caller, id).await?;
    let locked = devices::lock::lock(&app, owner, id, &meant_for).await;
    Ok(answer(locked.map_err(problem)?))
}

/// Unlock a device
///
/// Also works if its owner locked it.
#[utoipa::path(
    post,
    path = "/admin/devices/{id}/unlock",
    operation_id = "v1_admin_devices_unlock",
    params(
        ("id" = String, Path, description = "Device ID"),
        ("If-Match" = Option<String>, Header, description = "Versions that the change applies to"),
    ),
    responses(
        (status = 200, description = "The updated device", body = DeviceBody,
         headers(("ETag" = String, description = "Entity tag for `If-Match`"))),
        StaleProblem,
    )
)]
pub async fn unlock(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let id = device_id(&id)?;
    let owner = owner(&app, &caller, id).await?;
    let unlocked = devices::lock::unlock(&app, owner, id, &meant_for).await;
    Ok(answer(unlocked.map_err(problem)?))
}
