//! Moves signing keys on, once a minute, and closes those that sign no more.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::signing_keys::{advance, forget_retired};

const EVERY: Duration = Duration::from_mins(1);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => break,
        }
        if let Err(error) = advance::advance(&app).await {
            tracing::warn!(%error, "signing key rotation failed; will retry");
        }
        if let Err(error) = forget_retired(&app).await {
            tracing::warn!(%error, "retired signing keys not unloaded");
        }
    }
}
