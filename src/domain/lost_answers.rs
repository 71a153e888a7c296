//! Answers with tokens that did not reach their callers. The device's row is marked as soon as the database answers, so
//! that the caller gets the same tokens when it asks again, however much later. Until it is marked, this server knows.
//!
//! A caller may be gone before its generation is stored, and a statement may commit after its connection was lost. So
//! what is not stored yet is looked up again ([`Looks`]).
//!
//! What this server knows is lost with it; then the time for repeats decides.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::looks::Looks;
use crate::app::App;
use crate::model::ids::{DeviceId, TenantId};
use crate::store;
use crate::store::batches::by_tenant;
use crate::store::refresh_tokens::unanswered::{self, Unanswered};
use crate::store::sending::Sending;

/// How long after trouble the database is not yet assumed to be well.
const CONVALESCENCE: TimeDelta = TimeDelta::seconds(60);
/// How long trouble with the database may go unnoticed: longer than a statement for an exchange may take.
const UNNOTICED: TimeDelta = TimeDelta::seconds(15);

/// Generations that wait to be marked, and the last trouble with the database.
#[derive(Debug, Default)]
pub struct LostAnswers {
    waiting: Looks<Unanswered>,
    last_trouble: Mutex<Option<Trouble>>,
}

/// A time in which the database did not always answer.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// A generation that is about to be issued.
#[derive(Clone, Copy, Debug)]
pub struct Generation {
    /// The tenant.
    pub tenant: TenantId,
    /// The device.
    pub device: DeviceId,
    /// The generation.
    pub number: i64,
}

impl LostAnswers {
    /// Watches the answer with a generation whose statement is about to be sent.
    #[must_use]
    pub fn watch(self: &Arc<Self>, generation: Generation, sending: Sending) -> Delivery {
        Delivery { lost: Arc::clone(self), owed: Some((generation, sending)) }
    }

    /// Returns `true` if the answer with this generation is known to be lost, and its row was not marked when it was read.
    #[must_use]
    pub fn is_lost(&self, generation: &Unanswered) -> bool {
        self.waiting.contains(generation)
    }

    /// Remembers that the database did not answer.
    pub fn note_trouble(&self, now: DateTime<Utc>) {
        let mut last = self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let since = last.filter(|last| now - last.until <= CONVALESCENCE).map_or(now, |last| last.since);
        *last = Some(Trouble { since, until: now });
    }

    /// Returns `true` if the answer with what was issued then may be lost and no one knows it yet: as far as this server
    /// knows, the database was in trouble then or soon afterwards, and has not been well for a minute since.
    #[must_use]
    pub fn may_be_lost(&self, issued_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let last = *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| now - last.until <= CONVALESCENCE && issued_at >= last.since - UNNOTICED)
    }
}

/// An answer on its way. Dropped before a byte of it was sent, it is lost, if the statement for it was sent.
#[derive(Debug)]
pub struct Delivery {
    lost: Arc<LostAnswers>,
    owed: Option<(Generation, Sending)>,
}

impl Delivery {
    /// The answer is being sent.
    pub fn is_sent(mut self) {
        self.owed = None;
    }

    /// Nothing was issued after all.
    pub fn is_not_owed(mut self) {
        self.owed = None;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some((Generation { tenant, device, number }, sending)) = self.owed.take()
            && let Some(issued_at) = sending.give_up()
        {
            let lost = Unanswered { tenant, device, generation: number, issued_at };
            self.lost.waiting.add(lost, Instant::now());
        }
    }
}

/// Marks what waits. Returns the number of generations that are settled: marked, or not to be marked. All wait on if the
/// database does not answer.
pub async fn mark(app: &App) -> store::Result<usize> {
    let (waiting, now) = (&app.lost_answers.waiting, Instant::now());
    let mut count = 0;
    for (tenant, of_tenant) in by_tenant(waiting.due(now), |lost| lost.tenant) {
        let settled = unanswered::mark(&app.db, tenant, &of_tenant).await?;
        count += settled.len();
        waiting.looked_for(&of_tenant, now, |lost| settled.contains(lost));
    }
    Ok(count)
}
