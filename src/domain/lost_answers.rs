//! Answers with tokens that did not reach their callers. The device's row is marked as soon as the database works, so
//! that the caller gets the same tokens when it asks again, however much later.
//!
//! What this server knows is lost with it; then the time for repeats decides.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::store;
use crate::store::batches::by_tenant;
use crate::store::refresh_tokens::unanswered::{self, Unanswered};

/// The most generations that wait to be marked.
const CAPACITY: usize = 100_000;
/// How long after trouble with the database it is not taken to be well.
const CONVALESCENCE: TimeDelta = TimeDelta::seconds(60);

/// Generations that wait to be marked, and the last trouble with the database.
#[derive(Debug, Default)]
pub struct LostAnswers {
    waiting: Mutex<HashSet<Unanswered>>,
    last_trouble: Mutex<Option<DateTime<Utc>>>,
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

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashSet<Unanswered>> {
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
            waiting.insert(generation);
        }
    }
}

/// Marks what waits. Returns the number of generations that were looked at; all wait on if the database does not answer.
pub async fn mark(app: &App) -> store::Result<usize> {
    let waiting: Vec<Unanswered> = app.lost_answers.waiting().iter().copied().collect();
    for (tenant, of_tenant) in by_tenant(waiting.iter().copied(), |lost| lost.tenant) {
        unanswered::mark(&app.db, tenant, &of_tenant).await?;
        let mut left = app.lost_answers.waiting();
        for marked in &of_tenant {
            left.remove(marked);
        }
    }
    Ok(waiting.len())
}
