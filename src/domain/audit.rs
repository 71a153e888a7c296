//! Writing the audit trail.

use sqlx::PgExecutor;

use crate::app::App;
use crate::model::audit_event::AuditEvent;
use crate::model::ids::TenantId;
use crate::store::{self, audit_events};

/// Writes an event; give it the transaction of the change it tells of.
pub async fn record(
    app: &App,
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    event: &AuditEvent<'_>,
) -> store::Result<()> {
    let now = app.clock.now();
    audit_events::insert(db, app.random.uuid_v7(now), tenant, event, now).await
}
