//! `GET` and `DELETE /devices`

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::body::DeviceBody;
use crate::app::App;
use crate::domain::devices::{list as devices, revoke};
use crate::http::json::no_store;
use crate::http::parameters::Parameters;
use crate::http::rest::caller::DeviceOwner;
use crate::http::rest::paging::Page;
use crate::http::rest::problem::described::PageProblem;
use crate::http::rest::problem::{Problem, ProblemBody};

/// List your devices
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/devices",
    operation_id = "v1_devices_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)", minimum = 0),
        ("limit" = Option<i64>, Query, description = "Maximum number of items (default 100)", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "The devices", body = Vec<DeviceBody>, headers(
            ("X-Total-Count" = i64, description = "Total number of devices"),
            ("Link" = String, description = "Other pages: `first`, `prev`, `next`, `last` (RFC 8288)"),
            ("X-CSRF-Token" = Option<String>, description = "CSRF token for requests authenticated by cookie"),
        )),
        PageProblem,
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    page: Page,
) -> Result<Response, Problem> {
    let (found, total) = devices::list(&app, caller.owner(), page.offset, page.limit).await?;
    let current = caller.device();
    let bodies: Vec<_> = found.into_iter().map(|device| DeviceBody::of(device, current)).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Disconnect all your other devices
#[utoipa::path(
    delete,
    path = "/devices",
    operation_id = "v1_devices_delete_all",
    params(("including_this" = Option<bool>, Query, description = "Include the calling device (default false)")),
    responses(
        (status = 204, description = "Disconnected; their refresh tokens and access tokens are invalid"),
        (status = 422, description = "`validation_failed`: `including_this` must be true or false",
         body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn delete_all(
    State(app): State<Arc<App>>,
    DeviceOwner(caller): DeviceOwner,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    let spared = match Parameters::of_query(query.as_deref())?.take("including_this").as_deref() {
        None | Some("false") => caller.device(),
        Some("true") => None,
        Some(_) => return Err(Problem::invalid_field("including_this", "must be true or false")),
    };
    revoke::revoke_others(&app, caller.owner(), spared).await?;
    Ok(StatusCode::NO_CONTENT)
}
