//! Webhook messages that arrived long ago, or were given up.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store::{self, webhook_deliveries};

/// The chore.
pub const CHORE: Chore = Chore { name: "webhook_deliveries", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    let before = days_ago(app, app.config.webhooks.deliveries_days);
    webhook_deliveries::delete_over(&app.db, before).await
}
