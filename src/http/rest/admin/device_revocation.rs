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
use crate::domain::devices::administration;
use crate::http::no_store;
use crate::http::rest::admin::answers::WriteRefusals;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::Admin;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::BodyProblems;
use crate::model::ids::UserId;
use crate::store::devices::listings::Filter;

/// Which devices are to be disconnected: those that fit all that is given, and something must be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeDevices {
    /// Only this person's.
    user_id: Option<Uuid>,
    /// Only this client's.
    #[schema(example = "tv")]
    client_id: Option<String>,
    /// `active`, `locked` or `expired`.
    status: Option<String>,
    /// Only those connected from there: two letters of ISO 3166-1.
    #[schema(example = "NL")]
    country: Option<String>,
    /// Only those that last renewed their access before this.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen_before: Option<DateTime<Utc>>,
    /// Only count them.
    #[serde(default)]
    preview: bool,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedDevices {
    /// How many fitted before.
    matching: i64,
    /// How many are disconnected now: at most 10000 by one request. While it is less than `matching`, ask again.
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

/// Disconnects many devices, or counts them first.
#[utoipa::path(
    post,
    path = "/admin/devices/revoke",
    operation_id = "v1_admin_devices_revoke",
    tag = "Administration",
    security(("access_token" = ["admin"]), ("browser_session" = [], "csrf_token" = [])),
    request_body = RevokeDevices,
    responses((status = 200, description = "How many", body = RevokedDevices), WriteRefusals, BodyProblems)
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    JsonBody(wanted): JsonBody<RevokeDevices>,
) -> Result<Response, Problem> {
    let filter = wanted.filter()?;
    if wanted.preview {
        let matching = administration::count_matching(&app, caller.administrator(), &filter).await?;
        return Ok(no_store(RevokedDevices { matching, revoked: 0 }).into_response());
    }
    insist(&app, &caller, Deed::Endanger)?;
    let done = administration::revoke_matching(&app, caller.administrator(), &filter).await?;
    Ok(no_store(RevokedDevices { matching: done.matching, revoked: done.revoked }).into_response())
}
