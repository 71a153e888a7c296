//! Writes polls to the database, a little fifty times a second, and all that is left when the server stops.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::device_flow::bookkeeping::write_polls;
use crate::store;

const EVERY: Duration = Duration::from_millis(20);
const TIMES_A_SECOND: usize = 50;
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The most rows in one statement.
const MAX_BATCH: usize = 1_000;

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    // In small portions, so that nobody waits behind a large one.
    let budget = app.config.sessions.bookkeeping_rows_per_second.div_ceil(TIMES_A_SECOND);
    loop {
        let stopping = stop.is_cancelled();
        if stopping {
            app.sessions.line_up_all();
        }
        let outcome = write(&app, if stopping { usize::MAX } else { budget }).await;
        let failed = outcome.is_err();
        let pause = if failed { AFTER_FAILURE } else { EVERY };
        if let Err(error) = outcome {
            tracing::warn!(%error, "poll counts not saved; will retry");
        }
        if stopping {
            app.note_unwritten(failed);
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn write(app: &App, budget: usize) -> store::Result<()> {
    let mut left = budget;
    while left > 0 {
        let written = write_polls(app, left.min(MAX_BATCH)).await?;
        if written == 0 {
            break;
        }
        metrics::counter!("latchkey_poll_rows_written_total").increment(written as u64);
        left = left.saturating_sub(written);
    }
    Ok(())
}
