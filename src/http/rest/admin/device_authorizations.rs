//! `GET /admin/oauth/device-authorizations`, and how a pending one is ended.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::Filters;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::device_flow::end::{self, DenyError};
use crate::domain::device_flow::unseal_user_code;
use crate::http::json::no_store;
use crate::http::rest::caller::{Admin, Auditor};
use crate::http::rest::paging::Cursor;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::FilterProblem;
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::time::time;
use crate::model::device_authorization::State as SessionState;
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::{DeviceAuthorizationId, TenantId, UserId};
use crate::store::device_authorizations::listings::{self, Filter, Listed, Part, Position};

/// Device authorizations, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceAuthorisationList {
    /// Device authorizations.
    device_authorisations: Vec<DeviceAuthorisation>,
    /// Value of `cursor` for the next page; null on the last page.
    next_cursor: Option<String>,
}

/// A device authorization.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceAuthorisation {
    /// ID of the device authorization. The device code itself is not stored.
    id: Uuid,
    /// Time of the request.
    #[serde(rename = "createdAt")]
    #[schema(format = DateTime)]
    created_at: String,
    /// Client ID.
    #[schema(example = "tv")]
    client_id: String,
    /// User code; null if it can no longer be decrypted.
    #[schema(example = "BDJW-DSXQ")]
    user_code: Option<String>,
    /// Granted scopes, or requested ones before a decision; null if the device requested none.
    #[schema(example = "openid offline_access")]
    scope: Option<String>,
    /// Expiry time of both codes.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Polling interval in seconds.
    poll_interval_seconds: u32,
    /// Time of the last poll, a few seconds delayed.
    #[schema(format = DateTime)]
    last_polled_at: Option<String>,
    /// User who approved it.
    approved_by_account_id: Option<Uuid>,
    /// Time of the approval.
    #[schema(format = DateTime)]
    approved_at: Option<String>,
    /// Time when it was denied.
    #[schema(format = DateTime)]
    denied_at: Option<String>,
    /// Time when the tokens were issued.
    #[schema(format = DateTime)]
    consumed_at: Option<String>,
    /// `pending`, `approved`, `denied`, `expired` or `consumed`.
    status: &'static str,
    /// Number of polls, a few seconds delayed.
    poll_count: i64,
    /// What the device says about itself.
    device: DescribedDevice,
}

/// What a device says about itself, and where its request came from.
#[derive(Debug, Serialize, ToSchema)]
pub struct DescribedDevice {
    /// Name.
    name: Option<String>,
    /// Operating system.
    os: Option<String>,
    /// Hostname.
    hostname: Option<String>,
    /// Version of the client program.
    client_version: Option<String>,
    /// Further data from the device.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// IP address of the request.
    ip_address: Option<String>,
    /// `User-Agent` of the request.
    user_agent: Option<String>,
}

impl DeviceAuthorisation {
    fn of(app: &App, listed: Listed) -> Self {
        let user_code = user_code(app, &listed);
        let scope = scope(&listed);
        let status = status(app, &listed);
        let Listed { request, decided_by, decided_at, polling, poll_count } = listed;
        let (approved, denied, consumed_at) = match &request.session.state {
            SessionState::Pending | SessionState::Confirming(_) => (false, false, None),
            SessionState::Approved(_) => (true, false, None),
            SessionState::Consumed(consumption) => (true, false, Some(consumption.at)),
            SessionState::Denied => (false, true, None),
        };
        Self {
            id: request.session.id.0,
            created_at: time(request.created_at),
            client_id: request.session.client_id.to_string(),
            user_code,
            scope,
            expires_at: time(request.session.expires_at),
            poll_interval_seconds: polling.interval_seconds,
            last_polled_at: polling.last_polled_at.map(time),
            approved_by_account_id: decided_by.filter(|_| approved).map(|user| user.0),
            approved_at: decided_at.filter(|_| approved).map(time),
            denied_at: decided_at.filter(|_| denied).map(time),
            consumed_at: consumed_at.map(time),
            status: status.as_str(),
            poll_count,
            device: DescribedDevice {
                name: request.device.name,
                os: request.device.os,
                hostname: request.device.hostname,
                client_version: request.device.client_version,
                metadata: request.device.metadata,
                ip_address: request.ip_address.map(|address| address.to_string()),
                user_agent: request.user_agent,
            },
        }
    }
}

pub(in crate::http) fn status(app: &App, listed: &Listed) -> DeviceAuthorizationStatus {
    listed.request.session.phase(app.clock.now()).into()
}

