//! Step 5, afterwards: what memory knows of polls is written to the database, and what the database knows is
//! read, both many at once.

use std::collections::HashMap;

use crate::app::App;
use crate::model::device_authorization::Polling;
use crate::model::ids::TenantId;
use crate::store;
use crate::store::announcements::{Announcement, announce_all};
use crate::store::batches::by_tenant;
use crate::store::connections::unattended;
use crate::store::device_authorizations::memory::{PendingSession, UnwrittenPolls};
use crate::store::device_authorizations::polls::{self, Written};

/// Writes the polls of up to `max` authorizations. Returns how many it wrote. Those of rows that are locked at this
/// moment are kept for the next time, those of erased ones are not.
pub async fn write_polls(app: &App, max: usize) -> store::Result<usize> {
    let unwritten = app.sessions.take_unwritten(max);
    if unwritten.is_empty() {
        return Ok(0);
    }
    let mut written = 0;
    let mut failed = None;
    for (tenant, polls) in by_tenant(unwritten, |polls| polls.tenant) {
        match unattended(write_polls_of(app, tenant, &polls)).await {
            Ok(number) => written += number,
            Err(error) => {
                app.sessions.put_back(&polls);
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(written), Err)
}

async fn write_polls_of(app: &App, tenant: TenantId, unwritten: &[UnwrittenPolls]) -> store::Result<usize> {
    let written = polls::write(&app.db, tenant, unwritten).await?;
    let mut left: HashMap<_, _> = unwritten.iter().map(|polls| (polls.id, *polls)).collect();
    for theirs in &written {
        let Some(ours) = left.remove(&theirs.id) else { continue };
        if theirs.is_pending {
            app.sessions.update(&ours.id, |session| compare(session, &ours, theirs));
        } else {
            app.sessions.decided(&ours.id);
        }
    }
    if !left.is_empty() {
        let ids: Vec<_> = left.keys().copied().collect();
        let erased = polls::erased_among(&app.db, tenant, &ids).await;
        for ours in erased.iter().flatten().filter_map(|id| left.remove(id)) {
            app.sessions.decided(&ours.id);
        }
        if let Err(error) = erased {
            tracing::warn!(%error, "erased authorizations not looked up");
        }
        app.sessions.put_back(left.values());
    }
    tell_others(app, &written).await;
    Ok(written.len())
}

/// Tells the other servers of raised intervals. One that does not hear of it learns it when it writes its own polls of
/// the device.
async fn tell_others(app: &App, written: &[Written]) {
    let raised: Vec<_> = written
        .iter()
        .filter(|written| written.raised && written.is_pending)
        .map(|written| Announcement::Raised(written.id, written.interval_seconds))
        .collect();
    if raised.is_empty() {
        return;
    }
    if let Err(error) = announce_all(&app.db, &raised).await {
        tracing::warn!(%error, "raised poll intervals not announced");
    }
}

/// Detects early polls of a device whose polls reach several instances: each instance sees only its own, so it may not
/// notice an early one. This catches it: the next poll gets `slow_down`.
fn compare(session: &mut PendingSession, ours: &UnwrittenPolls, theirs: &Written) {
    let polling = &mut session.polling;
    polling.interval_seconds = polling.interval_seconds.max(theirs.interval_seconds);
    let Some(before) = theirs.last_polled_before else { return };
    let (earlier, later) = (before.min(ours.last_polled_at), before.max(ours.last_polled_at));
    let together = Polling { interval_seconds: ours.interval_seconds, last_polled_at: Some(earlier) };
    if !ours.slowed && together.is_early(later) {
        session.marks.owes_slow_down = true;
    }
    session.polling.last_polled_at = session.polling.last_polled_at.max(Some(before));
}

/// Looks at no more than `max` sessions whose turn it is: reads those anew that were not read for half a minute, and
/// forgets those whose time has passed; how many there were. An announcement that was missed, for whatever reason, is
/// made up for here.
pub async fn reread_due(app: &App, max: usize) -> store::Result<usize> {
    let due = app.sessions.take_due(app.clock.now(), max);
    for (tenant, to_read) in by_tenant(due.to_read, |(tenant, _)| *tenant) {
        let ids: Vec<_> = to_read.iter().map(|(_, id)| *id).collect();
        for id in polls::decided_among(&app.db, tenant, &ids).await? {
            app.sessions.decided(&id);
        }
    }
    Ok(due.looked_at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::{ClientId, DeviceAuthorizationId};
    use crate::model::tenant::DEFAULT_TENANT;
    use crate::store::device_authorizations::memory::Owner;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn owes(before: Option<i64>, own: i64, slowed: bool) -> bool {
        let id = DeviceAuthorizationId(Uuid::nil());
        let owner = Owner {
            tenant_id: DEFAULT_TENANT,
            client_id: ClientId::parse("tv").unwrap(),
            tally: Arc::default(),
        };
        let polling = Polling { interval_seconds: 5, last_polled_at: Some(at(own)) };
        let mut session = PendingSession::new(id, Arc::new(owner), at(600), polling);
        let ours = UnwrittenPolls {
            tenant: DEFAULT_TENANT,
            id,
            polls: 1,
            last_polled_at: at(own),
            interval_seconds: 5,
            slowed,
        };
        let theirs = Written {
            id,
            last_polled_before: before.map(at),
            interval_seconds: 5,
            raised: false,
            is_pending: true,
        };
        compare(&mut session, &ours, &theirs);
        session.marks.owes_slow_down
    }

    #[test]
    fn polls_on_two_servers_are_too_early_together() {
        assert!(owes(Some(0), 2, false));
        assert!(owes(Some(4), 2, false));
        assert!(!owes(Some(0), 5, false));
        assert!(!owes(None, 2, false));
    }

    #[test]
    fn nobody_is_told_twice_for_one_poll() {
        assert!(!owes(Some(0), 2, true));
    }
}
