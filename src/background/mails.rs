//! Sends mail that lies in the database. Several servers may do so at once: each message is taken by one of them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::mail;

const EVERY: Duration = Duration::from_secs(3);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = mail::send_due(&app).await {
            tracing::warn!(%error, "email delivery postponed");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
