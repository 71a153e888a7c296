//! Answers with tokens that did not reach their callers. The device's row is marked as soon as the database works, so
//! that the caller gets the same tokens when it asks again, however much later.
//!
//! A caller may be gone before its generation is stored, and a statement may commit after its connection was lost. So
//! what is not stored yet is looked for again, for two minutes.
//!
//! What this server knows is lost with it; then the time for repeats decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::app::App;
use crate::store;
use crate::store::batches::by_tenant;
use crate::store::refresh_tokens::unanswered::{self, Unanswered};

/// The most generations that wait to be marked.
const CAPACITY: usize = 100_000;
/// The pauses before each further look for a generation that is not stored yet.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_secs(90),
];
/// How long after trouble with the database it is not taken to be well.
const CONVALESCENCE: TimeDelta = TimeDelta::seconds(60);

/// Generations that wait to be marked, and the last trouble with the database.
#[derive(Debug, Default)]
pub struct LostAnswers {
    waiting: Mutex<HashMap<Unanswered, Look>>,
    last_trouble: Mutex<Option<DateTime<Utc>>>,
}

/// When a generation is looked for next.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// The number of looks before.
    before: usize,
}

impl LostAnswers {
    /// Watches the answer with a generation that is about to be issued.
    #[must_use]
    pub fn watch(self: &Arc<Self>, generation: Unanswered) -> Delivery {
        Delivery { lost: Arc::clone(self), generation: Some(generation) }
    }

    /// Remembers that the database did not answer.
    pub fn note_trouble(&self, now: DateTime<Utc>) {
        *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether the database has answered throughout the last minute, as far as this server knows.
    #[must_use]
    pub fn is_database_well(&self, now: DateTime<Utc>) -> bool {
        let trouble = *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.is_none_or(|trouble| now - trouble > CONVALESCENCE)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Unanswered, Look>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer on its way. Dropped before a byte of it was sent, it is lost.
#[derive(Debug)]
pub struct Delivery {
    lost: Arc<LostAnswers>,
    generation: Option<Unanswered>,
}

impl Delivery {
    /// The answer is being sent.
    pub fn is_sent(mut self) {
        self.generation = None;
    }

    /// Nothing was issued after all.
    pub fn is_not_owed(mut self) {
        self.generation = None;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(generation) = self.generation.take() else { return };
        let mut waiting = self.lost.waiting();
        if waiting.len() < CAPACITY {
            waiting.insert(generation, Look { at: Instant::now(), before: 0 });
        }
    }
}

/// Marks what waits. Returns the number of generations that are settled: marked, or not to be marked. All wait on if the
/// database does not answer.
pub async fn mark(app: &App) -> store::Result<usize> {
    let now = Instant::now();
    let due = |(lost, look): (&Unanswered, &Look)| (look.at <= now).then_some(*lost);
    let due: Vec<Unanswered> = app.lost_answers.waiting().iter().filter_map(due).collect();
    let mut count = 0;
    for (tenant, of_tenant) in by_tenant(due, |lost| lost.tenant) {
        let settled = unanswered::mark(&app.db, tenant, &of_tenant).await?;
        count += settled.len();
        let mut waiting = app.lost_answers.waiting();
        for lost in &of_tenant {
            let before = waiting.get(lost).map_or(0, |look| look.before);
            match PAUSES.get(before).filter(|_| !settled.contains(lost)) {
                Some(pause) => waiting.insert(*lost, Look { at: now + *pause, before: before + 1 }),
                None => waiting.remove(lost),
            };
        }
    }
    Ok(count)
}
