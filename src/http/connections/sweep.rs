//! Maintains the open connections: closes what is overdue, and makes room.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::phase::{Order, TimeLimits};
use super::watch::Protocol;
use super::{Connections, Open};

/// The least time between two warnings that there is no room.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);
/// The share of all connections that is closed at a time to make room, so that a flood does not cost a search each.
const MADE_ROOM: usize = 64;
/// The share of all connections that is left free by answers that close theirs, before any must be closed for room.
const LEFT_FREE: usize = 16;

impl Connections {
    /// Tells HTTP/2 connections, which can be told at any time without losing a request (RFC 9113 §6.8).
    pub(super) fn send_away_http_2(&self, now: Instant) {
        let mut open = self.open();
        let http_2 = open.watches.values().filter(|watch| watch.protocol() == Protocol::Http2);
        let told = http_2.filter(|watch| !watch.was_told() && watch.tell(Order::Leave, now)).count();
        open.leaving += told;
    }

    pub(super) fn sweep(&self, limits: TimeLimits, now: Instant) {
        let mut open = self.open();
        let mut told = 0;
        for watch in open.watches.values() {
            if let Some(order) = watch.due(limits, now)
                && watch.tell(order, now)
            {
                told += 1;
            }
        }
        open.leaving += told;
        self.notice_crowd(&open);
        #[expect(clippy::cast_precision_loss, reason = "connections are few")]
        metrics::gauge!("latchkey_connections", "listener" => self.listener).set(open.watches.len() as f64);
        let refused = self.refused.load(Ordering::Relaxed);
        let due = open.warned_at.is_none_or(|at| now.duration_since(at) >= BETWEEN_WARNINGS);
        if refused > 0 && due {
            self.refused.store(0, Ordering::Relaxed);
            open.warned_at = Some(now);
            tracing::warn!(
                refused,
                limit = self.room.connections,
                "connection limit reached; requests refused"
            );
        }
    }

    /// Closes the most dispensable connections, and returns how many.
    pub(super) fn make_room(&self, open: &mut Open, now: Instant) -> usize {
        let mut ranked: Vec<_> = open
            .watches
            .values()
            .filter(|watch| !watch.was_told())
            .filter_map(|watch| Some((watch.look(now).dispensability(now)?, watch)))
            .collect();
        let wanted = (self.room.connections / MADE_ROOM).max(1).min(ranked.len());
        if wanted == 0 {
            return 0;
        }
        ranked.select_nth_unstable_by_key(wanted - 1, |(rank, _)| std::cmp::Reverse(*rank));
        let told = ranked[..wanted].iter();
        let told = told.filter(|(_, watch)| watch.tell(watch.look(now).making_room(), now)).count();
        open.leaving += told;
        metrics::counter!("latchkey_connections_closed_for_room_total", "listener" => self.listener)
            .increment(told as u64);
        told
    }

    pub(super) fn notice_crowd(&self, open: &Open) {
        let in_use = open.watches.len() - open.leaving;
        let most = self.room.connections - self.room.connections / LEFT_FREE;
        self.crowded.store(in_use > most, Ordering::Relaxed);
    }
}
