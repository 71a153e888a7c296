//! Writes the refunds of attempts that cost nothing ([`Settlements`](crate::store::memory::settlements::Settlements)).

use crate::app::App;
use crate::store::memory::settlements::given_back;
use crate::store::{self, attempt_budgets, batches};

/// Refunds what waits, many at a time, with one statement for each tenant.
///
/// # Errors
/// Those of the statements. What could not be written stays queued.
pub async fn write(app: &App) -> store::Result<()> {
    loop {
        let now = app.clock.now();
        let oldest = app.settlements.oldest(now);
        if oldest.is_empty() {
            return Ok(());
        }
        for (tenant, settlements) in batches::by_tenant(oldest, |settlement| settlement.tenant) {
            let back = given_back(&settlements);
            attempt_budgets::give_back(&app.db, tenant, &back, now).await?;
            app.settlements.are_written(tenant, &back);
        }
    }
}
