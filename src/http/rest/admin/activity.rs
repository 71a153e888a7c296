//! `/admin/oauth/activity`: figures over time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Filters;
use crate::app::App;
use crate::domain::activity;
use crate::http::json::no_store;
use crate::http::rest::caller::Auditor;
use crate::http::rest::problem::Problem;
use crate::http::rest::time::time;
use crate::model::activity::{Figures, Span};

/// Activity counts over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Activity {
    /// `hour`, `day` or `month`.
    #[schema(example = "hour")]
    span: &'static str,
    /// Length of an interval: a minute, half an hour or a day (UTC), in seconds.
    #[schema(example = 60)]
    seconds_per_part: i64,
    /// All intervals, oldest first, including those without activity. The last one is incomplete.
    parts: Vec<ActivityPart>,
}

/// Activity counts of one interval.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityPart {
    /// Start of the interval.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    begins_at: String,
    /// Started device authorizations.
    #[schema(example = 12)]
    starts: u64,
    /// Approved device authorizations.
    #[schema(example = 9)]
    approvals: u64,
    /// Device authorizations denied while pending: by a user, an administrator or a rule.
    #[schema(example = 1)]
    denials: u64,
    /// Device authorizations that expired without a decision; counted two minutes later.
    #[schema(example = 2)]
    expiries: u64,
    /// Polls of pending device authorizations.
    #[schema(example = 340)]
    polls: u64,
    /// Polls that were answered with `slow_down`.
    #[schema(example = 3)]
    early_polls: u64,
}

impl From<(DateTime<Utc>, Figures)> for ActivityPart {
    fn from((at, figures): (DateTime<Utc>, Figures)) -> Self {
        let Figures { starts, approvals, denials, expiries, polls, early_polls } = figures;
        Self { begins_at: time(at), starts, approvals, denials, expiries, polls, early_polls }
    }
}

/// Get activity counts over time
///
/// Device authorizations started, approved, denied and expired, and polls. The counts are a few seconds
/// delayed.
#[utoipa::path(
    get,
    path = "/admin/oauth/activity",
    operation_id = "v1_admin_activity_show",
    params(
        ("span" = Option<String>, Query,
            description = "`hour`: per minute; `day`: per half hour; `month`: thirty days, per day \
                (UTC). Default: `hour`"),
    ),
    responses((status = 200, description = "The activity counts", body = Activity))
)]
pub async fn show(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    mut filters: Filters,
) -> Result<Response, Problem> {
    let span = filters.read("span", "hour, day or month", Span::parse)?.unwrap_or_default();
    let parts = activity::read(&app, caller.tenant.id, span).await?;
    Ok(no_store(Activity {
        span: span.as_str(),
        seconds_per_part: span.step().num_seconds(),
        parts: parts.into_iter().map(ActivityPart::from).collect(),
    }))
}
