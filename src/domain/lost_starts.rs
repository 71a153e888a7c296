//! Deletes the starts that no one received ([`LostStarts`](crate::store::memory::lost_starts::LostStarts)).

use tokio::time::Instant;

use crate::app::App;
use crate::store;
use crate::store::batches::by_tenant;
use crate::store::device_authorizations::starts;

/// Deletes what waits. Returns the number of starts deleted. All stay queued if the database does not answer.
pub async fn discard(app: &App) -> store::Result<usize> {
    let (waiting, now) = (&app.lost_starts.0, Instant::now());
    let mut count = 0;
    for (tenant, of_tenant) in by_tenant(waiting.due(now), |(tenant, _)| *tenant) {
        let ids: Vec<_> = of_tenant.iter().map(|(_, id)| *id).collect();
        let discarded = starts::discard(&app.db, tenant, &ids).await?;
        count += discarded.len();
        waiting.looked_for(&of_tenant, now, |(_, id)| discarded.contains(id));
    }
    Ok(count)
}
