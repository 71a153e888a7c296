//! Hears what other servers announce. While nothing can be heard, nothing remembered is trusted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store;
use crate::store::announcements::{Announcement, Ear};

/// How long to wait before the next attempt to listen.
const RETRY: Duration = Duration::from_millis(200);
/// How often the log says the same.
const TELL_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let listening = async {
        let mut told: Option<Instant> = None;
        loop {
            let mut moves = app.hosts.moves();
            tokio::select! {
                ended = listen(&app) => if let Err(error) = ended
                    && told.is_none_or(|told| told.elapsed() >= TELL_EVERY)
                {
                    tracing::warn!(%error, "notification listener disconnected; polls read the database");
                    told = Some(Instant::now());
                },
                // Whatever happens now happens on another host.
                _ = moves.changed() => {}
            }
            app.sessions.distrust();
            app.cached.distrust();
            tokio::time::sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = listening => {}
        () = stop.cancelled() => {}
    }
}

/// Listens until the connection is lost.
async fn listen(app: &App) -> store::Result<()> {
    let mut ear = Ear::open(&app.db).await?;
    app.sessions.trust();
    app.cached.trust();
    while let Some(announcement) = ear.hear().await? {
        match announcement {
            Announcement::Decided(code) => app.sessions.decided(&code),
            Announcement::Raised(code, interval_seconds) => app.sessions.raised(&code, interval_seconds),
            Announcement::DirectoryChanged => app.cached.renew(),
        }
    }
    Ok(())
}
