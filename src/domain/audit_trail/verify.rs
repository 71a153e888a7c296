//! Whether the audit trail is as it was written.

use std::collections::HashMap;
use std::fmt;

use uuid::Uuid;

use super::seal::is_genuine;
use crate::app::App;
use crate::domain::mac_keys::audit_keys::AuditKeys;
use crate::model::audit_seal::{Mac, NOTHING_BEFORE, clearing_message};
use crate::model::ids::TenantId;
use crate::store::audit_seals::{self, StoredSeal};
use crate::store::memory::sealing_watch::PATIENCE;
use crate::store::{self, Connection, audit_events, transactions};

/// Seals that are read at once.
const PAGE: i64 = 50;
/// Unsealed events that are read at once.
const MAX_EVENTS: usize = 1_000;
/// The most faults that are told of one tenant; one is enough to know.
const MAX_FAULTS: usize = 100;

/// What somebody did to the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A sealed event is not what it was.
    Changed(Uuid),
    /// An event is gone before its time.
    Removed(Uuid),
    /// An event is there that no server wrote, or not as it is.
    Inserted(Uuid),
    SealMissing(i64),
    /// A seal is not what it was, or was not made with a key of the tenant.
    SealChanged(i64),
    /// The chain does not hold the seal that somebody remembers.
    HeadMissing(i64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(id) => write!(f, "event {id} was changed"),
            Self::Removed(id) => write!(f, "event {id} was removed"),
            Self::Inserted(id) => write!(f, "event {id} was inserted or changed before it was sealed"),
            Self::SealMissing(number) => write!(f, "seal {number} is missing"),
            Self::SealChanged(number) => {
                write!(f, "seal {number} was changed or created with a different master key")
            }
            Self::HeadMissing(number) => write!(f, "seal {number} does not match the recorded one"),
        }
    }
}

/// A seal's number and code, written down elsewhere: proof that the chain was not cut off before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub number: i64,
    pub mac: Vec<u8>,
}

/// What was found in one tenant.
#[derive(Debug)]
pub struct Verdict {
    pub tenant: TenantId,
    pub seals: u64,
    /// How many sealed events.
    pub events: u64,
    /// The number of events that wait to be sealed. Nothing proves that there were not more of them.
    pub unsealed: usize,
    /// How many of them have waited for so long that no server can have been able to seal.
    pub overdue: usize,
    /// The newest seal.
    pub head: Option<Head>,
    pub faults: Vec<Fault>,
}

