//! `/health`: liveness and readiness endpoints.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::json::no_store;
use super::within::within;
use crate::app::App;
use crate::domain::clock_difference;
use crate::store::connections::{self, MayWrite};
use crate::store::{StoreError, schema};

pub fn router() -> Router<Arc<App>> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

/// The process answers; nothing else is asked.
async fn live() -> Response {
    no_store(json!({"status": "live"}))
}

/// The database answers, takes writes, and its schema is one that this program can use.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let asking = async {
        let is_current = app.reachability.observe(schema::is_current(&app.db).await)?;
        Ok((is_current, takes_writes(&app).await))
    };
    let asked = within(app.config.database.acquire_timeout(), asking).await;
    match asked.unwrap_or(Err(StoreError::TookTooLong)) {
        Ok((true, true)) => no_store(json!({"status": "ready", "warnings": warnings(&app)})),
        Ok((true, false)) => not_ready("the database is read-only"),
        Ok((false, _)) => not_ready("migrations are pending"),
        Err(error) => {
            tracing::warn!(%error, "readiness check failed");
            not_ready("the database is unreachable")
        }
    }
}

/// Whether anything could be stored now. A standby answers, but stores nothing.
async fn takes_writes(app: &App) -> bool {
    connections::may_write(&app.db).await.is_ok_and(|may| may == MayWrite::Yes)
}

/// What operators must know although the server serves.
fn warnings(app: &App) -> Vec<String> {
    let sealing = app.audit_sealing.concerns(app.clock.now());
    let unlisted = app.unlisted_proxy.get().map(|peer| {
        format!(
            "{peer} sends forwarding headers but is not in server.trusted_proxies: all clients appear to \
             have its address"
        )
    });
    let concerns = sealing.iter().map(ToString::to_string);
    concerns.chain(unlisted).chain(app.geo.troubles()).chain(clock_difference::concern(app)).collect()
}

fn not_ready(reason: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, no_store(json!({"status": "not ready", "reason": reason})))
        .into_response()
}
