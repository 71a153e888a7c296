//! Starts that were refused because the database did not answer, and may be stored all the same. No one has their codes,
//! so they are deleted as soon as the database answers, and count against no quota.
//!
//! What this server knows is lost with it; then they are deleted after their lifetime.

use std::sync::Arc;

use tokio::time::Instant;

use super::looks::Looks;
use crate::app::App;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store;
use crate::store::batches::by_tenant;
use crate::store::device_authorizations::starts;
use crate::store::sending::Sending;

/// Starts that wait to be deleted.
#[derive(Debug, Default)]
pub struct LostStarts(Looks<(TenantId, DeviceAuthorizationId)>);

impl LostStarts {
    /// Watches a start that is about to be stored.
    #[must_use]
    pub fn watch(self: &Arc<Self>, tenant: TenantId, id: DeviceAuthorizationId, sending: Sending) -> Start {
        Start { lost: Arc::clone(self), watched: Some((tenant, id, sending)) }
    }
}

/// A start under way. Dropped before it is settled, it is lost, if its statement was sent.
#[derive(Debug)]
pub struct Start {
    lost: Arc<LostStarts>,
    watched: Option<(TenantId, DeviceAuthorizationId, Sending)>,
}

impl Start {
    /// Notes that it is known whether it is stored.
    pub fn settle(mut self) {
        self.watched = None;
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        if let Some((tenant, id, sending)) = self.watched.take()
            && sending.give_up().is_some()
        {
            self.lost.0.add((tenant, id), Instant::now());
        }
    }
}

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
