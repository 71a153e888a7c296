//! Clears away what nobody needs any more: a task for each chore, once a minute. Several servers may do so at once:
//! each batch is taken by one of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::housekeeping::Chore;
use crate::store::connections::unattended;

const EVERY: Duration = Duration::from_mins(1);
/// The most batches before a chore says what it has done.
const MAX_BATCHES: usize = 100;

/// What is left after a go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing, or nothing that can be done now.
    Nothing,
    More,
}

pub(super) async fn run(app: Arc<App>, chore: Chore, stop: CancellationToken) {
    while !stop.is_cancelled() {
        rest(EVERY, &stop).await;
        while clear(&app, chore, &stop).await == Left::More && !stop.is_cancelled() {}
    }
}

/// Clears away what there is, and tells of it. After each batch it rests as long as the batch took, so that it never
/// keeps the database busy for more than half the time.
async fn clear(app: &App, chore: Chore, stop: &CancellationToken) -> Left {
    let (mut total, mut left) = (0, Left::More);
    for _ in 0..MAX_BATCHES {
        let begin = Instant::now();
        match unattended(chore.clear_batch(app)).await {
            Ok(0) => left = Left::Nothing,
            Ok(rows) => total += rows,
            Err(error) => {
                tracing::warn!(%error, task = chore.name, "housekeeping postponed");
                metrics::counter!("latchkey_housekeeping_failures_total", "chore" => chore.name).increment(1);
                left = Left::Nothing;
            }
        }
        if left == Left::Nothing || stop.is_cancelled() {
            break;
        }
        rest(begin.elapsed(), stop).await;
    }
    if total > 0 {
        metrics::counter!("latchkey_housekeeping_rows_total", "chore" => chore.name).increment(total);
        tracing::info!(task = chore.name, rows = total, "expired rows deleted");
    }
    left
}

async fn rest(span: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        () = stop.cancelled() => {}
    }
}
