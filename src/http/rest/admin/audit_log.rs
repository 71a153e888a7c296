//! `GET /admin/audit-log`: who did what to what, from where, when.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::Filters;
use crate::app::App;
use crate::http::json::no_store;
use crate::http::rest::caller::Auditor;
use crate::http::rest::paging::Cursor;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::FilterProblem;
use crate::http::rest::time::time;
use crate::model::ids::TenantId;
use crate::store;
use crate::store::audit_events::{self, Filter, Position, StoredEvent};

const JSON_LINES: HeaderValue = HeaderValue::from_static("application/jsonl");
/// How many events an export reads at once.
const EXPORT_BATCH: i64 = 1_000;

/// Events, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLog {
    /// The events.
    events: Vec<AuditLogEvent>,
    /// Value of `cursor` for the next page; null on the last page.
    next_cursor: Option<String>,
}

/// An action that succeeded or was refused. Never contains codes, tokens or passwords.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLogEvent {
    /// Event ID.
    id: Uuid,
    /// Time of the event.
    #[schema(format = DateTime)]
    at: String,
    /// Action.
    #[schema(example = "user.changed")]
    action: String,
    /// `success` or `refused`.
    outcome: String,
    /// Actor.
    actor: Participant,
    /// Target of the action.
    target: Participant,
    /// IP address of the request; null for the server itself and its command line.
    ip_address: Option<String>,
    /// Request ID, as in `X-Request-Id`.
    request_id: Option<Uuid>,
    /// Further details, such as the values before and after.
    #[schema(value_type = Object)]
    details: Value,
}

/// An actor or target.
#[derive(Debug, Serialize, ToSchema)]
pub struct Participant {
    /// `user`, `client`, `operator`, `server` or `anyone`; or the kind of target, such as
    /// `device_authorization`.
    kind: String,
    /// ID, if there is one.
    id: Option<String>,
}

impl From<StoredEvent> for AuditLogEvent {
    fn from(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            at: time(event.at),
            action: event.action,
            outcome: event.outcome,
            actor: Participant { kind: event.actor_kind, id: event.actor_id },
            target: Participant { kind: event.target_kind, id: event.target_id },
            ip_address: event.ip_address,
            request_id: event.request_id,
            details: serde_json::from_str(&event.details).unwrap_or_default(),
        }
    }
}

/// List audit events, or export them as JSON Lines
///
/// Newest first. An export contains all events that match the filters.
#[utoipa::path(
    get,
    path = "/admin/audit-log",
    operation_id = "v1_admin_audit_log_list",
    params(
        ("actor" = Option<String>, Query, description = "Actor: a user ID or client ID"),
        ("action" = Option<String>, Query, description = "Action, such as `user.changed`"),
        ("outcome" = Option<String>, Query, description = "`success` or `refused`"),
        ("target_kind" = Option<String>, Query, description = "Kind of target, such as `device_authorization`"),
        ("target_id" = Option<String>, Query, description = "ID of the target"),
        ("request_id" = Option<Uuid>, Query, description = "Request ID"),
        ("from" = Option<String>, Query, description = "Start of the time range, inclusive (RFC 3339)"),
        ("to" = Option<String>, Query, description = "End of the time range, exclusive"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the previous page, with the same filters"),
        ("limit" = Option<u32>, Query, description = "Maximum number of items, 1 to 1000 (default 100); ignored for an export"),
        ("format" = Option<String>, Query, description = "`json`, or `jsonl` for an export; overrides `Accept`"),
    ),
    responses(
        (status = 200, description = "One page of results, or an export", content(
            (AuditLog = "application/json"), (AuditLogEvent = "application/jsonl"))),
        FilterProblem,
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    headers: HeaderMap,
    mut filters: Filters,
) -> Result<Response, Problem> {
    let tenant = caller.tenant.id;
    let format = filters.read("format", "json or jsonl", Format::parse)?;
    let filter = Filter {
        actor: filters.text("actor"),
        action: filters.text("action"),
        outcome: filters.read("outcome", "success or refused", |word| {
            ["success", "refused"].contains(&word).then(|| word.to_owned())
        })?,
        target_kind: filters.text("target_kind"),
        target_id: filters.text("target_id"),
        request_id: filters.id("request_id")?,
        from: filters.time("from")?,
        to: filters.time("to")?,
    };
    let limit = filters.limit()?;
    let after: Option<Position> = filters.cursor(&app, tenant)?;
    if format.unwrap_or_else(|| Format::accepted(&headers)) == Format::JsonLines {
        return Ok(export(app, tenant, filter, after));
    }
    let mut found = audit_events::list(&app.db, tenant, &filter, after, limit + 1).await?;
    let next_cursor = Cursor::cut(&app, tenant, filters.name(), &mut found, limit, StoredEvent::position);
    Ok(no_store(AuditLog { events: found.into_iter().map(AuditLogEvent::from).collect(), next_cursor }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    JsonLines,
}

impl Format {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    fn accepted(headers: &HeaderMap) -> Self {
        let lines = headers.get(header::ACCEPT).is_some_and(|value| value == JSON_LINES);
        if lines { Self::JsonLines } else { Self::Json }
    }
}

/// Everything, as fast as it is read and never more than a batch in memory. Should the database fail halfway, the
/// connection breaks off: a part is not taken for the whole.
fn export(app: Arc<App>, tenant: TenantId, filter: Filter, after: Option<Position>) -> Response {
    let lines = stream::try_unfold(Some(after), move |after| {
        let (app, filter) = (Arc::clone(&app), filter.clone());
        async move {
            let Some(after) = after else { return Ok::<_, store::StoreError>(None) };
            let batch = audit_events::list(&app.db, tenant, &filter, after, EXPORT_BATCH).await?;
            let Some(last) = batch.last().map(StoredEvent::position) else { return Ok(None) };
            let mut lines = Vec::new();
            for event in batch {
                serde_json::to_writer(&mut lines, &AuditLogEvent::from(event)).unwrap_or_default();
                lines.push(b'\n');
            }
            Ok(Some((lines, Some(Some(last)))))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, JSON_LINES),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"audit-log.jsonl\"")),
    ];
    (headers, Body::from_stream(lines)).into_response()
}
