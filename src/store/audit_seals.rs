//! `audit_seals` and `audit_unsealed`

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor};
use uuid::Uuid;

use super::db::Db;
use super::transactions::Transaction;
use super::{Result, transactions};
use crate::model::audit_seal::{AuditSeal, Mac};
use crate::model::ids::TenantId;

/// The advisory lock that whoever seals or clears away holds.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// A seal as the database has it. Nothing of it is believed before its codes were checked.
#[derive(Debug)]
pub struct StoredSeal {
    pub seal: AuditSeal,
    pub mac: Vec<u8>,
    /// Its second code, if its events were cleared away.
    pub cleared_mac: Option<Vec<u8>>,
}

/// How long sealing waits for any lock. A server holds the one below for a moment only.
const LOCK_TIMEOUT: &str = "5s";

/// Begins a transaction that has the lock until it ends.
///
/// # Errors
/// Passing, if another session does not release the lock in time.
pub async fn begin(db: &Db) -> Result<Transaction> {
    let sql = format!("BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'");
    let mut transaction = transactions::begin(db, AssertSqlSafe(sql)).await?;
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK).execute(&mut *transaction).await?;
    Ok(transaction)
}

/// Returns the tenants with events that are in no seal yet.
pub async fn with_unsealed(db: impl PgExecutor<'_>) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!("SELECT DISTINCT tenant_id FROM audit_unsealed");
    Ok(tenants.fetch_all(db).await?.into_iter().map(TenantId).collect())
}

/// The place of a row in the list of events without a seal (the `tid` of PostgreSQL, as text).
pub type Place = String;

/// Before all rows.
pub const FIRST_PLACE: &str = "(0,0)";

/// Events of a tenant that are in no seal yet: those after a place in the list, with the place of each. Only whoever
/// has the lock removes rows from the list, so places stay what they are meanwhile.
pub async fn unsealed(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    after: &str,
    limit: i64,
) -> Result<Vec<(Uuid, Place)>> {
    // Without ORDER BY, which would sort all that is left: a range of places is read in their order.
    let rows = sqlx::query!(
        r#"SELECT event_id, ctid::text AS "place!" FROM audit_unsealed
           WHERE tenant_id = $1 AND ctid > $2::text::tid LIMIT $3"#,
        tenant.0,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.event_id, row.place)).collect())
}

/// The number and code of a tenant's newest seal.
pub async fn newest(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Option<(i64, Vec<u8>)>> {
    Ok(sqlx::query!(
        "SELECT number, mac FROM audit_seals WHERE tenant_id = $1 ORDER BY number DESC LIMIT 1",
        tenant.0
    )
    .fetch_optional(db)
    .await?
    .map(|row| (row.number, row.mac)))
}

/// Adds a seal, and takes its events, which have some of these places, off the list of those that have none.
pub async fn insert(db: &mut PgConnection, seal: &AuditSeal, mac: &Mac, places: &[Place]) -> Result<()> {
    let ids: Vec<Uuid> = seal.events.iter().map(|(id, _)| *id).collect();
    let hashes: Vec<u8> = seal.events.iter().flat_map(|(_, hash)| *hash).collect();
    sqlx::query!(
        "INSERT INTO audit_seals (tenant_id, number, sealed_at, last_at, event_ids, event_hashes, mac)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        seal.tenant_id.0,
        seal.number,
        seal.sealed_at,
        seal.last_at,
        &ids,
        &hashes,
        &mac[..]
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "DELETE FROM audit_unsealed WHERE tenant_id = $1 AND ctid = ANY($3::text[]::tid[]) AND event_id = ANY($2)",
        seal.tenant_id.0,
        &ids,
        places
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The columns of a [`StoredSeal`].
struct Row {
    tenant_id: Uuid,
    number: i64,
    sealed_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    event_ids: Vec<Uuid>,
    event_hashes: Vec<u8>,
    mac: Vec<u8>,
    cleared_mac: Option<Vec<u8>>,
}

impl Row {
    fn into_seal(self) -> StoredSeal {
        // What does not match in length was written by somebody else; its code will not fit either.
        let hashes = self.event_hashes.as_chunks().0.iter().copied();
        StoredSeal {
            seal: AuditSeal {
                tenant_id: TenantId(self.tenant_id),
                number: self.number,
                sealed_at: self.sealed_at,
                last_at: self.last_at,
                events: self.event_ids.into_iter().zip(hashes).collect(),
            },
            mac: self.mac,
            cleared_mac: self.cleared_mac,
        }
    }
}

/// A tenant's seals with higher numbers than `after`, in their order.
pub async fn page(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    after: i64,
    limit: i64,
) -> Result<Vec<StoredSeal>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT tenant_id, number, sealed_at, last_at, event_ids, event_hashes, mac, cleared_mac
         FROM audit_seals WHERE tenant_id = $1 AND number > $2 ORDER BY number LIMIT $3",
        tenant.0,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::into_seal).collect())
}

