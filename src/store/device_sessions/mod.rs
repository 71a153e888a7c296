//! `device_sessions`, told by what happens to them: they are started, polled, opened, decided, redeemed, and in the end deleted.

pub mod decisions;
pub mod endings;
pub mod memory;
pub mod openings;
pub mod owners;
pub mod pending_counts;
pub mod polls;
pub mod redemptions;
pub mod starts;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::model::device_session::{Approval, Authentication, DeviceSession, State};
use crate::model::ids::{ClientId, DeviceSessionId, TenantId, UserId};

/// The columns of a [`DeviceSession`].
struct SessionRow {
    id: Uuid,
    client_id: String,
    expires_at: DateTime<Utc>,
    state: String,
    decided_at: Option<DateTime<Utc>>,
    decided_by_user_id: Option<Uuid>,
    granted_scopes: Option<Vec<String>>,
    auth_time: Option<DateTime<Utc>>,
    amr: Option<Vec<String>>,
    consumed_at: Option<DateTime<Utc>>,
}

impl SessionRow {
    fn into_session(self, tenant_id: TenantId) -> DeviceSession {
        let state = match (self.state.as_str(), self.consumed_at) {
            ("consumed", Some(at)) => State::Consumed { at },
            ("approved", _) => match self.approval() {
                Some(approval) => State::Approved(approval),
                // The table's check makes this impossible; refusing is the safe reading.
                None => State::Denied,
            },
            ("pending", _) => State::Pending,
            _ => State::Denied,
        };
        DeviceSession {
            id: DeviceSessionId(self.id),
            tenant_id,
            client_id: ClientId::from_known(self.client_id),
            expires_at: self.expires_at,
            state,
        }
    }

    fn approval(&self) -> Option<Approval> {
        Some(Approval {
            user_id: UserId(self.decided_by_user_id?),
            scopes: self.granted_scopes.clone()?.into_iter().collect(),
            at: self.decided_at?,
            authentication: Authentication { auth_time: self.auth_time?, amr: self.amr.clone()? },
        })
    }
}
