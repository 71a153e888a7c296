//! Guards that nobody has tested lately: whatever was spent is given back long since.

use super::{Chore, days_ago};
use crate::app::App;
use crate::model::known_browser;
use crate::store;
use crate::store::attempt_budgets;

pub const CHORE: Chore = Chore { name: "attempt_budgets", clear_batch: |app| Box::pin(clear(app)) };

/// How long they are kept, in days. Only rows of wrong attempts take longer to be forgotten.
const REST_DAYS: u32 = 2;

async fn clear(app: &App) -> store::Result<u64> {
    let rows_before = app.clock.now() - known_browser::LIFETIME;
    let rest = days_ago(app, REST_DAYS);
    let budgets = attempt_budgets::delete_untouched(&app.db, rest, rows_before).await?;
    Ok(budgets + attempt_budgets::delete_lapsed(&app.db, rest).await?)
}
