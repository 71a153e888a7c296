//! A person says yes or no (RFC 8628 §3.3). Both are one compare-and-set from *pending*.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::model::approver::Approver;
use crate::model::ids::{DeviceAuthorizationId, TenantId, UserId};
use crate::model::scope::ScopeSet;
use crate::store::Result;
use crate::store::announcements::Announcement;
use crate::store::approval_notices::NewNotice;
use crate::store::audit_events::NewEvent;

/// What a person granted, and in which shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapedGrant {
    /// The scopes.
    pub scopes: ScopeSet,
    /// Whether the device is trusted.
    pub trusted: bool,
    /// The device's name, where it is another than the device says.
    pub device_name: Option<String>,
    /// How long the connection lasts at most, in seconds, where it is shorter than the policy allows.
    pub lifetime_seconds: Option<u32>,
}

/// Approves a session that this approver has open, all of it in one statement: adds the event, tells the other servers,
/// queues the message to the user. With the MAC of a confirmation code the approval counts only once the device sends
/// that code; to others nothing has changed yet. Returns `true` if it was still waiting.
pub async fn approve(
    db: impl PgExecutor<'_>,
    id: DeviceAuthorizationId,
    approver: &Approver,
    grant: &ShapedGrant,
    confirmation: Option<[u8; 32]>,
    notice: Option<&NewNotice>,
    new: &NewEvent<'_>,
) -> Result<bool> {
    let event = &new.event;
    let told = notice.map(|notice| &notice.approved);
    let (channel, decided) = Announcement::Decided(id).as_parameters();
    let taken = sqlx::query_scalar!(
        r#"WITH decided AS (
               UPDATE device_authorizations
               SET state = CASE WHEN $14::bytea IS NULL THEN 'approved' ELSE 'confirming' END, confirmation_mac = $14,
                   wrong_confirmations = 0, decided_at = $3, decided_by_user_id = $15, decided_in_session_id = $16,
                   granted_scopes = $17, auth_time = $18, amr = $19, trusted = $20, chosen_name = $21,
                   chosen_lifetime_seconds = $22
               -- Not `=`, which an index of all that wait would fit (see `openings::record`).
               WHERE tenant_id = $2 AND id = $23 AND state IS NOT DISTINCT FROM 'pending' AND expires_at > $3
                 AND opened_by = $16
               RETURNING id
           ), notice AS (
               INSERT INTO approval_notices (device_authorization_id, tenant_id, user_id, token_hash, token_sealed,
                                             recipient, language, client_id, client_name, device_name, ip_address, place,
                                             approved_at, expires_at, due_at)
               SELECT decided.id, $2, $15, $24::bytea, $25::bytea, $26::text, $27::text, $28::text, $29::text, $30::text,
                      $31::inet, $32::jsonb, $3, $33::timestamptz,
                      greatest($3, (SELECT max(other.due_at) FROM approval_notices other
                                    WHERE other.tenant_id = $2 AND other.recipient = $26 AND other.due_at IS NOT NULL
                                      AND other.postponed))
               FROM decided WHERE $24::bytea IS NOT NULL
               ON CONFLICT (device_authorization_id, tenant_id) DO NOTHING
           )
           SELECT true AS "taken!" FROM decided
           CROSS JOIN LATERAL add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event
           CROSS JOIN LATERAL (SELECT CASE WHEN $14::bytea IS NULL THEN pg_notify($34, $35) END) AS told"#,
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target_kind,
        event.target_id,
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        confirmation.as_ref().map(|mac| &mac[..]) as Option<&[u8]>,
        approver.user.id.0,
        approver.id.0,
        &grant.scopes.to_vec(),
        approver.authentication.auth_time,
        &approver.authentication.amr,
        grant.trusted,
        grant.device_name,
        grant.lifetime_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX)),
        id.0,
        notice.map(|notice| &notice.token_hash.0[..]) as Option<&[u8]>,
        notice.map(|notice| &notice.token_sealed[..]) as Option<&[u8]>,
        notice.map(|notice| &*notice.recipient) as Option<&str>,
        notice.map(|notice| &*notice.language) as Option<&str>,
        notice.map(|notice| notice.client_id.as_str()) as Option<&str>,
        told.map(|told| &*told.client_name) as Option<&str>,
        told.and_then(|told| told.device_name.as_deref()) as Option<&str>,
        told.and_then(|told| told.ip_address).map(IpNet::from) as Option<IpNet>,
        told.and_then(|told| told.place.as_ref()).map(Json) as _,
        notice.map(|notice| notice.expires_at) as Option<DateTime<Utc>>,
        channel,
        decided
    )
    .fetch_optional(db)
    .await?;
    Ok(taken.is_some())
}

/// Refuses a session that this approver has open, adds the event, and tells the other servers. Returns `true` if it was
/// still waiting.
pub async fn deny(
    db: impl PgExecutor<'_>,
    id: DeviceAuthorizationId,
    approver: &Approver,
    new: &NewEvent<'_>,
) -> Result<bool> {
    let event = &new.event;
    let (channel, decided) = Announcement::Decided(id).as_parameters();
    let denied = sqlx::query_scalar!(
        r#"WITH denied AS (
               UPDATE device_authorizations
               SET state = 'denied', decided_at = $3, decided_by_user_id = $14, decided_in_session_id = $15
               -- Not `=`, which an index of all that wait would fit (see `openings::record`).
               WHERE tenant_id = $2 AND id = $16 AND state IS NOT DISTINCT FROM 'pending' AND expires_at > $3
                 AND opened_by = $15
               RETURNING id
           )
           SELECT true AS "denied!" FROM denied
           CROSS JOIN LATERAL add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event
           CROSS JOIN LATERAL pg_notify($17, $18) AS told"#,
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target_kind,
        event.target_id,
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        approver.user.id.0,
        approver.id.0,
        id.0,
        channel,
        decided
    )
    .fetch_optional(db)
    .await?;
    Ok(denied.is_some())
}

/// Ends a waiting session that nobody decided. Returns `true` if it was still waiting.
pub async fn kill(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let killed = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending'",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(killed.rows_affected() == 1)
}

/// Ends a session of this tenant that still waits. Returns `true` if it did.
pub async fn end(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let ended = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE id = $2 AND tenant_id = $1 AND state IN ('pending', 'confirming') AND expires_at > $3",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Takes back one approval whose tokens no device has collected yet. Returns `true` if there was one.
pub async fn take_one_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let denied = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = $2 AND state IN ('confirming', 'approved')",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(denied.rows_affected() == 1)
}

/// Takes back what a user approved and no device has collected yet; their IDs.
pub async fn take_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceAuthorizationId>> {
    let denied = sqlx::query_scalar!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND decided_by_user_id = $2 AND state IN ('confirming', 'approved')
         RETURNING id",
        tenant.0,
        user.0,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(denied.into_iter().map(DeviceAuthorizationId).collect())
}
