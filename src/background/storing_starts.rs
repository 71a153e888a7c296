//! Stores device sessions that wait to be stored.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// While one statement is under way, another can be.
pub(super) const WRITERS: usize = 2;

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            // Requests are answered before tasks are stopped, so nothing waits any more by then.
            biased;
            () = app.start_queue.store_next(&app.db) => {}
            () = stop.cancelled() => break,
        }
    }
}
