//! A device confirms what a person approved: with what the approval page shows.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store::Result;

/// An approval that waits for its confirmation.
#[derive(Debug)]
pub struct Awaited {
    /// The MAC of what the device must send.
    pub mac: Vec<u8>,
    /// How many wrong ones it has sent.
    pub wrong: i16,
}

/// The approval of this session that waits, locked until the transaction ends.
pub async fn lock(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<Option<Awaited>> {
    Ok(sqlx::query_as!(
        Awaited,
        r#"SELECT confirmation_mac AS "mac!", wrong_confirmations AS wrong FROM device_authorizations
           WHERE tenant_id = $1 AND id = $2 AND state = 'confirming' AND expires_at > $3 FOR NO KEY UPDATE"#,
        tenant.0,
        id.0,
        now
    )
    .fetch_optional(db)
    .await?)
}

/// It was confirmed: the device may collect its tokens.
pub async fn confirm(db: impl PgExecutor<'_>, tenant: TenantId, id: DeviceAuthorizationId) -> Result<()> {
    sqlx::query!(
        "UPDATE device_authorizations SET state = 'approved', confirmation_mac = NULL WHERE tenant_id = $1 AND id = $2", tenant.0,
        id.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The device sent a wrong one.
pub async fn count_wrong(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    wrong: i16,
) -> Result<()> {
    sqlx::query!(
        "UPDATE device_authorizations SET wrong_confirmations = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        id.0,
        wrong
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The device sent too many wrong ones: the approval is taken back.
pub async fn take_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3, confirmation_mac = NULL WHERE tenant_id = $1 AND id = $2", tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}
