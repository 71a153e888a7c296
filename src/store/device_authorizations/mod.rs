//! `device_authorizations`, told by what happens to them: they are started, polled, opened, decided,
//! confirmed, redeemed, and in the end deleted.

pub mod confirmations;
pub mod decisions;
pub mod endings;
pub mod listings;
pub mod memory;
pub mod openings;
pub mod owners;
pub mod pending_counts;
pub mod polls;
pub mod redemptions;
pub mod sources;
pub mod starts;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::model::device_authorization::{Approval, Authentication, Consumption, DeviceAuthorization, State};
use crate::model::ids::{ClientId, DeviceAuthorizationId, TenantId, UserId};
use crate::store::Result;
use crate::store::inconsistent::RowOf;

/// What is stored of a user code's MAC. Half of it is as good to find a code by, and half as large in the index (FIPS
/// 198-1 §5 on truncated output).
fn stored_half(mac: &[u8; 32]) -> &[u8] {
    &mac[..16]
}

/// The columns of a [`DeviceAuthorization`].
struct SessionRow {
    id: Uuid,
    client_id: String,
    dpop_jkt: Option<Vec<u8>>,
    expires_at: DateTime<Utc>,
    state: String,
    decided_at: Option<DateTime<Utc>>,
    decided_by_user_id: Option<Uuid>,
    granted_scopes: Option<Vec<String>>,
    auth_time: Option<DateTime<Utc>>,
    amr: Option<Vec<String>>,
    trusted: bool,
    chosen_lifetime_seconds: Option<i32>,
    consumed_at: Option<DateTime<Utc>>,
}

/// Takes the columns of a device authorization out of a row that has them by their names.
macro_rules! session_row {
    ($row:expr) => {
        crate::store::device_authorizations::SessionRow {
            id: $row.id,
            client_id: $row.client_id,
            dpop_jkt: $row.dpop_jkt,
            expires_at: $row.expires_at,
            state: $row.state,
            decided_at: $row.decided_at,
            decided_by_user_id: $row.decided_by_user_id,
            granted_scopes: $row.granted_scopes,
            auth_time: $row.auth_time,
            amr: $row.amr,
            trusted: $row.trusted,
            chosen_lifetime_seconds: $row.chosen_lifetime_seconds,
            consumed_at: $row.consumed_at,
        }
    };
}
use session_row;

impl SessionRow {
    fn into_session(self, tenant_id: TenantId) -> Result<DeviceAuthorization> {
        let row = RowOf::new("device_authorizations", self.id);
        let state = match (self.state.as_str(), self.approval(&row)?, self.consumed_at) {
            ("consumed", Some(approval), Some(at)) => Some(State::Consumed(Consumption { approval, at })),
            ("approved", Some(approval), _) => Some(State::Approved(approval)),
            ("confirming", Some(approval), _) => Some(State::Confirming(approval)),
            ("pending", _, _) => Some(State::Pending),
            ("denied", _, _) => Some(State::Denied),
            _ => None,
        };
        Ok(DeviceAuthorization {
            id: DeviceAuthorizationId(self.id),
            tenant_id,
            client_id: ClientId::from_known(self.client_id),
            dpop_key: row.thumbprint("dpop_jkt", self.dpop_jkt)?,
            expires_at: self.expires_at,
            state: row.take("state", state)?,
        })
    }

    /// Reads the approval, if the row has all of one.
    fn approval(&self, row: &RowOf<Uuid>) -> Result<Option<Approval>> {
        let lifetime_seconds = chosen_lifetime(row, self.chosen_lifetime_seconds)?;
        let whole = || {
            Some(Approval {
                user_id: UserId(self.decided_by_user_id?),
                scopes: self.granted_scopes.clone()?.into_iter().collect(),
                at: self.decided_at?,
                authentication: Authentication { auth_time: self.auth_time?, amr: self.amr.clone()? },
                trusted: self.trusted,
                lifetime_seconds,
            })
        };
        Ok(whole())
    }
}

fn chosen_lifetime(row: &RowOf<Uuid>, stored: Option<i32>) -> Result<Option<u32>> {
    stored.map(|seconds| row.number("chosen_lifetime_seconds", seconds)).transpose()
}

fn interval(row: &RowOf<Uuid>, stored: i32) -> Result<u32> {
    row.number("interval_seconds", stored)
}
