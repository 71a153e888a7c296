//! Events are sealed soon after they were committed, many at a time, by one server at a time. An event that does not
//! carry the code a server gave it when it was written is refused: it stays unsealed, and operators are told.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::App;
use crate::domain::mac_keys::audit_keys::{AuditKeys, is_same};
use crate::model::audit_seal::{AuditSeal, Mac, NOTHING_BEFORE};
use crate::model::ids::TenantId;
use crate::store::audit_events::StoredEvent;
use crate::store::connections::unattended;
use crate::store::{self, audit_seals};

/// The most events that are sealed in one transaction.
const MAX_BATCH: i64 = 1_000;

/// What sealing everything that waited came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealing {
    /// The number of events that were sealed.
    pub sealed: usize,
    /// The number of events that were refused, now or before.
    pub refused: usize,
}

/// Seals every event that waits and carries a valid code.
///
/// # Errors
/// Also if another session does not release the lock in time; [`App::audit_sealing`] notes since when.
pub async fn seal_waiting(app: &App) -> store::Result<Sealing> {
    app.audit_sealing.begin(app.clock.now());
    let mut done = Sealing::default();
    for tenant in audit_seals::with_unsealed(&app.db).await? {
        seal_waiting_of(app, tenant, &mut done).await?;
    }
    app.audit_sealing.succeed(done.refused);
    Ok(done)
}

async fn seal_waiting_of(app: &App, tenant: TenantId, done: &mut Sealing) -> store::Result<()> {
    let mut after = Some(Uuid::nil());
    while let Some(last) = after {
        after = unattended(seal_batch(app, tenant, last, done)).await?;
    }
    Ok(())
}

/// Seals the events of a tenant that follow the event `after`, as many as one seal takes. Returns the last of them.
async fn seal_batch(
    app: &App,
    tenant: TenantId,
    after: Uuid,
    done: &mut Sealing,
) -> store::Result<Option<Uuid>> {
    let mut transaction = audit_seals::begin(&app.db).await?;
    let events = audit_seals::unsealed(&mut *transaction, tenant, after, MAX_BATCH).await?;
    let Some(last) = events.last() else { return Ok(None) };
    let keys = AuditKeys::read(app, &mut *transaction, tenant).await?;
    let (genuine, refused): (Vec<_>, Vec<_>) = events.iter().partition(|event| is_genuine(&keys, event));
    seal(app, &mut transaction, tenant, &keys, &genuine).await?;
    transaction.commit().await?;
    done.sealed += genuine.len();
    done.refused += refused.len();
    Ok(Some(last.id))
}

/// Returns `true` if a server wrote the event as it is.
pub(super) fn is_genuine(keys: &AuditKeys, event: &StoredEvent) -> bool {
    let (Some(mac), Some(envelope)) = (&event.mac, event.envelope()) else { return false };
    keys.any_code(event.at, &envelope.message(), |key| is_same(&event.expected_mac(key), mac))
}

/// Seals events of one tenant. None are sealed if there is no key, for then none is genuine.
async fn seal(
    app: &App,
    db: &mut PgConnection,
    tenant_id: TenantId,
    keys: &AuditKeys,
    events: &[&StoredEvent],
) -> store::Result<()> {
    let Some(last_at) = events.iter().map(|event| event.at).max() else { return Ok(()) };
    let (before, mac_before) = match audit_seals::newest(&mut *db, tenant_id).await? {
        Some((number, mac)) => (number, Mac::try_from(&mac[..]).unwrap_or(NOTHING_BEFORE)),
        None => (0, NOTHING_BEFORE),
    };
    let seal = AuditSeal {
        tenant_id,
        number: before + 1,
        sealed_at: app.clock.now(),
        last_at,
        events: events.iter().map(|event| (event.id, event.hash())).collect(),
    };
    match keys.code(&seal.message(&mac_before)) {
        Some(mac) => audit_seals::insert(db, &seal, &mac).await,
        None => Ok(()),
    }
}
