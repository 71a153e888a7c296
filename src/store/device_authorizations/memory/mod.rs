//! What this server remembers of waiting sessions, so that a poll that says nothing new asks nobody.
//!
//! Truth is the database. Memory may be wrong in one direction only: it may say *pending* for a moment longer. It
//! never grants anything; whatever is not pending is asked of the database.
//!
//! What keeps it honest:
//! - every decision is announced, and [`SessionMemory::decided`] marks the session;
//! - a row read before a decision cannot be remembered after its announcement: whoever reads takes a [`Ticket`]
//!   first, and an announcement in between makes it worthless;
//! - while announcements cannot be heard, nothing remembered is trusted ([`SessionMemory::distrust`]), and
//!   what was remembered before is not trusted afterwards until it was read anew;
//! - every session is read anew now and then all the same ([`SessionMemory::take_due`]).

mod chunks;
mod counted_poll;
mod pending_session;
mod shard;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::model::ids::{DeviceAuthorizationId, TenantId};
pub use counted_poll::{CountedPoll, CountedPolls, PollAnswer};
pub use pending_session::{Marks, Owner, PendingSession, UnwrittenPolls};
use shard::Shard;

/// Not a power of two: tables double, and a million sessions over 96 shards fill theirs well.
const SHARDS: usize = 96;

/// Taken before a row is read, to remember it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    announcements: u64,
    epoch: u32,
}

/// What somebody who waits for a decision can do.
#[derive(Debug)]
pub enum Wait {
    For(Arc<Notify>),
    /// Ask the database: it was decided, or its time has passed.
    Over,
    /// Not wait: announcements are not heard, or the session is not remembered.
    Impossible,
}

/// Whether a session is remembered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    Yes,
    /// Memory is full, or something was announced while the row was read.
    No,
}

/// Sessions whose turn it was to be looked at.
#[derive(Debug, Default)]
pub struct Due {
    /// How many there were, the forgotten ones included. None: it is nobody's turn.
    pub looked_at: usize,
    pub to_read: Vec<(TenantId, DeviceAuthorizationId)>,
}

#[derive(Debug)]
pub struct SessionMemory {
    shards: Box<[Mutex<Shard>]>,
    capacity_of_shard: usize,
    heard: AtomicBool,
    epoch: AtomicU32,
    /// The shard whose polls are the next to be written.
    next_to_write: AtomicUsize,
}

