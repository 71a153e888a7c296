//! Hears what other servers announce. While nothing can be heard, nothing remembered is trusted.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store;
use crate::store::announcements::{Announcement, Ear};

/// How long to wait before the next attempt to listen.
const RETRY: Duration = Duration::from_millis(200);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let listening = async {
        loop {
            if let Ok(ear) = app.reachability.observe(Ear::open(&app.db).await) {
                let lost = listen(&app, ear).await.err().map(|error| error.to_string());
                tracing::warn!(error = lost, "notification listener disconnected; polls read the database");
                // Before anybody reads what is not trusted any more: most likely the database is away.
                app.reachability.doubt();
                app.sessions.distrust();
                app.cached.distrust();
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = listening => {}
        () = stop.cancelled() => {}
    }
}

/// Listens until the connection is lost.
async fn listen(app: &App, mut ear: Ear) -> store::Result<()> {
    app.reachability.confirm();
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