/// Verifies one tenant, or all that have left a trace, as of one moment. `remembered` is looked for in each.
pub async fn verify(
    app: &App,
    tenant: Option<TenantId>,
    remembered: Option<&Head>,
) -> store::Result<Vec<Verdict>> {
    let mut transaction =
        transactions::begin(&app.db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let tenants = match tenant {
        Some(tenant) => vec![tenant],
        None => audit_seals::tenants(&mut *transaction).await?,
    };
    let mut verdicts = Vec::new();
    for tenant in tenants {
        verdicts.push(verify_tenant(app, &mut transaction, tenant, remembered).await?);
    }
    Ok(verdicts)
}

async fn verify_tenant(
    app: &App,
    db: &mut Connection,
    tenant: TenantId,
    remembered: Option<&Head>,
) -> store::Result<Verdict> {
    let mut verdict =
        Verdict { tenant, seals: 0, events: 0, unsealed: 0, overdue: 0, head: None, faults: Vec::new() };
    let keys = AuditKeys::read(app, &mut *db, tenant).await?;
    let mut remembered = remembered;
    loop {
        let after = verdict.head.as_ref().map_or(0, |head| head.number);
        let page = audit_seals::page(&mut *db, tenant, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            check_chain(&keys, &mut verdict, &stored);
            if stored.cleared_mac.is_none() {
                check_events(&mut *db, &mut verdict, &stored).await?;
            }
            let head = Head { number: stored.seal.number, mac: stored.mac };
            remembered = remembered.filter(|remembered| **remembered != head);
            verdict.seals += 1;
            verdict.head = Some(head);
        }
    }
    if let Some(missing) = remembered {
        verdict.faults.push(Fault::HeadMissing(missing.number));
    }
    let limit = i64::try_from(MAX_FAULTS).unwrap_or(i64::MAX);
    let strangers = audit_seals::strangers(&mut *db, tenant, limit).await?;
    verdict.faults.extend(strangers.into_iter().map(Fault::Inserted));
    check_waiting(app, &mut *db, &keys, &mut verdict).await?;
    verdict.faults.truncate(MAX_FAULTS);
    Ok(verdict)
}

/// Whether the events that wait to be sealed are there, and a server wrote them as they are.
async fn check_waiting(
    app: &App,
    db: &mut Connection,
    keys: &AuditKeys,
    verdict: &mut Verdict,
) -> store::Result<()> {
    let waiting = audit_seals::waiting(&mut *db, verdict.tenant).await?;
    verdict.unsealed = waiting.len();
    for ids in waiting.chunks(MAX_EVENTS) {
        let found = audit_events::with_ids(&mut *db, verdict.tenant, ids).await?;
        let found: HashMap<_, _> = found.iter().map(|event| (event.id, event)).collect();
        for id in ids {
            match found.get(id) {
                None => verdict.faults.push(Fault::Removed(*id)),
                Some(event) if !is_genuine(keys, event) => verdict.faults.push(Fault::Inserted(*id)),
                Some(event) => verdict.overdue += usize::from(app.clock.now() - event.at >= PATIENCE),
            }
        }
    }
    Ok(())
}

/// Returns `true` if another session holds the lock that sealing needs, for longer than a server does.
pub async fn is_sealing_blocked(app: &App) -> store::Result<bool> {
    match audit_seals::begin(&app.db).await {
        Ok(_) => Ok(false),
        Err(error) if error.is_passing() => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the seal follows the one before it, and nobody else made it.
fn check_chain(keys: &AuditKeys, verdict: &mut Verdict, stored: &StoredSeal) {
    let number = stored.seal.number;
    let mac = Mac::try_from(&stored.mac[..]).unwrap_or(NOTHING_BEFORE);
    if let Some(cleared) = &stored.cleared_mac {
        // What was before it is gone, so its own code cannot be made anew; the second one vouches for it.
        let is_first = verdict.head.is_none();
        if !is_first || !keys.verify_current(&clearing_message(&mac), cleared) {
            verdict.faults.push(Fault::SealChanged(number));
        }
        return;
    }
    let (expected, before) = match &verdict.head {
        Some(head) => (head.number + 1, Mac::try_from(&head.mac[..]).unwrap_or(NOTHING_BEFORE)),
        None => (1, NOTHING_BEFORE),
    };
    if number == expected {
        if !keys.verify(stored.seal.sealed_at, &stored.seal.message(&before), &stored.mac) {
            verdict.faults.push(Fault::SealChanged(number));
        }
    } else {
        verdict.faults.extend((expected..number).take(MAX_FAULTS).map(Fault::SealMissing));
    }
}

/// Whether the events are there and as they were.
async fn check_events(db: &mut Connection, verdict: &mut Verdict, stored: &StoredSeal) -> store::Result<()> {
    let sealed = &stored.seal.events;
    let ids: Vec<Uuid> = sealed.iter().map(|(id, _)| *id).collect();
    let found = audit_events::with_ids(db, verdict.tenant, &ids).await?;
    let hashes: HashMap<_, _> = found.iter().map(|event| (event.id, event.hash())).collect();
    for (id, hash) in sealed {
        match hashes.get(id) {
            Some(found) if found == hash => {}
            Some(_) => verdict.faults.push(Fault::Changed(*id)),
            None => verdict.faults.push(Fault::Removed(*id)),
        }
    }
    verdict.events += sealed.len() as u64;
    Ok(())
}
