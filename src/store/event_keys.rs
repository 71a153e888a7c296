//! The inputs of an audit event's MAC, which is computed as soon as the time of the event is known.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::{Envelope, EventStamp};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::secrets::MacKey;

/// The ID of an audit event to be written, and its tenant's audit key.
#[derive(Clone, Debug)]
pub struct EventKey {
    pub id: Uuid,
    pub key: Arc<MacKey>,
}

impl EventKey {
    /// Stamps the event, which is written at `at`.
    #[must_use]
    pub fn stamp(
        &self,
        tenant: TenantId,
        (action, outcome): (Action, Outcome),
        origin: Option<&RequestOrigin>,
        at: DateTime<Utc>,
    ) -> EventStamp {
        let envelope = Envelope {
            id: self.id,
            tenant,
            at,
            action: action.as_str(),
            outcome: outcome.as_str(),
            ip_address: origin.map(|origin| origin.ip_address),
            request_id: origin.map(|origin| origin.request_id.0),
        };
        EventStamp { id: self.id, key: self.key.code(&[&envelope.message()]) }
    }
}
