//! `GET /admin/oauth/devices`: the same sessions, by page number.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::device_authorizations::{filter, read, scope, status, user_code};
use super::query::Filters;
use crate::app::App;
use crate::http::json::no_store;
use crate::http::rest::caller::Auditor;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::FilterProblem;
use crate::http::rest::time::time;
use crate::model::device_authorization::State as SessionState;
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::store::device_authorizations::listings::{self, Listed, Part};

/// Up to here, totals are counted; beyond, the database's guess is good enough.
const EXACT_TOTAL: i64 = 5_000;
/// What lies before the first item of a page has to be passed over. Whoever wants more reads on by cursor.
const DEEPEST: i64 = 1_000_000;
const MAX_PAGE_SIZE: i64 = 1000;

/// A page of device authorizations, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceAuthorizationPage {
    /// Always 0 (success).
    code: i32,
    /// Message for `code`.
    #[schema(example = "ok")]
    message: &'static str,
    /// Time of the response.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Device authorizations.
    items: Vec<DeviceAuthorizationItem>,
    /// Same as `pagination.total`.
    total: i64,
    /// Position of the page in the list.
    pagination: Pagination,
}

/// Position of a page in the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Page number, starting at 1.
    page: i64,
    /// Items per page.
    page_size: i64,
    /// Number of device authorizations: counted up to 5000, estimated beyond.
    total: i64,
    /// Whether `total` is an estimate.
    total_is_estimate: bool,
    /// Number of pages.
    total_pages: i64,
    /// Whether there is a next page.
    has_next: bool,
    /// Whether there is a previous page.
    has_prev: bool,
}

/// A device authorization.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceAuthorizationItem {
    /// Client ID.
    #[schema(example = "tv")]
    client_id: String,
    /// Time of the request.
    #[schema(format = DateTime)]
    created_at: String,
    /// ID of the device authorization. The device code itself is not stored.
    device_code: Uuid,
    /// Expiry time of both codes.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Polling interval in seconds.
    interval: u32,
    /// Number of polls, a few seconds delayed.
    poll_count: i64,
    /// Granted scopes, or requested ones before a decision; null if the device requested none.
    #[schema(example = "openid offline_access")]
    scope: Option<String>,
    /// `pending`, `authorized`, `denied`, `expired` or `consumed`.
    status: &'static str,
    /// Time of the last change.
    #[schema(format = DateTime)]
    updated_at: String,
    /// User code; null if it can no longer be decrypted.
    #[schema(example = "BDJW-DSXQ")]
    user_code: Option<String>,
    /// User who decided.
    user_id: Option<Uuid>,
}

/// The words of this listing: *authorized* for approved.
fn word(status: DeviceAuthorizationStatus) -> &'static str {
    match status {
        DeviceAuthorizationStatus::Approved => "authorized",
        other => other.as_str(),
    }
}

fn parse(text: &str) -> Option<DeviceAuthorizationStatus> {
    DeviceAuthorizationStatus::ALL.into_iter().find(|status| word(*status) == text)
}

impl DeviceAuthorizationItem {
    fn of(app: &App, listed: &Listed) -> Self {
        let session = &listed.request.session;
        let consumed_at = match &session.state {
            SessionState::Consumed(consumption) => Some(consumption.at),
            _ => None,
        };
        let happened = [listed.decided_at, consumed_at, listed.polling.last_polled_at];
        let updated_at = happened.into_iter().flatten().fold(listed.request.created_at, Ord::max);
        Self {
            client_id: session.client_id.to_string(),
            created_at: time(listed.request.created_at),
            device_code: session.id.0,
            expires_at: time(session.expires_at),
            interval: listed.polling.interval_seconds,
            poll_count: listed.poll_count,
            scope: scope(listed),
            status: word(status(app, listed)),
            updated_at: time(updated_at),
            user_code: user_code(app, listed),
            user_id: listed.decided_by.map(|user| user.0),
        }
    }
}

/// List device authorizations by page number
///
/// Newest first. High page numbers are slow; to read everything, use `GET
/// /admin/oauth/device-authorizations`.
#[utoipa::path(
    get,
    path = "/admin/oauth/devices",
    operation_id = "v1_admin_device_authorization_pages_list",
    params(
        ("page" = Option<u32>, Query, description = "Page number, starting at 1; pages end at the millionth device authorization"),
        ("page_size" = Option<u32>, Query, description = "Items per page, 1 to 1000 (default 20)"),
        ("status" = Option<String>, Query, description = "`pending`, `authorized`, `denied`, `expired` or `consumed`"),
        ("client_id" = Option<String>, Query, description = "Client ID of the items to list"),
    ),
    responses(
        (status = 200, description = "One page of results", body = DeviceAuthorizationPage),
        FilterProblem,
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    mut filters: Filters,
) -> Result<Response, Problem> {
    let tenant = caller.tenant.id;
    let filter = filter(&mut filters, parse)?;
    let page_size = filters.number("page_size", 20, 1..=MAX_PAGE_SIZE)?;
    let page = filters.number("page", 1, 1..=DEEPEST / page_size)?;
    let (now, lifetime) = (app.clock.now(), app.config.device_flow.code_lifetime());
    let counted = listings::count(&app.db, tenant, &filter, EXACT_TOTAL + 1, now, lifetime).await?;
    let total_is_estimate = counted > EXACT_TOTAL;
    let total = if total_is_estimate {
        listings::estimate(&app.db, tenant, &filter, now, lifetime).await?.max(counted)
    } else {
        counted
    };
    let offset = (page - 1) * page_size;
    let part = Part { after: None, offset, limit: page_size + 1 };
    let found = read(&app, tenant, &filter, part).await?;
    let shown = usize::try_from(page_size).unwrap_or(usize::MAX);
    let has_next = found.len() > shown;
    let items = found.iter().take(shown).map(|listed| DeviceAuthorizationItem::of(&app, listed)).collect();
    Ok(no_store(DeviceAuthorizationPage {
        code: 0,
        message: "ok",
        timestamp: time(now),
        items,
        total,
        pagination: Pagination {
            page,
            page_size,
            total,
            total_is_estimate,
            total_pages: (total + page_size - 1) / page_size,
            has_next,
            has_prev: page > 1,
        },
    }))
}
