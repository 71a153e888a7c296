//! Generations whose answer is known to be lost: their callers may repeat the exchange without limit of time.

use std::collections::HashSet;

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::ids::{DeviceId, TenantId};
use crate::store::Result;

/// A generation that may have been issued, and that its caller did not receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unanswered {
    /// The tenant.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// The generation that would have been issued.
    pub generation: i64,
}

/// Marks generations of one tenant, where they are the newest of their devices. Returns those that are settled: they were
/// stored, and are marked or were used since. Others may still be stored by a statement that is under way.
pub async fn mark(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    lost: &[Unanswered],
) -> Result<HashSet<Unanswered>> {
    let devices: Vec<Uuid> = lost.iter().map(|lost| lost.device.0).collect();
    let generations: Vec<i64> = lost.iter().map(|lost| lost.generation).collect();
    let rows = sqlx::query!(
        r#"WITH lost AS MATERIALIZED (
               SELECT * FROM unnest($2::uuid[], $3::bigint[]) AS lost (device, generation)
           ), marked AS (
               UPDATE devices d SET unanswered = true
               FROM lost
               WHERE d.id = lost.device AND d.tenant_id = $1 AND d.generation = lost.generation AND NOT d.unanswered
           )
           SELECT lost.device AS "device!", lost.generation AS "generation!"
           FROM lost JOIN devices d ON d.id = lost.device AND d.tenant_id = $1
           WHERE d.generation >= lost.generation"#,
        tenant.0,
        &devices,
        &generations
    )
    .fetch_all(db)
    .await?;
    let settled = |device, generation| Unanswered { tenant, device: DeviceId(device), generation };
    Ok(rows.into_iter().map(|row| settled(row.device, row.generation)).collect())
}
