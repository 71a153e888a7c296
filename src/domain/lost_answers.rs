//! Marks the devices whose answers with tokens were lost
//! ([`LostAnswers`](crate::store::memory::lost_answers::LostAnswers)).

use tokio::time::Instant;

use crate::app::App;
use crate::store;
use crate::store::batches::by_tenant;
use crate::store::refresh_tokens::unanswered;

/// Marks what waits. Returns the number of generations that are settled: marked, or not to be marked. All wait on if the
/// database does not answer.
pub async fn mark(app: &App) -> store::Result<usize> {
    let (waiting, now) = (&app.lost_answers.waiting, Instant::now());
    let mut count = 0;
    for (tenant, of_tenant) in by_tenant(waiting.due(now), |lost| lost.tenant) {
        let settled = unanswered::mark(&app.db, tenant, &of_tenant).await?;
        count += settled.len();
        waiting.looked_for(&of_tenant, now, |lost| settled.contains(lost));
    }
    Ok(count)
}
