//! A person opens what a user code stands for (RFC 8628 §3.3).

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{SessionRow, stored_half};
use crate::model::approver::Approver;
use crate::model::device::DeviceDescription;
use crate::model::device_authorization::{CodeArrival, DeviceRequest};
use crate::model::ids::{ApproverId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::place::Place;
use crate::store::{Result, host};

/// A session as somebody opens it.
#[derive(Debug)]
pub struct Opening {
    /// What is asked.
    pub request: DeviceRequest,
    /// How often it was opened before.
    pub opened_count: i32,
    /// Who has it open now, if their browser is still signed in or about to be again, or their program still connected.
    pub held_by: Option<Holder>,
}

/// The account that has a code open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub user: UserId,
    /// The last request of the browser that has it open. A step-up that waits for its second factor is a request all the
    /// time. Of a program: when it opened the code.
    pub last_request_at: DateTime<Utc>,
}

/// The session of this user code, locked until the transaction ends.
pub async fn lock(
    db: &mut PgConnection,
    tenant: TenantId,
    user_code_mac: [u8; 32],
    now: DateTime<Utc>,
    idle: TimeDelta,
) -> Result<Option<Opening>> {
    let Some(row) = sqlx::query!(
        "SELECT id, opened_count, opened_by, opened_at FROM device_authorizations
         WHERE tenant_id = $1 AND user_code_mac = $2 FOR NO KEY UPDATE",
        tenant.0,
        stored_half(&user_code_mac)
    )
    .fetch_optional(&mut *db)
    .await?
    else {
        return Ok(None);
    };
    let held_by = sqlx::query!(
        r#"SELECT s.user_id AS "user_id!", CASE WHEN steps_up THEN $3 ELSE s.last_seen_at END AS last_seen_at
           FROM browser_sessions s,
                -- The right password has ended the session already; the second factor is yet to come.
                LATERAL (SELECT EXISTS (SELECT FROM half_sign_ins h
                                        WHERE h.tenant_id = $2 AND h.user_id = s.user_id
                                          AND h.expires_at > $3) AS steps_up) AS half
           WHERE s.id = $1 AND s.tenant_id = $2
             AND (steps_up OR (s.ended_at IS NULL AND s.expires_at > $3 AND s.last_seen_at > $4))
           UNION ALL
           SELECT user_id, NULL FROM devices
           WHERE id = $1 AND tenant_id = $2 AND revoked_at IS NULL AND expires_at > $3"#,
        row.opened_by,
        tenant.0,
        now,
        now - idle
    )
    .fetch_optional(&mut *db)
    .await?;
    let request = find(db, tenant, DeviceAuthorizationId(row.id)).await?;
    Ok(request.map(|request| Opening {
        request,
        opened_count: row.opened_count,
        held_by: held_by.map(|held| Holder {
            user: UserId(held.user_id),
            last_request_at: held.last_seen_at.max(row.opened_at).unwrap_or(now),
        }),
    }))
}

/// What a session asks for.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
) -> Result<Option<DeviceRequest>> {
    let row = sqlx::query!(
        r#"SELECT id, client_id, expires_at, state, decided_at, decided_by_user_id, granted_scopes, auth_time, amr,
                  trusted, chosen_lifetime_seconds, consumed_at, dpop_jkt, user_code_sealed, requested_scopes, device AS "device: Json<DeviceDescription>",
                  ip_address, place AS "place: Json<Place>", user_agent, created_at, opened_by,
                  coalesce(resources, '{}') AS "resources!", coalesce(linked_by, '{}') AS "linked_by!"
           FROM device_authorizations WHERE id = $2 AND tenant_id = $1"#,
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| DeviceRequest {
        session: SessionRow {
            id: row.id,
            client_id: row.client_id,
            expires_at: row.expires_at,
            state: row.state,
            decided_at: row.decided_at,
            decided_by_user_id: row.decided_by_user_id,
            granted_scopes: row.granted_scopes,
            auth_time: row.auth_time,
            amr: row.amr,
            trusted: row.trusted,
            chosen_lifetime_seconds: row.chosen_lifetime_seconds,
            consumed_at: row.consumed_at,
            dpop_jkt: row.dpop_jkt,
        }
        .into_session(tenant),
        user_code_sealed: row.user_code_sealed,
        requested_scopes: row.requested_scopes.map(|names| names.into_iter().collect()),
        resources: row.resources,
        device: row.device.0,
        ip_address: host(row.ip_address),
        place: row.place.map(|place| place.0),
        user_agent: row.user_agent,
        created_at: row.created_at,
        opened_by: row.opened_by.map(ApproverId),
        linked_by: row.linked_by.into_iter().map(UserId).collect(),
    }))
}

/// The session that this approver has open and that still waits for a decision.
pub async fn held_by(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    approver: ApproverId,
    now: DateTime<Utc>,
) -> Result<Option<DeviceAuthorizationId>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM device_authorizations
         WHERE tenant_id = $1 AND opened_by = $2 AND state = 'pending' AND expires_at > $3
         ORDER BY created_at DESC LIMIT 1",
        tenant.0,
        approver.0,
        now
    )
    .fetch_optional(db)
    .await?
    .map(DeviceAuthorizationId))
}

/// Notes that an approver has the session open, and no other one, and how its code came to them: once by a link, always
/// by a link, so that nobody makes a linked code a typed one by opening it again.
pub async fn record(
    db: &mut PgConnection,
    id: DeviceAuthorizationId,
    approver: &Approver,
    arrival: CodeArrival,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE device_authorizations SET opened_by = NULL
         WHERE tenant_id = $1 AND opened_by = $2 AND id <> $3 AND state = 'pending'",
        approver.user.tenant_id.0,
        approver.id.0,
        id.0
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "UPDATE device_authorizations
         SET opened_by = $3, opened_count = opened_count + 1, opened_at = $4,
             linked_by = CASE WHEN $5 AND (linked_by @> ARRAY[$6::uuid]) IS NOT TRUE THEN array_append(linked_by, $6)
                              ELSE linked_by END
         WHERE tenant_id = $1 AND id = $2",
        approver.user.tenant_id.0,
        id.0,
        Some::<Uuid>(approver.id.0),
        now,
        arrival == CodeArrival::Link,
        approver.user.id.0
    )
    .execute(db)
    .await?;
    Ok(())
}
