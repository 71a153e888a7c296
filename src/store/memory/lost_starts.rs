//! Starts that were refused because the database did not answer, and may be stored all the same. No one has their codes,
//! so they are deleted as soon as the database answers, and count against no quota.
//!
//! What this server knows is lost with it; then they are deleted after their lifetime.

use std::sync::Arc;

use tokio::time::Instant;

use super::looks::Looks;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store::sending::Sending;

/// Starts that wait to be deleted.
#[derive(Debug, Default)]
pub struct LostStarts(pub Looks<(TenantId, DeviceAuthorizationId)>);

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