/// Returns the tenants with seals that still have events, all older than `before`; the one with the oldest first.
pub async fn with_outdated(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "SELECT tenant_id FROM audit_seals WHERE cleared_mac IS NULL AND last_at < $1
         GROUP BY tenant_id ORDER BY min(last_at)",
        before
    );
    Ok(tenants.fetch_all(db).await?.into_iter().map(TenantId).collect())
}

/// The oldest seal of a tenant that still has events, if they are all older than `before`.
pub async fn outdated(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    before: DateTime<Utc>,
) -> Result<Option<StoredSeal>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT tenant_id, number, sealed_at, last_at, event_ids, event_hashes, mac, cleared_mac
         FROM audit_seals WHERE tenant_id = $1 AND cleared_mac IS NULL ORDER BY number LIMIT 1",
        tenant.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.filter(|row| row.last_at < before).map(Row::into_seal))
}

/// Deletes a seal's events and all seals before it; it stays, as the new beginning of the chain. How many events went.
pub async fn clear(db: &mut PgConnection, seal: &AuditSeal, cleared_mac: &Mac) -> Result<u64> {
    allow_clearing(&mut *db).await?;
    let ids: Vec<Uuid> = seal.events.iter().map(|(id, _)| *id).collect();
    let gone = sqlx::query!(
        "DELETE FROM audit_events WHERE tenant_id = $1 AND id = ANY($2)",
        seal.tenant_id.0,
        &ids
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "DELETE FROM audit_seals WHERE tenant_id = $1 AND number < $2",
        seal.tenant_id.0,
        seal.number
    )
    .execute(&mut *db)
    .await?;
    set_cleared_mac(db, seal.tenant_id, seal.number, cleared_mac).await?;
    Ok(gone.rows_affected())
}

/// Lets the transaction delete events and change seals.
async fn allow_clearing(db: impl PgExecutor<'_>) -> Result<()> {
    sqlx::raw_sql("SET LOCAL latchkey.audit_retention = 'on'").execute(db).await?;
    Ok(())
}

/// Returns the number and code of the tenant's seal whose events were cleared away.
pub async fn cleared(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Option<(i64, Vec<u8>)>> {
    Ok(sqlx::query!(
        "SELECT number, mac FROM audit_seals WHERE tenant_id = $1 AND cleared_mac IS NOT NULL",
        tenant.0
    )
    .fetch_optional(db)
    .await?
    .map(|row| (row.number, row.mac)))
}

/// Sets the second code of a seal whose events were cleared away.
pub async fn set_cleared_mac(db: &mut PgConnection, tenant: TenantId, number: i64, code: &Mac) -> Result<()> {
    allow_clearing(&mut *db).await?;
    sqlx::query!(
        "UPDATE audit_seals SET cleared_mac = $3 WHERE tenant_id = $1 AND number = $2",
        tenant.0,
        number,
        &code[..]
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Every tenant that has left a trace in the trail, erased ones included.
pub async fn tenants(db: impl PgExecutor<'_>) -> Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT tenant_id AS "tenant_id!" FROM audit_seals
           UNION SELECT tenant_id FROM audit_unsealed
           UNION SELECT tenant_id FROM audit_events
           ORDER BY 1"#
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// A tenant's events that are in no seal and do not wait for one: somebody put them there.
pub async fn strangers(db: impl PgExecutor<'_>, tenant: TenantId, limit: i64) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT e.id FROM audit_events e
         WHERE e.tenant_id = $1
           AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.tenant_id = $1 AND u.event_id = e.id)
           AND NOT EXISTS (SELECT FROM (SELECT unnest(event_ids) AS id FROM audit_seals WHERE tenant_id = $1) sealed
                           WHERE sealed.id = e.id)
         ORDER BY e.id LIMIT $2",
        tenant.0,
        limit
    )
    .fetch_all(db)
    .await?)
}

/// The IDs of a tenant's events that wait to be sealed, whether the events exist or not.
pub async fn waiting(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT event_id FROM audit_unsealed WHERE tenant_id = $1", tenant.0)
        .fetch_all(db)
        .await?)
}
