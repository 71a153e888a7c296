//! A waiting session, as it is remembered.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::counted_poll::{CountedPoll, PollAnswer};
use crate::model::client_authentication::CredentialPlace;
use crate::model::device_authorization::Polling;
use crate::model::ids::{ClientId, DeviceAuthorizationId, TenantId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::store::activity::tallies::Tally;

#[derive(Debug)]
pub struct Owner {
    pub tenant_id: TenantId,
    pub client_id: ClientId,
    /// Where its polls are counted, with those of the tenant's other clients.
    pub tally: Arc<Tally>,
}

impl Owner {
    fn name(&self) -> (TenantId, &ClientId) {
        (self.tenant_id, &self.client_id)
    }
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Owner {}

impl Hash for Owner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

/// A waiting session, as remembered: about a hundred bytes.
#[derive(Debug)]
pub struct PendingSession {
    pub id: DeviceAuthorizationId,
    pub owner: Arc<Owner>,
    /// The key that whoever polls must prove to hold.
    pub dpop_key: Option<Box<KeyThumbprint>>,
    pub expires_at: DateTime<Utc>,
    pub polling: Polling,
    /// Polls not yet written to the database.
    pub(super) unwritten_polls: u16,
    /// The last poll, if this server counted it and nothing has repeated it yet.
    pub(super) counted: Option<CountedPoll>,
    /// Which hearing of announcements it was read in; see [`super::SessionMemory::distrust`].
    pub(super) epoch: u32,
    /// What the rule has to know beyond the times.
    pub marks: Marks,
    pub(super) waiters: Option<Arc<Notify>>,
    /// Until then early polls do not put it in line: a raised interval was taken to be written a moment ago.
    pub(super) early_polls_rest_until: Option<DateTime<Utc>>,
}

/// What is marked on a remembered session.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent marks in five bytes, a million times")]
pub struct Marks {
    /// Somebody has decided: the database knows more.
    pub decided: bool,
    /// It waits in line to be written.
    pub(super) in_line: bool,
    /// It has polls that are to be written with the next ones.
    pub(super) is_due: bool,
    /// A `slow_down` was said since it was last written.
    pub slowed: bool,
    /// Its polls on several servers together came too often: the next one is told so.
    pub owes_slow_down: bool,
}

impl PendingSession {
    /// A session as it was stored or read.
    #[must_use]
    pub fn new(
        id: DeviceAuthorizationId,
        owner: Arc<Owner>,
        expires_at: DateTime<Utc>,
        polling: Polling,
    ) -> Self {
        Self {
            id,
            owner,
            dpop_key: None,
            expires_at,
            polling,
            unwritten_polls: 0,
            counted: None,
            epoch: 0,
            marks: Marks::default(),
            waiters: None,
            early_polls_rest_until: None,
        }
    }

    /// The same, to be polled only by who holds this key.
    #[must_use]
    pub fn bound_to(self, dpop_key: Option<KeyThumbprint>) -> Self {
        Self { dpop_key: dpop_key.map(Box::new), ..self }
    }

    /// Counts a poll. Early ones of one device are written together, once an interval: a device that asks without a
    /// pause costs no more writing than one that waits.
    pub fn record_poll(&mut self, poll: CountedPoll, now: DateTime<Utc>) {
        self.polling.last_polled_at = Some(now);
        self.counted = Some(poll);
        self.unwritten_polls = self.unwritten_polls.saturating_add(1);
        self.owner.tally.poll();
        let rests = self.early_polls_rest_until.is_some_and(|until| now < until);
        self.marks.is_due |= poll.answer == PollAnswer::Pending || !rests;
    }

    /// Takes what is to be written of its polls; `None` where it was never polled.
    pub(super) fn take_unwritten(&mut self) -> Option<UnwrittenPolls> {
        let polls = std::mem::take(&mut self.unwritten_polls);
        let slowed = std::mem::take(&mut self.marks.slowed);
        self.marks.in_line = false;
        self.marks.is_due = false;
        let last_polled_at = self.polling.last_polled_at?;
        if slowed {
            let interval = TimeDelta::seconds(self.polling.interval_seconds.into());
            self.early_polls_rest_until = Some(last_polled_at + interval);
        }
        Some(UnwrittenPolls {
            tenant: self.owner.tenant_id,
            id: self.id,
            polls: polls.into(),
            last_polled_at,
            interval_seconds: self.polling.interval_seconds,
            slowed,
        })
    }

    /// Takes back what could not be written.
    pub(super) fn put_back(&mut self, unwritten: &UnwrittenPolls) {
        let polls = u16::try_from(unwritten.polls).unwrap_or(u16::MAX);
        self.unwritten_polls = self.unwritten_polls.saturating_add(polls);
        self.marks.slowed |= unwritten.slowed;
        self.marks.is_due = true;
    }

    /// Returns the answer to the counted poll that this one repeats with another way of authentication, if it does.
    pub fn take_repeated(&mut self, place: CredentialPlace, now: DateTime<Utc>) -> Option<PollAnswer> {
        let answer = self.counted?.repeated_by(place, now - self.polling.last_polled_at?)?;
        self.counted = None;
        Some(answer)
    }
}

/// Polls of a session to be written.
#[derive(Clone, Copy, Debug)]
pub struct UnwrittenPolls {
    /// The tenant of the device authorization.
    pub tenant: TenantId,
    pub id: DeviceAuthorizationId,
    pub polls: u32,
    pub last_polled_at: DateTime<Utc>,
    /// How often the device may poll, as far as this server knows.
    pub interval_seconds: u32,
    /// Whether one of them was told to slow down.
    pub slowed: bool,
}
