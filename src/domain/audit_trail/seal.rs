//! Events are sealed soon after they were committed, many at a time, by one server at a time. An event that does not
//! carry the code a server gave it when it was written is refused: it stays unsealed, and operators are told.

use uuid::Uuid;

use crate::app::App;
use crate::domain::mac_keys::audit_keys::{AuditKeys, is_same};
use crate::model::audit_seal::{AuditSeal, Mac, NOTHING_BEFORE};
use crate::model::ids::TenantId;
use crate::store::audit_events::{self, StoredEvent};
use crate::store::audit_seals::{self, Place};
use crate::store::connections::unattended;
use crate::store::{self, Connection};

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
    let mut after = Some(audit_seals::FIRST_PLACE.to_owned());
    while let Some(place) = after {
        after = unattended(seal_batch(app, tenant, &place, done)).await?;
    }
    Ok(())
}

/// Seals the events of a tenant after a place in the list of those without a seal, as many as one seal takes. Returns the
/// last place.
async fn seal_batch(
    app: &App,
    tenant: TenantId,
    after: &str,
    done: &mut Sealing,
) -> store::Result<Option<Place>> {
    let mut transaction = audit_seals::begin(&app.db).await?;
    let waiting = audit_seals::unsealed(&mut *transaction, tenant, after, MAX_BATCH).await?;
    let (ids, places): (Vec<Uuid>, Vec<Place>) = waiting.into_iter().unzip();
    let Some(last) = places.last().cloned() else { return Ok(None) };
    let mut events = audit_events::with_ids(&mut *transaction, tenant, &ids).await?;
    events.sort_unstable_by_key(|event| event.id);
    let keys = AuditKeys::read(app, &mut *transaction, tenant).await?;
    let (genuine, refused): (Vec<_>, Vec<_>) = events.iter().partition(|event| is_genuine(&keys, event));
    seal(app, &mut transaction, tenant, &keys, &genuine, &places).await?;
    transaction.commit().await?;
    done.sealed += genuine.len();
    done.refused += refused.len();
    Ok(Some(last))
}

/// Returns `true` if a server wrote the event as it is.
pub(super) fn is_genuine(keys: &AuditKeys, event: &StoredEvent) -> bool {
    let (Some(mac), Some(envelope)) = (&event.mac, event.envelope()) else { return false };
    keys.any_code(event.at, &envelope.message(), |key| is_same(&event.expected_mac(key), mac))
}

/// Seals events of one tenant. None are sealed if there is no key, for then none is genuine.
async fn seal(
    app: &App,
    db: &mut Connection,
    tenant_id: TenantId,
    keys: &AuditKeys,
    events: &[&StoredEvent],
    places: &[Place],
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
        Some(mac) => audit_seals::insert(db, &seal, &mac, places).await,
        None => Ok(()),
    }
}
