//! Listening, and stopping so that nobody is cut off in the middle of an answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{answer, router};
use crate::app::App;
use crate::background::{self, TaskEnded};

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    app: Arc<App>,
}

impl Server {
    /// Takes the address in `server.listen`; port 0 takes any free one.
    pub async fn bind(app: Arc<App>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(app.config.server.listen).await?;
        Ok(Self { listener, app })
    }

    /// A server on a listener that somebody else has opened.
    #[must_use]
    pub fn on(listener: TcpListener, app: Arc<App>) -> Self {
        Self { listener, app }
    }

    /// The address it listens on.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is cancelled; then takes no more, and waits for what is under way. The background
    /// tasks run beside it and a little longer; should one of them end by itself, so does the server.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskEnded> {
        let answered = CancellationToken::new();
        let tasks = background::run(Arc::clone(&self.app), answered.clone());
        let answering = async {
            self.answer_all(stop).await;
            answered.cancel();
        };
        tokio::pin!(tasks);
        tokio::select! {
            ended = &mut tasks => ended,
            () = answering => tasks.await,
        }
    }

    async fn answer_all(self, stop: CancellationToken) {
        let router = router(&self.app);
        let settings = &self.app.config.server;
        let http = http(settings.max_header_bytes, Duration::from_secs(settings.header_timeout_seconds));
        let open = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.attend(stream, peer.ip(), &router, &http, &open),
                Err(error) => {
                    // Out of file descriptors, most likely; asking again at once would only burn a core.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        self.app.stopping.cancel();
        let grace = Duration::from_secs(settings.shutdown_grace_seconds);
        if tokio::time::timeout(grace, open.shutdown()).await.is_err() {
            tracing::warn!("some requests were still under way and were cut off");
        }
    }

    fn attend(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        router: &Router,
        http: &Builder<TokioExecutor>,
        open: &GracefulShutdown,
    ) {
        // Answers are small and complete; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let (app, router) = (Arc::clone(&self.app), router.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (app, router) = (Arc::clone(&app), router.clone());
            async move {
                Ok::<_, std::convert::Infallible>(answer(&app, &router, peer, request.map(Body::new)).await)
            }
        });
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service).into_owned());
        #[expect(clippy::disallowed_methods, reason = "a connection lives as long as its peer wants")]
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        });
    }
}

fn http(max_header_bytes: usize, header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(max_header_bytes);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30));
    http
}
