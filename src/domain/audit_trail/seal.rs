//! Events are sealed soon after they were committed, many at a time, by one server at a time.

use std::collections::BTreeMap;

use crate::app::App;
use crate::model::audit_seal::{AuditSeal, Mac, NOTHING_BEFORE};
use crate::model::ids::TenantId;
use crate::store::audit_events::StoredEvent;
use crate::store::{self, audit_seals};

/// The most events that are sealed at once.
const MAX_BATCH: i64 = 1_000;

/// Seals a batch of events; how many they were. None: there is nothing to do, or another server does it.
pub async fn seal_batch(app: &App) -> store::Result<usize> {
    let mut transaction = app.db.begin().await?;
    if !audit_seals::try_lock(&mut *transaction).await? {
        return Ok(0);
    }
    let events = audit_seals::unsealed(&mut *transaction, MAX_BATCH).await?;
    let mut by_tenant: BTreeMap<_, Vec<&StoredEvent>> = BTreeMap::new();
    for event in &events {
        by_tenant.entry(TenantId(event.tenant_id)).or_default().push(event);
    }
    let now = app.clock.now();
    for (tenant_id, events) in by_tenant {
        let (before, mac_before) = match audit_seals::newest(&mut *transaction, tenant_id).await? {
            Some((number, mac)) => (number, Mac::try_from(&mac[..]).unwrap_or(NOTHING_BEFORE)),
            None => (0, NOTHING_BEFORE),
        };
        let seal = AuditSeal {
            tenant_id,
            number: before + 1,
            sealed_at: now,
            last_at: events.iter().map(|event| event.at).max().unwrap_or(now),
            events: events.iter().map(|event| (event.id, event.hash())).collect(),
        };
        let mac = app.secrets.audit_mac(&seal.message(&mac_before));
        audit_seals::insert(&mut transaction, &seal, &mac).await?;
    }
    transaction.commit().await?;
    Ok(events.len())
}
