//! Marks tokens whose answers were lost and deletes codes that no one received, ten times a second while the database
//! answers.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::{lost_answers, lost_starts};
use crate::store;
use crate::store::connections::unattended;

const EVERY: Duration = Duration::from_millis(100);
const AFTER_FAILURE: Duration = Duration::from_secs(1);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        let stopping = stop.is_cancelled();
        let pause = match unattended(settle(&app)).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "lost answers not marked; will retry");
                AFTER_FAILURE
            }
        };
        if stopping {
            app.note_unwritten(pause == AFTER_FAILURE);
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn settle(app: &App) -> store::Result<()> {
    let marked = lost_answers::mark(app).await?;
    metrics::counter!("latchkey_lost_answers_total").increment(marked as u64);
    let discarded = lost_starts::discard(app).await?;
    metrics::counter!("latchkey_lost_starts_total").increment(discarded as u64);
    Ok(())
}
