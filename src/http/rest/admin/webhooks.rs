//! `/admin/webhooks`: who is told of what happens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::domain::webhooks::{self as domain, WebhookError};
use crate::http::json::no_store;
use crate::http::rest::admin::deeds::FreshAdmin;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor};
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::BodyProblems;
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::model::ids::WebhookId;
use crate::model::webhook::Webhook;
use crate::store::webhooks;

/// A webhook: an endpoint that receives audit events (Standard Webhooks 1.0), without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookBody {
    /// Webhook ID.
    id: Uuid,
    /// URL that receives the events.
    #[schema(example = "https://example.com/hooks/latchkey")]
    url: String,
    /// Audit actions it subscribes to; empty means all.
    #[schema(example = json!(["device_authorization.approved"]))]
    actions: Vec<String>,
    /// Whether it receives events; false after it answered 410 Gone.
    enabled: bool,
    /// Time until which deliveries are paused after failed attempts; pending deliveries wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<DateTime<Utc>>,
}

/// List webhooks
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// Webhooks, oldest first.
    webhooks: Vec<WebhookBody>,
}

/// A new webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedWebhook {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// Signing secret (Standard Webhooks); returned only once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Public https URL that receives the events, without credentials or fragment.
    #[schema(example = "https://example.com/hooks/latchkey")]
    url: String,
    /// Audit actions to subscribe to, at most 64; empty means all.
    #[serde(default)]
    #[schema(max_items = 64, example = json!(["device_authorization.approved"]))]
    actions: Vec<String>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, tenant_id: _, url, actions, enabled, held_until } = webhook;
        Self { id: id.0, url: url.into(), actions, enabled, held_until }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::UnfitUrl(unfit) => Self::invalid_field("url", unfit.to_string()),
            WebhookError::UnknownAction(_) | WebhookError::TooManyActions => {
                Self::invalid_field("actions", error.to_string())
            }
            WebhookError::TooMany(_) => Self::new(
                StatusCode::CONFLICT,
                "too_many_webhooks",
                error.to_string(),
                "Delete a webhook or raise webhooks.per_tenant.",
            ),
            WebhookError::Store(error) => error.into(),
        }
    }
}

/// List webhooks
#[utoipa::path(
    get,
    path = "/admin/webhooks",
    operation_id = "v1_admin_webhooks_list",
    responses((status = 200, description = "The webhooks", body = WebhookList))
)]
pub async fn list(State(app): State<Arc<App>>, Auditor(caller): Auditor) -> Result<Response, Problem> {
    let all = webhooks::all(&app.db, caller.tenant.id).await?;
    Ok(no_store(WebhookList { webhooks: all.into_iter().map(WebhookBody::from).collect() }).into_response())
}

/// Create a webhook
///
/// The secret that signs its deliveries is returned only once. Requires a recent sign-in.
#[utoipa::path(
    post,
    path = "/admin/webhooks",
    operation_id = "v1_admin_webhooks_create",
    request_body = CreateWebhook,
    responses(
        (status = 201, description = "The webhook", body = CreatedWebhook),
        (status = 409, description = "`too_many_webhooks`", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    JsonBody(new): JsonBody<CreateWebhook>,
) -> Result<Response, Problem> {
    let url = Url::parse(&new.url).map_err(|error| Problem::invalid_field("url", error.to_string()))?;
    let (webhook, secret) = domain::create(&app, caller.tenant.id, url, new.actions, &caller.by()).await?;
    let created = CreatedWebhook { webhook: webhook.into(), secret: secret.to_string() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], axum::Json(created)).into_response())
}

/// Delete a webhook
///
/// Pending deliveries are canceled.
#[utoipa::path(
    delete,
    path = "/admin/webhooks/{id}",
    operation_id = "v1_admin_webhooks_delete",
    params(("id" = Uuid, Path, description = "Webhook ID")),
    responses((status = 204, description = "Deleted"))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    if domain::delete(&app, caller.tenant.id, WebhookId(id), &caller.by()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(
            StatusCode::NOT_FOUND,
            "webhook_not_found",
            "Webhook not found.",
            "List the webhooks with GET /admin/webhooks.",
        ))
    }
}
