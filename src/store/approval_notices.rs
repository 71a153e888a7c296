//! `approval_notices`

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::db::Db;
use super::due_rows::for_each_due_tenant;
use super::inconsistent::RowOf;
use super::tenants::{host_of, slug_of};
use super::{Result, host};
use crate::model::approval_notice::{Approved, DueNotice};
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{ClientId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::place::Place;

/// A message about to be stored with its approval: due at once, unless others for the same recipient were put off. There is
/// one of each approval.
#[derive(Debug)]
pub struct NewNotice {
    pub session_id: DeviceAuthorizationId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    /// What the link carries, hashed.
    pub token_hash: SecretHash,
    /// The same, sealed.
    pub token_sealed: Vec<u8>,
    pub recipient: String,
    /// In which language (RFC 5646).
    pub language: String,
    pub client_id: ClientId,
    pub approved: Approved,
    pub expires_at: DateTime<Utc>,
}

/// Returns the tenants with due messages, the one with the oldest first.
pub async fn due(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "SELECT tenant_id FROM approval_notices WHERE due_at <= $1 GROUP BY tenant_id ORDER BY min(due_at)",
        now
    );
    Ok(tenants.fetch_all(db).await?.into_iter().map(TenantId).collect())
}

/// Claims the message of a tenant that is due for longest. No other instance claims it until `until`.
pub async fn claim_due(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<DueNotice>> {
    let row = sqlx::query!(
        r#"UPDATE approval_notices n SET attempts = attempts + 1, due_at = $3, postponed = false
           FROM tenants t
           WHERE t.id = $1 AND n.tenant_id = $1 AND n.device_authorization_id = (
               SELECT device_authorization_id FROM approval_notices WHERE tenant_id = $1 AND due_at <= $2
               ORDER BY due_at, approved_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING n.device_authorization_id, t.slug, t.host, t.name, n.recipient, n.language, n.token_sealed, n.attempts,
                     n.client_name, n.device_name, n.ip_address, n.place AS "place: Json<Place>", n.approved_at"#,
        tenant.0,
        now,
        until
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let key = RowOf::new("tenants", tenant.0);
        let notice = RowOf::new("approval_notices", row.device_authorization_id);
        Ok(DueNotice {
            tenant_id: tenant,
            session_id: DeviceAuthorizationId(row.device_authorization_id),
            tenant_slug: slug_of(&key, &row.slug)?,
            tenant_host: host_of(&key, row.host.as_deref())?,
            tenant_name: row.name,
            recipient: row.recipient,
            language: row.language,
            approved: Approved {
                client_name: row.client_name,
                device_name: row.device_name,
                ip_address: host(row.ip_address),
                place: row.place.map(|place| place.0),
                at: row.approved_at,
            },
            token_sealed: notice.take("token_sealed", row.token_sealed)?,
            attempts: row.attempts,
        })
    })
    .transpose()
}

/// Notes that the message was sent.
pub async fn record_sent(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    session: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE approval_notices SET sent_at = $3, due_at = NULL, token_sealed = NULL WHERE tenant_id = $1 AND device_authorization_id = $2", tenant.0,
        session.0,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Puts off a message, and all that wait for the same recipient, until then.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    session: DeviceAuthorizationId,
    until: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE approval_notices n
         SET due_at = CASE WHEN n.device_authorization_id = $2 THEN $3 ELSE greatest(n.due_at, $3) END,
             postponed = n.postponed OR n.device_authorization_id = $2
         FROM approval_notices failed
         WHERE n.tenant_id = $1 AND failed.tenant_id = $1 AND failed.device_authorization_id = $2 AND n.recipient = failed.recipient
           AND n.due_at IS NOT NULL AND n.sent_at IS NULL", tenant.0,
        session.0,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a message wait until then.
pub async fn wait(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    session: DeviceAuthorizationId,
    until: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE approval_notices SET due_at = $3 WHERE tenant_id = $1 AND device_authorization_id = $2 AND sent_at IS NULL", tenant.0,
        session.0,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn give_up(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    session: DeviceAuthorizationId,
) -> Result<()> {
    sqlx::query!(
        "UPDATE approval_notices SET due_at = NULL, token_sealed = NULL WHERE tenant_id = $1 AND device_authorization_id = $2 AND sent_at IS NULL", tenant.0,
        session.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The approval that a link lets its reader disown, if it still can be.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<Approved>> {
    let row = sqlx::query!(
        r#"SELECT client_name, device_name, ip_address, place AS "place: Json<Place>", approved_at
           FROM approval_notices
           WHERE token_hash = $2 AND tenant_id = $1 AND expires_at > $3 AND disowned_at IS NULL"#,
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Approved {
        client_name: row.client_name,
        device_name: row.device_name,
        ip_address: host(row.ip_address),
        place: row.place.map(|place| place.0),
        at: row.approved_at,
    }))
}

#[derive(Debug)]
pub struct Disowned {
    pub session_id: DeviceAuthorizationId,
    pub user_id: UserId,
    /// The client, if it was noted.
    pub client_id: Option<ClientId>,
    /// From where the device had asked.
    pub ip_address: Option<IpAddr>,
}

/// Uses the link up; which approval it disowns, if it still can be disowned.
pub async fn disown(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<Disowned>> {
    let row = sqlx::query!(
        "UPDATE approval_notices SET disowned_at = $3
         WHERE token_hash = $2 AND tenant_id = $1 AND expires_at > $3 AND disowned_at IS NULL
         RETURNING device_authorization_id, user_id, client_id, ip_address",
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Disowned {
        session_id: DeviceAuthorizationId(row.device_authorization_id),
        user_id: UserId(row.user_id),
        client_id: row.client_id.map(ClientId::from_known),
        ip_address: host(row.ip_address),
    }))
}

/// Deletes a batch of messages whose links expired before `before`.
pub async fn delete_expired(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM approval_notices WHERE expires_at < $1
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM approval_notices WHERE tenant_id = $1 AND device_authorization_id IN (
             SELECT device_authorization_id FROM approval_notices WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
