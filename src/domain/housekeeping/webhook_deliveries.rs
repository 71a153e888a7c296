//! Webhook messages that arrived long ago, were given up, or have waited for too long.

use super::{Chore, days_ago};
use crate::app::App;
use crate::model::webhook::MESSAGE_LIFETIME;
use crate::store::{self, webhook_deliveries};

pub const CHORE: Chore = Chore { name: "webhook_deliveries", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    let given_up = webhook_deliveries::give_up_old(&app.db, app.clock.now() - MESSAGE_LIFETIME).await?;
    let before = days_ago(app, app.config.webhooks.deliveries_days);
    Ok(given_up + webhook_deliveries::delete_over(&app.db, before).await?)
}
