//! The listener for operators: `/metrics` (Prometheus) and `/health`, where the public does not come.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::health;
use crate::app::App;

/// Where all figures of the process come together.
static FIGURES: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // Only fails when there is a recorder already, and this is the one place that sets one.
    let _ = metrics::set_global_recorder(recorder);
    handle
});

/// Answers on `listener` until `stop` is cancelled.
pub async fn run(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    LazyLock::force(&FIGURES);
    let router = Router::new().route("/metrics", get(show)).merge(health::router()).with_state(app);
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = serving.await {
        tracing::error!(%error, "the operations listener failed");
    }
}

async fn show() -> Response {
    FIGURES.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], FIGURES.render()).into_response()
}
