//! A refresh token is exchanged again for the same successor. The token stays as it is; what the rule must know of
//! repeats is counted.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::TokenName;
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::ids::ClientId;
use crate::model::refresh_rule::{FOREIGN_WINDOW, MOST_FOREIGN_REPEATS, UNUSUAL_ROW};
use crate::model::request_origin::RequestOrigin;
use crate::store::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The exchange of a refresh token.
    Exchange,
    /// The redemption of a device code, whose tokens were not used.
    Redemption,
}

#[derive(Clone, Debug)]
pub struct Repeat<'a> {
    pub token: TokenName,
    /// The generation that was presented; 0: the device code.
    pub presented: i64,
    pub client: &'a ClientId,
    /// It comes without proof, and from another network.
    pub foreign: bool,
    pub of: Repeated,
    /// The audit event's ID and key.
    pub audit: EventStamp,
    pub origin: &'a RequestOrigin,
    pub at: DateTime<Utc>,
}

/// Records a repeat, with its audit event. Returns `false`, and records nothing, if the device was revoked or locked, or
/// if this would be a repeat from another network more than is allowed.
pub async fn record(db: impl PgExecutor<'_>, repeat: &Repeat<'_>) -> Result<bool> {
    let (action, target_kind, must_be_unused) = match repeat.of {
        Repeated::Exchange => (Action::TokenRefreshed, "device", false),
        Repeated::Redemption => (Action::DeviceAuthorizationRedeemed, "device_authorization", true),
    };
    let recorded = sqlx::query_scalar!(
        r#"WITH counted AS (
               SELECT d.id, CASE WHEN d.foreign_repeats_since > $6 THEN d.foreign_repeats ELSE 0 END AS foreign_before,
                      CASE $3 - coalesce(d.repeated_generation, 0)
                           WHEN 0 THEN d.repeats_in_a_row WHEN 1 THEN d.repeats_in_a_row + 1 ELSE 1 END AS in_a_row,
                      $3 > coalesce(d.repeated_generation, 0) AS is_first
               FROM devices d
               WHERE d.id = $2 AND d.tenant_id = $1 AND d.token_hash = $4 AND d.generation > $3
                 AND (NOT $17 OR d.generation = $3 + 1)
                 AND d.revoked_at IS NULL AND d.locked_at IS NULL
               FOR NO KEY UPDATE
           ), repeated AS (
               UPDATE devices d
               SET last_seen_at = greatest(d.last_seen_at, $7),
                   foreign_repeats = CASE WHEN $5 THEN counted.foreign_before + 1 ELSE d.foreign_repeats END,
                   foreign_repeats_since = CASE WHEN $5 AND counted.foreign_before = 0 THEN $7
                                                ELSE d.foreign_repeats_since END,
                   repeated_generation = greatest(d.repeated_generation, $3),
                   repeats_in_a_row = CASE WHEN $3 >= coalesce(d.repeated_generation, 0) THEN counted.in_a_row
                                           ELSE d.repeats_in_a_row END,
                   unusual_at = CASE WHEN $5 OR counted.is_first AND counted.in_a_row >= $9 THEN $7
                                     ELSE d.unusual_at END
               FROM counted
               WHERE d.id = counted.id AND d.tenant_id = $1 AND NOT ($5 AND counted.foreign_before >= $8)
               RETURNING jsonb_build_object('repeated', true)
                         || CASE WHEN $5 THEN jsonb_build_object('unusual', 'another_network')
                                 WHEN counted.is_first AND counted.in_a_row >= $9
                                 THEN jsonb_build_object('unusual', 'repeats_in_a_row')
                                 ELSE '{}' END AS details
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id, details, mac)
               SELECT $10, $1, $7, $11, $12, 'client', $13, $18, $2::text, $14, $15, details,
                      audit_event_mac($16, 'client', $13, $18, $2::text, details)
               FROM repeated
           )
           SELECT true AS "recorded!" FROM repeated"#,
        repeat.token.tenant.0,
        repeat.token.device.0,
        repeat.presented,
        &repeat.token.hash.0[..],
        repeat.foreign,
        repeat.at - FOREIGN_WINDOW,
        repeat.at,
        i32::from(MOST_FOREIGN_REPEATS),
        i32::from(UNUSUAL_ROW),
        repeat.audit.id,
        action.as_str(),
        Outcome::Success.as_str(),
        repeat.client.as_str(),
        repeat.origin.ip_network(),
        repeat.origin.request_id.0,
        &repeat.audit.key[..],
        must_be_unused,
        target_kind
    )
    .fetch_optional(db)
    .await?;
    Ok(recorded.is_some())
}
