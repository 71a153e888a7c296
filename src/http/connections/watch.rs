//! What is known of a connection: what it is doing, since when, and whether it was told to close.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::framing::Framing;
use super::phase::{Order, Phase, Standing, TimeLimits};

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<State>,
    /// Whether bytes were written since the last sweep: a peer that still reads is not idle.
    wrote: AtomicBool,
    /// Whether the peer has yet to take what was to be written to it.
    owes: AtomicBool,
    /// Whether the peer may still send the body of a refused request (RFC 9112 §9.6).
    lingers: AtomicBool,
    orders: Notify,
}

#[derive(Debug)]
struct State {
    standing: Standing,
    protocol: Protocol,
    /// What is known of the head that comes.
    framing: Framing,
    /// When it was told to leave.
    left: Option<Instant>,
    /// Whether it was told to close at once.
    is_cut: bool,
}

/// The protocol that the first bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Only this many bytes of the preface have arrived.
    Unknown(usize),
    Http1,
    Http2,
}

impl Protocol {
    fn after(self, bytes: &[u8]) -> Self {
        let Self::Unknown(matched) = self else { return self };
        let expected = &PREFACE[matched..];
        let common = expected.len().min(bytes.len());
        if bytes[..common] != expected[..common] {
            Self::Http1
        } else if common == expected.len() {
            Self::Http2
        } else {
            Self::Unknown(matched + common)
        }
    }
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        let standing = Standing { phase: Phase::Opened, since: now };
        let state = State {
            standing,
            protocol: Protocol::Unknown(0),
            framing: Framing::default(),
            left: None,
            is_cut: false,
        };
        Self {
            state: state.into(),
            wrote: false.into(),
            owes: false.into(),
            lingers: false.into(),
            orders: Notify::new(),
        }
    }

    /// Marks the beginning of a request; it is under way until the first of what is returned is dropped. The second is
    /// what its head says of its body, as far as it came by itself.
    pub(super) fn begin(self: &Arc<Self>) -> (UnderWay, Framing) {
        let framing = self.change(|state| {
            state.standing.phase = match state.standing.phase {
                Phase::Answering(requests) => Phase::Answering(requests + 1),
                _ => Phase::Answering(1),
            };
            std::mem::take(&mut state.framing)
        });
        (UnderWay(Arc::clone(self)), framing)
    }

    /// Has the connection discard what the peer still sends when it is closed: closed at once, the peer would get a
    /// reset and might lose the answer (RFC 9112 §9.6).
    pub(super) fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// Notes that bytes were written.
    pub(super) fn wrote(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    /// Notes whether the peer has yet to take what was to be written to it.
    pub(super) fn owe(&self, owes: bool) {
        self.owes.store(owes, Ordering::Relaxed);
    }

    /// Whether the peer has yet to take what was to be written to it.
    pub(super) fn owes(&self) -> bool {
        self.owes.load(Ordering::Relaxed)
    }

    /// Whether the connection discards what still comes when it is closed.
    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// Returns the phase and its start. A peer that has read since it was last asked counts as not idle.
    pub(super) fn look(&self, now: Instant) -> Standing {
        let wrote = self.wrote.swap(false, Ordering::Relaxed);
        self.change(|state| {
            if wrote && state.standing.phase == Phase::Kept && state.protocol == Protocol::Http1 {
                state.standing.since = now;
            }
            state.standing
        })
    }

    /// Returns what the connection is to be told now, if anything.
    pub(super) fn due(&self, limits: TimeLimits, now: Instant) -> Option<Order> {
        let standing = self.look(now);
        standing.order(limits, self.change(|state| state.left), now)
    }

    /// Tells the connection to close; returns `false` if it was told before.
    pub(super) fn tell(&self, order: Order, now: Instant) -> bool {
        let news = self.change(|state| {
            state.is_cut |= order == Order::Cut;
            let news = state.left.is_none();
            state.left.get_or_insert(now);
            news
        });
        self.orders.notify_one();
        news
    }

    /// Whether it was told to close, in one way or the other.
    pub(super) fn was_told(&self) -> bool {
        self.change(|state| state.left.is_some())
    }

    /// Waits until the connection is told to close. A request that has come meanwhile is answered all the same.
    pub(super) async fn order(&self) -> Order {
        self.orders.notified().await;
        let may_be_cut =
            self.change(|state| state.is_cut && !matches!(state.standing.phase, Phase::Answering(_)));
        if may_be_cut { Order::Cut } else { Order::Leave }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.change(|state| state.protocol)
    }

    /// Whether the connection ends now if nothing has come: HTTP/1 has no other moment in which no request can be lost.
    pub(super) fn may_end(&self) -> bool {
        self.change(|state| {
            state.left.is_some() && state.standing.phase == Phase::Kept && state.protocol == Protocol::Http1
        })
    }

    pub(super) fn received(&self, bytes: &[u8]) {
        self.change(|state| {
            state.protocol = state.protocol.after(bytes);
            match (state.standing.phase, state.protocol) {
                (Phase::Opened | Phase::Head, Protocol::Http2) => {
                    state.framing = Framing::default();
                    state.standing = Standing { phase: Phase::Kept, since: Instant::now() };
                }
                // Frames that are no requests, such as pings, do not make a connection less idle.
                (Phase::Kept, Protocol::Http2) => {}
                (Phase::Opened | Phase::Kept, _) => {
                    state.standing = Standing { phase: Phase::Head, since: Instant::now() };
                    state.framing = Framing::default();
                    state.framing.read(bytes);
                }
                (Phase::Head, _) => state.framing.read(bytes),
                _ => {}
            }
        });
    }

    fn end(&self) {
        self.change(|state| {
            if let Phase::Answering(requests) = state.standing.phase {
                state.standing = match requests {
                    0 | 1 => Standing { phase: Phase::Kept, since: Instant::now() },
                    more => Standing { phase: Phase::Answering(more - 1), ..state.standing },
                };
            }
        });
    }

    pub(super) fn closing(&self) {
        self.change(|state| {
            if state.standing.phase != Phase::Closing {
                state.standing = Standing { phase: Phase::Closing, since: Instant::now() };
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) struct UnderWay(Arc<Watch>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase_after(chunks: &[&[u8]]) -> Phase {
        let watch = Watch::new(Instant::now());
        for chunk in chunks {
            watch.received(chunk);
        }
        watch.look(Instant::now()).phase
    }

    #[test]
    fn a_head_begins_with_its_first_byte_and_half_a_preface_is_one() {
        assert_eq!(phase_after(&[]), Phase::Opened);
        assert_eq!(phase_after(&[b"P"]), Phase::Head);
        assert_eq!(phase_after(&[b"PRI * HTTP/2.0\r\n"]), Phase::Head);
        assert_eq!(phase_after(&[b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\nxx"]), Phase::Kept);
        assert_eq!(phase_after(&[b"PRI", b" / HTTP/1.1\r\n"]), Phase::Head);
    }

    #[test]
    fn only_a_kept_connection_of_http_1_may_end_where_nothing_has_come() {
        let now = Instant::now();
        for (first, may_end) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], true), (PREFACE, false)] {
            let watch = Arc::new(Watch::new(now));
            watch.received(first);
            let under_way = watch.begin();
            assert!(watch.tell(Order::Leave, now) && !watch.tell(Order::Leave, now));
            assert!(!watch.may_end());
            drop(under_way);
            assert_eq!(watch.may_end(), may_end);
            watch.received(b"G");
            assert!(!watch.may_end());
        }
    }

    #[tokio::test]
    async fn a_request_that_comes_before_its_connection_is_cut_is_answered() {
        let now = Instant::now();
        let watch = Arc::new(Watch::new(now));
        watch.received(b"GET / HTTP/1.1\r\n");
        watch.tell(Order::Cut, now);
        assert_eq!(watch.order().await, Order::Cut);
        watch.tell(Order::Cut, now);
        let _under_way = watch.begin();
        assert_eq!(watch.order().await, Order::Leave);
    }

    #[test]
    fn only_http_1_bytes_end_idleness() {
        for (first, after) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], Phase::Head), (PREFACE, Phase::Kept)] {
            let watch = Arc::new(Watch::new(Instant::now()));
            watch.received(first);
            let (one, two) = (watch.begin(), watch.begin());
            assert_eq!(watch.look(Instant::now()).phase, Phase::Answering(2));
            drop(one);
            watch.received(b"x");
            assert_eq!(watch.look(Instant::now()).phase, Phase::Answering(1));
            drop(two);
            assert_eq!(watch.look(Instant::now()).phase, Phase::Kept);
            watch.received(b"x");
            assert_eq!(watch.look(Instant::now()).phase, after);
        }
    }
}
