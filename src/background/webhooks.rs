//! Sends webhook messages as they become due and slots are free.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::webhooks::deliver::Sending;

/// How often it looks for messages when there was nothing to send.
const EVERY: Duration = Duration::from_secs(1);
/// How long it collects free slots before it looks for more messages.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut sending = Sending::default();
    while !stop.is_cancelled() {
        let begun = sending.begin_due(&app).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "webhook delivery postponed");
            0
        });
        let pause = if begun > 0 { PAUSE } else { EVERY };
        tokio::select! {
            () = finish_some(&mut sending, pause) => {}
            () = stop.cancelled() => {}
        }
    }
    // What was begun is finished.
    while !sending.is_empty() {
        finish(&mut sending).await;
    }
}

/// Waits until messages were sent, and for those that follow at once; at most until `pause` is over where there are none.
async fn finish_some(sending: &mut Sending, pause: Duration) {
    let Ok(()) = tokio::time::timeout(pause, wait_for_one(sending)).await else { return };
    let rest = tokio::time::sleep(PAUSE);
    tokio::pin!(rest);
    loop {
        tokio::select! {
            () = wait_for_one(sending) => {}
            () = &mut rest => return,
        }
    }
}

/// Waits for the end of a message, for ever if there is none under way.
async fn wait_for_one(sending: &mut Sending) {
    if sending.is_empty() {
        std::future::pending::<()>().await;
    }
    finish(sending).await;
}

async fn finish(sending: &mut Sending) {
    if let Err(error) = sending.finish_one().await {
        tracing::warn!(%error, "webhook delivery outcome not stored; will retry");
    }
}
