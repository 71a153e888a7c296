//! Clears away what nobody needs any more, once a minute. Several servers may do so at once: each batch is taken
//! by one of them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::housekeeping::{Chore, clear_away};

const EVERY: Duration = Duration::from_mins(1);
/// The most statements for one chore in one go.
const MAX_ROUNDS: usize = 20;

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => break,
        }
        for chore in Chore::ALL {
            do_chore(&app, chore).await;
        }
    }
}

async fn do_chore(app: &App, chore: Chore) {
    let mut total = 0;
    for _ in 0..MAX_ROUNDS {
        match clear_away(app, chore).await {
            Ok(0) => break,
            Ok(rows) => total += rows,
            Err(error) => {
                tracing::warn!(%error, chore = chore.as_str(), "housekeeping was put off");
                break;
            }
        }
    }
    if total > 0 {
        metrics::counter!("latchkey_housekeeping_rows_total", "chore" => chore.as_str()).increment(total);
        tracing::info!(chore = chore.as_str(), rows = total, "cleared away");
    }
}
