//! Answers with tokens that did not reach their callers. The device's row is marked as soon as the database answers, so
//! that the caller gets the same tokens when it asks again, however much later. Until it is marked, this server knows.
//!
//! A caller may be gone before its generation is stored, and a statement may commit after its connection was lost. So
//! what is not stored yet is looked up again ([`Looks`]).
//!
//! What this server knows is lost with it; then the time for repeats decides.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::looks::Looks;
use crate::model::ids::{DeviceId, TenantId};
use crate::store::refresh_tokens::unanswered::Unanswered;
use crate::store::sending::Sending;

/// How long after trouble the database is not yet assumed to be well.
const CONVALESCENCE: TimeDelta = TimeDelta::seconds(60);
/// How much longer trouble with the database may go unnoticed than a request or its statement may take.
const MARGIN: Duration = Duration::from_secs(5);

/// Generations that wait to be marked, and the last trouble with the database.
#[derive(Debug)]
pub struct LostAnswers {
    /// Generations to mark.
    pub waiting: Looks<Unanswered>,
    /// How long trouble with the database may go unnoticed.
    unnoticed: TimeDelta,
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
    pub tenant: TenantId,
    pub device: DeviceId,
    pub number: i64,
}

impl LostAnswers {
    /// Knows nothing yet. An answer may be owed for as long as a request and a statement may take.
    #[must_use]
    pub fn new(longest_request: Duration, longest_statement: Duration) -> Self {
        let unnoticed = longest_request.max(longest_statement) + MARGIN;
        let unnoticed = TimeDelta::from_std(unnoticed).unwrap_or(TimeDelta::MAX);
        Self { waiting: Looks::default(), unnoticed, last_trouble: Mutex::default() }
    }

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
        last.is_some_and(|last| now - last.until <= CONVALESCENCE && last.since - issued_at <= self.unnoticed)
    }
}

/// An answer on its way. Dropped before a byte of it was sent, it is lost, if the statement for it was sent.
#[derive(Debug)]
pub struct Delivery {
    lost: Arc<LostAnswers>,
    owed: Option<(Generation, Sending)>,
}

impl Delivery {
    pub fn is_sent(mut self) {
        self.owed = None;
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_goes_unnoticed_for_as_long_as_requests_and_statements_may_take() {
        let (at, seconds) = (DateTime::UNIX_EPOCH, TimeDelta::seconds);
        for (request, statement, longest) in [(10, 4, 15), (60, 4, 65), (5, 9, 14)] {
            let lost = LostAnswers::new(Duration::from_secs(request), Duration::from_secs(statement));
            lost.note_trouble(at);
            assert!(lost.may_be_lost(at - seconds(longest), at), "{request} {statement}");
            assert!(!lost.may_be_lost(at - seconds(longest + 1), at), "{request} {statement}");
        }
    }
}
