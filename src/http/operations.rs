//! The listener for operators: `/metrics` (Prometheus) and `/health`, where the public does not come.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::connections::{Answered, Connections, Peer};
use super::fit::{self, names_its_host};
use super::{health, oauth_endpoint_error};
use crate::app::App;
use crate::descriptors::Room;
use crate::domain::oauth_error::OAuthError;

/// The connections that this listener has for itself.
const ROOM: Room = Room { connections: 64, reserve: 8, waiting_polls: 0 };
/// How long a stop waits for a request under way.
const GRACE: Duration = Duration::from_secs(2);

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
    let connections = Connections::new("operations", &app.config.server, ROOM);
    let router = Router::new().route("/metrics", get(show)).merge(health::router()).with_state(app);
    let answering = move |request: Request<Body>, peer: Peer| {
        let router = router.clone();
        async move {
            let unfit = match peer.unreadable {
                Some(why) => Some(fit::unreadable(why)),
                None if names_its_host(&request) => None,
                None => Some(OAuthError::invalid_request("The request does not name its host.")),
            };
            if let Some(error) = unfit {
                return Answered::Now(
                    (oauth_endpoint_error::status(error.code), error.description).into_response(),
                );
            }
            let Ok(response) = router.oneshot(request).await;
            Answered::Now(response)
        }
    };
    connections.take_all(listener, &stop, answering).await;
    connections.close_all(GRACE).await;
}

async fn show() -> Response {
    FIGURES.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], FIGURES.render()).into_response()
}
