//! Watches which host of the database takes writes.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::App;

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let _ = stop.run_until_cancelled(app.hosts.watch(&app.db)).await;
}
