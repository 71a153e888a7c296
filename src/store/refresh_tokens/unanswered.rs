//! Generations whose answer is known to be lost: their callers may repeat the exchange without limit of time.

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

/// Marks generations of one tenant, where they are the newest of their devices. Others were not issued, or were used.
pub async fn mark(db: impl PgExecutor<'_>, tenant: TenantId, lost: &[Unanswered]) -> Result<()> {
    let devices: Vec<Uuid> = lost.iter().map(|lost| lost.device.0).collect();
    let generations: Vec<i64> = lost.iter().map(|lost| lost.generation).collect();
    sqlx::query!(
        "UPDATE devices d SET unanswered = true
         FROM unnest($2::uuid[], $3::bigint[]) AS lost (device, generation)
         WHERE d.id = lost.device AND d.tenant_id = $1 AND d.generation = lost.generation AND NOT d.unanswered",
        tenant.0,
        &devices,
        &generations
    )
    .execute(db)
    .await?;
    Ok(())
}
