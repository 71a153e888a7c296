//! An administrator disconnects many devices at once.

use serde_json::json;

use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::token_families::{Ending, record_end};
use crate::model::ids::TenantId;
use crate::model::token_family::RevocationReason;
use crate::store;
use crate::store::devices::endings;
use crate::store::devices::listings::{self, Filter};

/// The number of devices that are disconnected in one transaction.
const BATCH: i64 = 500;
/// The number that one request disconnects at most, so that it ends in time.
pub const MOST_AT_ONCE: i64 = 10_000;

/// The outcome of disconnecting many devices.
#[derive(Clone, Copy, Debug)]
pub struct BulkRevocation {
    /// The number that matched before any was disconnected.
    pub matching: i64,
    pub revoked: i64,
}

/// Disconnects the devices that match, newest first, at most [`MOST_AT_ONCE`]. If the database fails midway, those that were
/// disconnected stay so.
pub async fn revoke_matching(
    app: &App,
    tenant: TenantId,
    filter: &Filter,
    by: &By<'_>,
) -> store::Result<BulkRevocation> {
    let matching = listings::count(&app.db, tenant, filter, app.clock.now()).await?;
    let mut revoked = 0;
    while revoked < MOST_AT_ONCE {
        match revoke_batch(app, tenant, filter, by).await? {
            0 => break,
            more => revoked += more,
        }
    }
    Ok(BulkRevocation { matching, revoked })
}

async fn revoke_batch(app: &App, tenant: TenantId, filter: &Filter, by: &By<'_>) -> store::Result<i64> {
    let (reason, now) = (RevocationReason::DeviceRemoved, app.clock.now());
    let mut change = Change::begin(app, tenant, by).await?;
    let ids = listings::lock(&mut change, tenant, filter, BATCH, now).await?;
    let ended = endings::revoke_all(&mut *change, tenant, &ids, reason, now).await?;
    for device in &ended {
        let details = json!({"device_id": device, "in_bulk": true});
        record_end(&mut change, *device, Ending { reason, details }).await?;
    }
    change.commit().await?;
    Ok(i64::try_from(ended.len()).unwrap_or(i64::MAX))
}
