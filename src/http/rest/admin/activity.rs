//! `/admin/oauth/activity`: figures over time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::ReadRefusals;
use super::query::Filters;
use super::time;
use crate::app::App;
use crate::domain::activity;
use crate::http::no_store;
use crate::http::rest::caller::Auditor;
use crate::http::rest::problem::Problem;
use crate::model::activity::{Figures, Span};

/// What happened over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Activity {
    /// `hour`, `day` or `month`.
    #[schema(example = "hour")]
    span: &'static str,
    /// How long each part is: a minute, half an hour or a day (UTC).
    #[schema(example = 60)]
    seconds_per_part: i64,
    /// All parts, also those in which nothing happened, the oldest first. The last one is not over.
    parts: Vec<ActivityPart>,
}

/// What happened in one part of the time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityPart {
    /// When it began.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    begins_at: String,
    /// Codes that devices asked for.
    #[schema(example = 12)]
    starts: u64,
    /// Codes that somebody approved.
    #[schema(example = 9)]
    approvals: u64,
    /// Codes that were refused while they waited: by a person, an administrator or a rule.
    #[schema(example = 1)]
    denials: u64,
    /// Codes whose time passed before anybody decided; known two minutes later.
    #[schema(example = 2)]
    expiries: u64,
    /// Polls of codes that waited.
    #[schema(example = 340)]
    polls: u64,
    /// Those of them that were answered `slow_down`.
    #[schema(example = 3)]
    early_polls: u64,
}

impl From<(DateTime<Utc>, Figures)> for ActivityPart {
    fn from((at, figures): (DateTime<Utc>, Figures)) -> Self {
        let Figures { starts, approvals, denials, expiries, polls, early_polls } = figures;
        Self { begins_at: time(at), starts, approvals, denials, expiries, polls, early_polls }
    }
}

/// Shows how many codes were asked for, approved, refused and left to expire over time, and how often they were polled.
/// What happened counts a few seconds later.
#[utoipa::path(
    get,
    path = "/admin/oauth/activity",
    operation_id = "v1_admin_activity_show",
    tag = "Administration",
    security(("access_token" = ["admin:read"]), ("access_token" = ["admin"]), ("browser_session" = [])),
    params(
        ("span" = Option<String>, Query,
            description = "`hour`: by minutes; `day`: by half hours; `month`: thirty days, by days (UTC). `hour` by default"),
    ),
    responses((status = 200, description = "The figures", body = Activity), ReadRefusals)
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
