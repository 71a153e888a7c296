//! `POST /admin/devices/revoke`: many devices at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::deeds::insist;
use super::devices::{country, status};
use crate::app::App;
use crate::domain::deeds::Deed;
use crate::domain::devices::disconnect_many;
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::Admin;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::BodyProblems;
use crate::model::ids::UserId;
use crate::store::devices::listings::{self, Filter};

/// Devices to disconnect: those that match all given filters. At least one filter is required.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeDevices {
    /// Devices of this user.
    user_id: Option<Uuid>,
    /// Devices of this client.
    #[schema(example = "tv")]
    client_id: Option<String>,
    /// `active`, `locked` or `expired`.
    status: Option<String>,
    /// Country of the device (ISO 3166-1, two letters).
    #[schema(example = "NL")]
    country: Option<String>,
    /// Devices that last refreshed their tokens before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen_before: Option<DateTime<Utc>>,
    /// Count the devices without disconnecting them.
    #[serde(default)]
    preview: bool,
}

/// Result of disconnecting devices.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedDevices {
    /// Number of matching devices.
    matching: i64,
    /// Number of disconnected devices: at most 10000 per request. If it is less than `matching`, repeat the
    /// request.
    revoked: i64,
}

impl RevokeDevices {
    fn filter(&self) -> Result<Filter, Problem> {
        let unfit =
            |field: &str, expected: &str| Problem::invalid_field(field, format!("must be {expected}"));
        let status = match self.status.as_deref() {
            Some(word) => Some(status(word).ok_or_else(|| unfit("status", "active, locked or expired"))?),
            None => None,
        };
        let country = match self.country.as_deref() {
            Some(text) => {
                Some(country(text).ok_or_else(|| unfit("country", "a two-letter ISO 3166-1 code"))?)
            }
            None => None,
        };
        let filter = Filter {
            user: self.user_id.map(UserId),
            client: self.client_id.clone(),
            status,
            country,
            last_seen_before: self.last_seen_before,
        };
        if filter.is_empty() {
            let needed =
                "at least one of user_id, client_id, status, country and last_seen_before is required";
            return Err(Problem::invalid_field("", needed));
        }
        Ok(filter)
    }
}

/// Disconnect devices in bulk, or count them with `preview`
#[utoipa::path(
    post,
    path = "/admin/devices/revoke",
    operation_id = "v1_admin_devices_revoke",
    request_body = RevokeDevices,
    responses((status = 200, description = "The number of devices", body = RevokedDevices), BodyProblems)
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    JsonBody(wanted): JsonBody<RevokeDevices>,
) -> Result<Response, Problem> {
    let filter = wanted.filter()?;
    if wanted.preview {
        let matching = listings::count(&app.db, caller.tenant.id, &filter, app.clock.now()).await?;
        return Ok(no_store(RevokedDevices { matching, revoked: 0 }).into_response());
    }
    insist(&app, &caller, Deed::Endanger)?;
    let done = disconnect_many::revoke_matching(&app, caller.tenant.id, &filter, &caller.by()).await?;
    Ok(no_store(RevokedDevices { matching: done.matching, revoked: done.revoked }).into_response())
}
