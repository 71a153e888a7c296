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
/// The minimum time between two equal log lines.
const TELL_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let listening = async {
        let mut told: Option<Instant> = None;
        loop {
            let mut moves = app.hosts.moves();
            tokio::select! {
                () = listen_until_lost(&app, &mut told) => {}
                // Announcements now arrive on another host.
                _ = moves.changed() => distrust(&app),
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = listening => {}
        () = stop.cancelled() => {}
    }
}

/// Listens until the connection is lost. `told`: when the log last said so.
async fn listen_until_lost(app: &App, told: &mut Option<Instant>) {
    let Ok(ear) = app.reachability.observe(Ear::open(&app.db).await) else { return };
    let lost = listen(app, ear).await.err().map(|error| error.to_string());
    if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
        tracing::warn!(error = lost, "notification listener disconnected; polls read the database");
        *told = Some(Instant::now());
    }
    distrust(app);
}

/// Trusts nothing that is cached, and assumes the database to be away before anyone reads from it: most likely it is.
fn distrust(app: &App) {
    app.reachability.doubt();
    app.sessions.distrust();
    app.cached.distrust();
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
