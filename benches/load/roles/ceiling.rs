//! The ceiling: the smallest server on the same libraries that reads the same form and gives the same answer to a
//! pending poll. It keeps nothing and decides nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::say;
use crate::Fault;
use crate::child::Listening;

const PENDING: &str =
    r#"{"error":"authorization_pending","error_description":"The user has not decided yet."}"#;

/// Serves until `stop` is cancelled, over connections that are set up like the product's.
pub(crate) async fn run(stop: CancellationToken) -> Result<(), Fault> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    say(&Listening { address: listener.local_addr()? })?;
    let router = Router::new().route("/oauth/token", post(token));
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(5)).max_buf_size(16_384);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = stop.cancelled() => return Ok(()),
        };
        stream.set_nodelay(true)?;
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            async move { router.oneshot(request.map(Body::new)).await.map_err(|never: Infallible| never) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
        connections.spawn(async move { connection.await.is_ok() });
    }
}

async fn token(body: Bytes) -> Response {
    let (mut grant_type, mut client_id, mut device_code) = (None, None, None);
    for (name, value) in url::form_urlencoded::parse(&body) {
        match &*name {
            "grant_type" => grant_type = Some(value),
            "client_id" => client_id = Some(value),
            "device_code" => device_code = Some(value),
            _ => {}
        }
    }
    if grant_type.is_none() || client_id.is_none() || device_code.is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "allow,dpop-nonce,etag,preference-applied,retry-after,www-authenticate,x-request-id",
        ),
        (HeaderName::from_static("keep-alive"), "timeout=75"),
        (HeaderName::from_static("x-request-id"), "019aabcd-0000-7000-8000-000000000000"),
    ];
    (StatusCode::BAD_REQUEST, headers, PENDING).into_response()
}
