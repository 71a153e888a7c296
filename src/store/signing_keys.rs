//! `signing_keys`
//!
//! Whoever changes a tenant's keys holds its row ([`lock`]): the steps of two servers never mix.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use super::announcements::{Announcement, announce};
use super::inconsistent::RowOf;
use crate::model::ids::TenantId;
use crate::model::signing_key::{SealedSigningKey, SigningAlgorithm};
use crate::model::signing_key_life::{KeyLife, KeyState, Step};

/// A public key that verifies tokens.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    pub algorithm: SigningAlgorithm,
    /// Where in its life it is.
    pub state: KeyState,
    pub jwk: Value,
}

/// Waits until nobody else changes the tenant's keys, and keeps others away until the transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<()> {
    sqlx::query!("SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE", tenant.0)
        .fetch_optional(db)
        .await?;
    Ok(())
}

/// The key that signs for the tenant with this algorithm.
pub async fn signing(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    algorithm: SigningAlgorithm,
) -> Result<Option<SealedSigningKey>> {
    let row = sqlx::query!(
        r#"SELECT kid, private_sealed AS "private_sealed!" FROM signing_keys
           WHERE tenant_id = $1 AND alg = $2 AND state = 'signing'"#,
        tenant.0,
        algorithm.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| SealedSigningKey {
        tenant_id: tenant,
        kid: row.kid,
        algorithm,
        private_sealed: row.private_sealed,
    }))
}

/// Returns those of these keys of a tenant that sign.
pub async fn signing_among(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    kids: &[String],
) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT kid FROM signing_keys WHERE tenant_id = $1 AND kid = ANY($2) AND state = 'signing'",
        tenant.0,
        kids
    )
    .fetch_all(db)
    .await?)
}

/// The public keys that verify tokens of the tenant, oldest first.
pub async fn published(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<PublishedKey>> {
    let rows = sqlx::query!(
        "SELECT kid, alg, state, public_jwk FROM signing_keys
         WHERE tenant_id = $1 AND state <> 'removed' ORDER BY created_at, kid",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (algorithm, state) = read(&row.kid, &row.alg, &row.state)?;
            Ok(PublishedKey { algorithm, state, jwk: row.public_jwk })
        })
        .collect()
}

/// Reads the algorithm and the state of a key.
fn read(kid: &str, algorithm: &str, state: &str) -> Result<(SigningAlgorithm, KeyState)> {
    let row = RowOf::new("signing_keys", kid);
    let algorithm = row.take("alg", SigningAlgorithm::parse(algorithm))?;
    Ok((algorithm, row.take("state", KeyState::parse(state))?))
}

/// A key as the database has it.
struct Row {
    kid: String,
    alg: String,
    state: String,
    created_at: DateTime<Utc>,
    signing_since: Option<DateTime<Utc>>,
    retired_at: Option<DateTime<Utc>>,
    removed_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<KeyLife> {
        let (algorithm, state) = read(&self.kid, &self.alg, &self.state)?;
        Ok(KeyLife {
            algorithm,
            state,
            kid: self.kid,
            created_at: self.created_at,
            signing_since: self.signing_since,
            retired_at: self.retired_at,
            removed_at: self.removed_at,
        })
    }
}

/// All keys that the tenant has or had, oldest first.
pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<KeyLife>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT kid, alg, state, created_at, signing_since, retired_at, removed_at FROM signing_keys
         WHERE tenant_id = $1 ORDER BY created_at, kid",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Keys of any tenant that entered the state that `step` leaves by `entered_by`, the longest waiting first; signing
/// ones only while they have no successor.
pub async fn waiting_for(
    db: impl PgExecutor<'_>,
    step: Step,
    entered_by: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(TenantId, String)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, kid FROM signing_keys k
         WHERE state = $1 AND state <> 'removed'
           AND coalesce(removed_at, retired_at, signing_since, created_at) <= $2
           AND (state <> 'signing' OR NOT EXISTS (
               SELECT FROM signing_keys s
               WHERE s.tenant_id = k.tenant_id AND s.alg = k.alg AND s.state = 'announced'))
         ORDER BY coalesce(removed_at, retired_at, signing_since, created_at) LIMIT $3",
        step.leaves().as_str(),
        entered_by,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (TenantId(row.tenant_id), row.kid)).collect())
}

/// Adds a key that signs from now on; whether the tenant had none for its algorithm.
pub async fn insert_signing(
    db: &mut PgConnection,
    key: &SealedSigningKey,
    public_jwk: &Value,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO signing_keys (tenant_id, kid, alg, public_jwk, private_sealed, state, created_at, signing_since)
         VALUES ($1, $2, $3, $4, $5, 'signing', $6, $6)
         ON CONFLICT (tenant_id, alg) WHERE state = 'signing' DO NOTHING",
        key.tenant_id.0,
        key.kid,
        key.algorithm.as_str(),
        public_jwk,
        key.private_sealed,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(added.rows_affected() == 1)
}

/// Adds a key that waits to take over.
pub async fn insert_announced(
    db: &mut PgConnection,
    key: &SealedSigningKey,
    public_jwk: &Value,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO signing_keys (tenant_id, kid, alg, public_jwk, private_sealed, state, created_at)
         VALUES ($1, $2, $3, $4, $5, 'announced', $6)",
        key.tenant_id.0,
        key.kid,
        key.algorithm.as_str(),
        public_jwk,
        key.private_sealed,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// Lets an announced key sign; the one that signed must have stopped.
pub async fn activate(db: &mut PgConnection, tenant: TenantId, kid: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE signing_keys SET state = 'signing', signing_since = $3
         WHERE tenant_id = $1 AND kid = $2 AND state = 'announced'",
        tenant.0,
        kid,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// Lets a key sign no more, and destroys its private half.
pub async fn retire(db: &mut PgConnection, tenant: TenantId, kid: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE signing_keys SET state = 'retired', retired_at = $3, private_sealed = NULL
         WHERE tenant_id = $1 AND kid = $2 AND state = 'signing'",
        tenant.0,
        kid,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// Publishes a key no more, and destroys its private half.
pub async fn remove(db: &mut PgConnection, tenant: TenantId, kid: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE signing_keys SET state = 'removed', removed_at = $3, private_sealed = NULL
         WHERE tenant_id = $1 AND kid = $2 AND state <> 'removed'",
        tenant.0,
        kid,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// The public key of the tenant that has this identifier, unless it was removed.
pub async fn public(db: impl PgExecutor<'_>, tenant: TenantId, kid: &str) -> Result<Option<Value>> {
    Ok(sqlx::query_scalar!(
        "SELECT public_jwk FROM signing_keys WHERE tenant_id = $1 AND kid = $2 AND state <> 'removed'",
        tenant.0,
        kid
    )
    .fetch_optional(db)
    .await?)
}
