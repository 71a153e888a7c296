//! Generations whose answer is known to be lost: their callers may repeat the exchange without limit of time.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::ids::{DeviceId, TenantId};
use crate::store::Result;

/// A generation that may have been issued, and that its caller did not receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unanswered {
    pub tenant: TenantId,
    pub device: DeviceId,
    /// The generation that would have been issued.
    pub generation: i64,
    /// When, as the row has it. Somebody else's exchange for the same generation was at another time.
    pub issued_at: DateTime<Utc>,
}

/// Marks generations of one tenant, where they are the newest of their devices and were issued by the exchange whose answer
/// was lost: whoever hangs up on an exchange that brought nothing gets no more time for it. Returns those that are settled:
/// marked, issued to somebody else, or used since. Others may still be stored by a statement that is under way.
pub async fn mark(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    lost: &[Unanswered],
) -> Result<HashSet<Unanswered>> {
    let devices: Vec<Uuid> = lost.iter().map(|lost| lost.device.0).collect();
    let generations: Vec<i64> = lost.iter().map(|lost| lost.generation).collect();
    let times: Vec<DateTime<Utc>> = lost.iter().map(|lost| lost.issued_at).collect();
    let settled = sqlx::query_scalar!(
        r#"WITH lost AS MATERIALIZED (
               SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) WITH ORDINALITY
                             AS lost (device, generation, issued_at, nth)
           ), marked AS (
               UPDATE devices d SET unanswered = true
               FROM lost
               WHERE d.id = lost.device AND d.tenant_id = $1 AND d.generation = lost.generation
                 AND d.exchanged_at = lost.issued_at AND NOT d.unanswered
           )
           SELECT lost.nth AS "nth!"
           FROM lost JOIN devices d ON d.id = lost.device AND d.tenant_id = $1
           WHERE d.generation >= lost.generation"#,
        tenant.0,
        &devices,
        &generations,
        &times
    )
    .fetch_all(db)
    .await?;
    let nth = |nth: i64| usize::try_from(nth - 1).ok().and_then(|index| lost.get(index)).copied();
    Ok(settled.into_iter().filter_map(nth).collect())
}
