//! Checks whether the database is away as soon as a call raises doubt, and when it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::reachability::answers;

const PAUSE: Duration = Duration::from_millis(200);
/// How long the database may take to answer; over a network that drops packets a second is not enough.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let watching = async {
        loop {
            app.reachability.doubted().await;
            find(&app).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = stop.cancelled() => {}
    }
}

/// Asks until the database answers.
async fn find(app: &App) {
    let mut away_since = None;
    while !answers(&app.db, PATIENCE).await {
        app.lost_answers.note_trouble(app.clock.now());
        if away_since.is_none() {
            away_since = Some(Instant::now());
            tracing::warn!("database unreachable; pending polls answered from cache");
        }
        metrics::gauge!("latchkey_database_reachable").set(0.0);
        tokio::time::sleep(PAUSE).await;
    }
    metrics::gauge!("latchkey_database_reachable").set(1.0);
    app.reachability.confirm();
    if let Some(since) = away_since {
        tracing::info!(seconds = since.elapsed().as_secs(), "database reachable again");
    }
}