impl SessionMemory {
    /// A memory for so many sessions. It is not trusted before [`Self::trust`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity_of_shard: capacity.div_ceil(SHARDS),
            heard: AtomicBool::new(false),
            epoch: AtomicU32::new(1),
            next_to_write: AtomicUsize::new(0),
        }
    }

    /// Whether announcements are heard, so that what is remembered can be trusted.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// Announcements are heard from now on. What was remembered before may have been decided unheard.
    pub fn trust(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.heard.store(true, Ordering::Release);
    }

    /// Announcements are not heard any more. Those who wait are woken to ask the database.
    pub fn distrust(&self) {
        self.heard.store(false, Ordering::Release);
        for shard in &self.shards {
            lock(shard).wake_all();
        }
    }

    /// Applies `rule` to a session that is remembered, undecided and trusted. It runs under the shard's lock and
    /// must not take long.
    pub fn with<T>(
        &self,
        id: &DeviceAuthorizationId,
        rule: impl FnOnce(&mut PendingSession) -> T,
    ) -> Option<T> {
        let epoch = self.epoch.load(Ordering::Acquire);
        if !self.is_trusted() {
            return None;
        }
        self.shard(id).apply(id, |session| session.epoch == epoch, rule)
    }

    /// The same for any session that is remembered and not known to be decided, trusted or not: for when the
    /// database cannot be asked, and *pending* is the safe answer.
    pub fn with_untrusted<T>(
        &self,
        id: &DeviceAuthorizationId,
        rule: impl FnOnce(&mut PendingSession) -> T,
    ) -> Option<T> {
        self.shard(id).apply(id, |_| true, rule)
    }

    /// Whether somebody is known to have decided on a session.
    #[must_use]
    pub fn is_decided(&self, id: &DeviceAuthorizationId) -> bool {
        self.shard(id).find(id).is_some_and(|session| session.marks.decided)
    }

    /// How to wait for the decision on a session.
    #[must_use]
    pub fn wait(&self, id: &DeviceAuthorizationId) -> Wait {
        let epoch = self.epoch.load(Ordering::Acquire);
        match self.shard(id).find(id) {
            Some(session) if session.marks.decided => Wait::Over,
            Some(session) if self.is_trusted() && session.epoch == epoch => {
                Wait::For(Arc::clone(session.waiters.get_or_insert_default()))
            }
            _ => Wait::Impossible,
        }
    }

    /// To be taken before a row is read that is to be remembered.
    #[must_use]
    pub fn ticket(&self, id: &DeviceAuthorizationId) -> Ticket {
        let epoch = self.epoch.load(Ordering::Acquire);
        Ticket { announcements: self.shard(id).announcements, epoch }
    }

    /// Remembers a session that was just stored: nobody can have decided it yet.
    pub fn remember_new(&self, session: PendingSession, now: DateTime<Utc>) -> Remembered {
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut shard = self.shard(&session.id);
        self.put(&mut shard, PendingSession { epoch, ..session }, now)
    }

    /// Remembers a session as it was read, unless anything was announced since the ticket was taken: the row may
    /// be older than the announcement.
    pub fn remember_read(&self, session: PendingSession, ticket: Ticket, now: DateTime<Utc>) -> Remembered {
        let mut shard = self.shard(&session.id);
        if shard.announcements != ticket.announcements {
            return Remembered::No;
        }
        if let Some(known) = shard.find(&session.id) {
            known.epoch = ticket.epoch;
            if session.polling.last_polled_at > known.polling.last_polled_at {
                // Another server counted it.
                known.counted = None;
            }
            known.polling.interval_seconds =
                known.polling.interval_seconds.max(session.polling.interval_seconds);
            known.polling.last_polled_at = known.polling.last_polled_at.max(session.polling.last_polled_at);
            return Remembered::Yes;
        }
        self.put(&mut shard, PendingSession { epoch: ticket.epoch, ..session }, now)
    }

    fn put(&self, shard: &mut Shard, session: PendingSession, now: DateTime<Utc>) -> Remembered {
        if shard.len() >= self.capacity_of_shard {
            return Remembered::No;
        }
        shard.insert(session, now);
        Remembered::Yes
    }

    /// Somebody decided: the session is asked of the database from now on, and those who wait are woken.
    pub fn decided(&self, id: &DeviceAuthorizationId) {
        let mut shard = self.shard(id);
        shard.announcements += 1;
        if let Some(session) = shard.find(id) {
            session.marks.decided = true;
            if let Some(waiters) = &session.waiters {
                waiters.notify_waiters();
            }
        }
    }

    /// Another server has told the device to slow down.
    pub fn raised(&self, id: &DeviceAuthorizationId, interval_seconds: u32) {
        self.update(id, |session| {
            session.polling.interval_seconds = session.polling.interval_seconds.max(interval_seconds);
        });
    }

    /// Changes a session by what the database knows of it, if it is remembered.
    pub fn update(&self, id: &DeviceAuthorizationId, change: impl FnOnce(&mut PendingSession)) {
        if let Some(session) = self.shard(id).find(id) {
            change(session);
        }
    }

    /// Polls that wait to be written, at most `max`, the oldest first within each shard. Where one call stops the next
    /// one goes on, so that every shard has its turn however few are taken at once.
    #[must_use]
    pub fn take_unwritten(&self, max: usize) -> Vec<UnwrittenPolls> {
        let mut taken = Vec::new();
        let share = max.div_ceil(SHARDS);
        let first = self.next_to_write.load(Ordering::Relaxed);
        for number in (0..SHARDS).map(|nth| (first + nth) % SHARDS) {
            if taken.len() == max {
                self.next_to_write.store(number, Ordering::Relaxed);
                break;
            }
            let room = share.min(max - taken.len());
            lock(&self.shards[number]).take_unwritten(room, &mut taken);
        }
        taken
    }

    /// Lets all polls be written that were not yet, early ones too: nobody will be here to write them later.
    pub fn line_up_all(&self) {
        for shard in &self.shards {
            lock(shard).line_up_all();
        }
    }

    /// Puts back what could not be written.
    pub fn put_back<'a>(&self, polls: impl IntoIterator<Item = &'a UnwrittenPolls>) {
        for unwritten in polls {
            self.shard(&unwritten.id).put_back(unwritten);
        }
    }

    /// Forgets sessions whose time has passed, and names those that are due to be read anew: at most `max` of
    /// both together, so that many that expire at once hold nobody up. What is not trusted is not due: every poll
    /// of it reads it anyway.
    #[must_use]
    pub fn take_due(&self, now: DateTime<Utc>, max: usize) -> Due {
        let trusted = self.is_trusted().then(|| self.epoch.load(Ordering::Acquire));
        let mut due = Due::default();
        let share = max.div_ceil(SHARDS);
        for shard in &self.shards {
            lock(shard).take_due(now, share, trusted, &mut due);
        }
        due
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, id: &DeviceAuthorizationId) -> MutexGuard<'_, Shard> {
        let number = (shard::prefix(id) >> 32) as usize % SHARDS;
        lock(&self.shards[number])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
