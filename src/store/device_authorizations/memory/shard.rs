//! One part of the memory, behind one lock.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use hashbrown::HashTable;

use super::chunks::Chunks;
use super::{Due, PendingSession, UnwrittenPolls};
use crate::model::ids::DeviceAuthorizationId;

/// How long a session is believed without being read anew.
const SAFETY_REREAD: TimeDelta = TimeDelta::seconds(30);

/// The second half of the ID, a UUID of version 7, is random, and only the server makes the identifiers that are looked up: it is as good a
/// hash as any.
pub(super) fn prefix(id: &DeviceAuthorizationId) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&id.0.as_bytes()[8..]);
    u64::from_le_bytes(bytes)
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    sessions: Chunks<PendingSession>,
    /// Where each session is among them, by its code.
    places: HashTable<u32>,
    /// When each session is next to be looked at, in Unix seconds, and its prefix; about in order of time.
    agenda: VecDeque<(i64, u64)>,
    /// Prefixes of sessions with unwritten polls.
    line: VecDeque<u64>,
    /// How many decisions were announced for codes of this shard.
    pub(super) announcements: u64,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn find(&mut self, id: &DeviceAuthorizationId) -> Option<&mut PendingSession> {
        let at = self.place(prefix(id), |session| session.id == *id)?;
        Some(&mut self.sessions[at])
    }

    fn find_by_prefix(&mut self, wanted: u64) -> Option<&mut PendingSession> {
        let at = self.place(wanted, |session| prefix(&session.id) == wanted)?;
        Some(&mut self.sessions[at])
    }

    fn place(&self, hash: u64, is_it: impl Fn(&PendingSession) -> bool) -> Option<usize> {
        self.places.find(hash, |at| is_it(&self.sessions[*at as usize])).map(|at| *at as usize)
    }

    pub(super) fn insert(&mut self, session: PendingSession, now: DateTime<Utc>) {
        let Ok(at) = u32::try_from(self.sessions.len()) else { return };
        let hash = prefix(&session.id);
        let due = session.expires_at.min(now + SAFETY_REREAD);
        self.agenda.push_back((due.timestamp(), hash));
        self.sessions.push(session);
        self.places.insert_unique(hash, at, |at| prefix(&self.sessions[*at as usize].id));
    }

    /// Applies `rule` to a session that is not known to be decided and that `may_answer`.
    pub(super) fn apply<T>(
        &mut self,
        id: &DeviceAuthorizationId,
        may_answer: impl FnOnce(&PendingSession) -> bool,
        rule: impl FnOnce(&mut PendingSession) -> T,
    ) -> Option<T> {
        let hash = prefix(id);
        let at = self.place(hash, |session| session.id == *id)?;
        let session = &mut self.sessions[at];
        if session.marks.decided || !may_answer(session) {
            return None;
        }
        let outcome = rule(session);
        line_up(session, hash, &mut self.line);
        Some(outcome)
    }

    /// Takes back polls that could not be written.
    pub(super) fn put_back(&mut self, unwritten: &UnwrittenPolls) {
        let hash = prefix(&unwritten.id);
        if let Some(at) = self.place(hash, |session| session.id == unwritten.id) {
            let session = &mut self.sessions[at];
            session.put_back(unwritten);
            line_up(session, hash, &mut self.line);
        }
    }

    pub(super) fn take_unwritten(&mut self, max: usize, taken: &mut Vec<UnwrittenPolls>) {
        for _ in 0..max {
            let Some(hash) = self.line.pop_front() else { break };
            let Some(session) = self.find_by_prefix(hash) else { continue };
            taken.extend(session.take_unwritten());
        }
    }

    /// Puts every session in line that has unwritten polls.
    pub(super) fn line_up_all(&mut self) {
        let Self { sessions, line, .. } = self;
        for session in sessions.iter_mut() {
            session.marks.is_due = true;
            line_up(session, prefix(&session.id), line);
        }
    }

    pub(super) fn take_due(&mut self, now: DateTime<Utc>, max: usize, trusted: Option<u32>, due: &mut Due) {
        for _ in 0..max {
            if self.agenda.front().is_none_or(|(when, _)| *when > now.timestamp()) {
                break;
            }
            let Some((_, hash)) = self.agenda.pop_front() else { break };
            due.looked_at += 1;
            let Some(at) = self.place(hash, |session| prefix(&session.id) == hash) else { continue };
            let session = &mut self.sessions[at];
            if session.expires_at <= now {
                self.remove(hash);
                continue;
            }
            // The early polls of a device that has gone away.
            session.marks.is_due = true;
            line_up(session, hash, &mut self.line);
            if !session.marks.decided && trusted == Some(session.epoch) {
                due.to_read.push((session.owner.tenant_id, session.id));
            }
            let next = session.expires_at.min(now + SAFETY_REREAD);
            self.agenda.push_back((next.timestamp(), hash));
        }
    }

    fn remove(&mut self, hash: u64) {
        let Self { sessions, places, agenda, .. } = self;
        let Ok(entry) = places.find_entry(hash, |at| prefix(&sessions[*at as usize].id) == hash) else {
            return;
        };
        let (freed, _) = entry.remove();
        // The last session moves to the place that is free now.
        let last = sessions.len() - 1;
        if let Some(moved) = places.find_mut(prefix(&sessions[last].id), |at| *at as usize == last) {
            *moved = freed;
        }
        let session = sessions.swap_remove(freed as usize);
        if let Some(waiters) = session.and_then(|session| session.waiters) {
            waiters.notify_waiters();
        }
        // A burst that has passed gives its room back.
        if places.capacity() > 1024 && places.len() < places.capacity() / 8 {
            places.shrink_to(places.len() * 2, |at| prefix(&sessions[*at as usize].id));
            agenda.shrink_to(places.len() * 2);
        }
    }

    pub(super) fn wake_all(&mut self) {
        for waiters in self.sessions.iter().filter_map(|session| session.waiters.as_ref()) {
            waiters.notify_waiters();
        }
    }
}

/// Lets the session wait for its polls to be written, if it has any that are due and does not wait already.
fn line_up(session: &mut PendingSession, hash: u64, line: &mut VecDeque<u64>) {
    if session.unwritten_polls > 0 && session.marks.is_due && !session.marks.in_line {
        session.marks.in_line = true;
        line.push_back(hash);
    }
}
