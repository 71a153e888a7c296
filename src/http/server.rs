//! Listening, and stopping so that nobody is cut off in the middle of an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
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
        let connections = Connections::new("main", settings, self.app.room);
        let app = Arc::clone(&self.app);
        let answering = move |request, peer| answer(Arc::clone(&app), router.clone(), peer, request);
        connections.take_all(self.listener, &stop, answering).await;
        self.app.stopping.cancel();
        if !connections.close_all(Duration::from_secs(settings.shutdown_grace_seconds)).await {
            tracing::warn!("shutdown grace period ended; open requests aborted");
        }
    }
}