/// The user code, unless it was sealed under another master key: then the others are worth showing all the same.
pub(in crate::http) fn user_code(app: &App, listed: &Listed) -> Option<String> {
    match unseal_user_code(app, &listed.request) {
        Ok(code) => Some(code.to_string()),
        Err(error) => {
            tracing::error!(cause = error.cause, authorization_id = %listed.request.session.id, "user code could not be decrypted");
            None
        }
    }
}

pub(in crate::http) fn scope(listed: &Listed) -> Option<String> {
    match &listed.request.session.state {
        SessionState::Approved(approval) => Some(approval.scopes.to_string()),
        SessionState::Consumed(consumption) => Some(consumption.approval.scopes.to_string()),
        SessionState::Pending | SessionState::Confirming(_) | SessionState::Denied => {
            listed.request.requested_scopes.as_ref().map(ToString::to_string)
        }
    }
}

/// List device authorizations
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/admin/oauth/device-authorizations",
    operation_id = "v1_admin_device_authorizations_list",
    params(
        ("status" = Option<String>, Query, description = "`pending`, `approved`, `denied`, `expired` or `consumed`"),
        ("client_id" = Option<String>, Query, description = "Client ID of the items to list"),
        ("user_id" = Option<Uuid>, Query, description = "Device authorizations that this user decided"),
        ("created_after" = Option<String>, Query, description = "Start of the time range, inclusive (RFC 3339)"),
        ("created_before" = Option<String>, Query, description = "End of the time range, exclusive"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the previous page, with the same filters"),
        ("limit" = Option<u32>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses(
        (status = 200, description = "One page of results", body = DeviceAuthorisationList),
        FilterProblem,
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    mut filters: Filters,
) -> Result<Response, Problem> {
    let tenant = caller.tenant.id;
    let filter = filter(&mut filters, DeviceAuthorizationStatus::parse)?;
    let limit = filters.limit()?;
    let after: Option<Position> = filters.cursor(&app, tenant)?;
    let part = Part { after, offset: 0, limit: limit + 1 };
    let mut found = read(&app, tenant, &filter, part).await?;
    let next_cursor = Cursor::cut(&app, tenant, filters.name(), &mut found, limit, Listed::position);
    let device_authorisations =
        found.into_iter().map(|listed| DeviceAuthorisation::of(&app, listed)).collect();
    Ok(no_store(DeviceAuthorisationList { device_authorisations, next_cursor }))
}

/// What both listings can be asked for.
pub(super) fn filter(
    filters: &mut Filters,
    read_status: fn(&str) -> Option<DeviceAuthorizationStatus>,
) -> Result<Filter, Problem> {
    Ok(Filter {
        status: filters.read("status", "the word for a status", read_status)?,
        client: filters.text("client_id"),
        user: filters.id("user_id")?.map(UserId),
        created_after: filters.time("created_after")?,
        created_before: filters.time("created_before")?,
    })
}

pub(super) async fn read(
    app: &App,
    tenant: TenantId,
    filter: &Filter,
    part: Part,
) -> Result<Vec<Listed>, Problem> {
    let lifetime = app.config.device_flow.code_lifetime();
    Ok(listings::list(&app.db, tenant, filter, part, app.clock.now(), lifetime).await?)
}

impl From<DenyError> for Problem {
    fn from(refused: DenyError) -> Self {
        match refused {
            DenyError::NoSuchSession => Self::new(
                StatusCode::NOT_FOUND,
                "device_authorization_not_found",
                "Device authorization not found.",
                "List them with GET /admin/oauth/device-authorizations.",
            ),
            DenyError::NotPending(status) => Self::new(
                StatusCode::CONFLICT,
                "not_pending",
                "The device authorization is no longer pending.",
                "If it was approved, lock or disconnect the device.",
            )
            .with_metadata("status", status.as_str()),
            DenyError::Store(error) => error.into(),
        }
    }
}

/// Deny a pending device authorization
///
/// Its device gets `access_denied`. Returns 409 if it is not pending, with its status in `metadata`.
#[utoipa::path(
    post,
    path = "/admin/oauth/device-authorizations/{id}/deny",
    operation_id = "v1_admin_device_authorizations_deny",
    params(("id" = Uuid, Path, description = "Device authorization ID")),
    responses(
        (status = 200, description = "The denied device authorization", body = DeviceAuthorisation),
        (status = 409, description = "`not_pending`; `metadata.status` has the status", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn deny(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let by = By::user(caller.user.id, &caller.origin);
    let ended = end::end(&app, caller.tenant.id, DeviceAuthorizationId(id), &by).await?;
    Ok(no_store(DeviceAuthorisation::of(&app, ended)))
}
