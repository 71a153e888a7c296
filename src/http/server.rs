//! The listener, with graceful shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::{answer, router};
use crate::app::App;
use crate::background::{self, TaskEndedError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Everything that was begun was finished.
    Completely,
    /// Something was given up, because the grace period was over.
    GaveUp,
}

/// The part of the grace period that is reserved for the background tasks, which write what requests have left.
fn kept_for_tasks(grace: Duration) -> Duration {
    (grace / 4).min(Duration::from_secs(2))
}

/// Returns the end of the grace period, which begins when `stop` is cancelled.
async fn deadline(stop: &CancellationToken, grace: Duration) -> Instant {
    stop.cancelled().await;
    Instant::now() + grace
}

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    app: Arc<App>,
    /// The part of the grace period that is not its own.
    left: Duration,
}

impl Server {
    /// Takes the address in `server.listen`; port 0 takes any free one.
    pub async fn bind(app: Arc<App>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(app.config.server.listen).await?;
        Ok(Self::on(listener, app))
    }

    /// A server on a listener that somebody else has opened.
    #[must_use]
    pub fn on(listener: TcpListener, app: Arc<App>) -> Self {
        Self { listener, app, left: Duration::ZERO }
    }

    /// The same, which leaves this much of the grace period to what is stopped after it.
    #[must_use]
    pub fn leaving(self, left: Duration) -> Self {
        Self { left, ..self }
    }

    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is cancelled; then takes no more, and waits for what is under way. The background
    /// tasks run beside it and a little longer; should one of them end by itself, so does the server. What has not
    /// ended within `server.shutdown_grace_seconds` is given up.
    pub async fn run(self, stop: CancellationToken) -> Result<Stopped, TaskEndedError> {
        let app = Arc::clone(&self.app);
        let answered = CancellationToken::new();
        let grace = Duration::from_secs(self.app.config.server.shutdown_grace_seconds);
        let grace = grace.saturating_sub(self.left);
        let tasks = background::run(Arc::clone(&self.app), answered.clone());
        let answering = async {
            let for_requests = grace.saturating_sub(kept_for_tasks(grace));
            let ended = tokio::join!(self.answer_all(stop.clone(), for_requests), deadline(&stop, grace));
            answered.cancel();
            ended
        };
        tokio::pin!(tasks);
        let (all_answered, deadline) = tokio::select! {
            ended = &mut tasks => return ended.map(|()| Stopped::Completely),
            answered = answering => answered,
        };
        let Ok(ended) = timeout_at(deadline, tasks).await else {
            tracing::warn!("shutdown grace period ended; background tasks aborted");
            return Ok(Stopped::GaveUp);
        };
        ended?;
        Ok(if all_answered && !app.has_left_something_unwritten() {
            Stopped::Completely
        } else {
            Stopped::GaveUp
        })
    }

    /// Returns `false` if requests under way were aborted.
    async fn answer_all(self, stop: CancellationToken, grace: Duration) -> bool {
        let router = router(&self.app);
        let settings = &self.app.config.server;
        let connections = Connections::new("main", settings, self.app.room);
        let app = Arc::clone(&self.app);
        let answering = move |request, peer| answer(Arc::clone(&app), router.clone(), peer, request);
        connections.take_all(self.listener, &stop, answering).await;
        self.app.stopping.cancel();
        let all_answered = connections.close_all(grace).await;
        if !all_answered {
            tracing::warn!("shutdown grace period ended; open requests aborted");
        }
        all_answered
    }
}
