//! A connection whose bytes and requests are noticed, so that its time limits count from the right moment: hyper's own
//! limit for a head counts from the answer before, and would close a kept connection that is silent for as long.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::phase::{Phase, Standing};

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most that is discarded of a refused body before the connection is closed, in bytes.
const DISCARDED: usize = 4 << 20;

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<State>,
    /// Whether bytes were written since the last sweep: a peer that still reads is not idle.
    wrote: AtomicBool,
    /// Whether the peer may still send the body of a refused request (RFC 9112 §9.6).
    lingers: AtomicBool,
    close: Notify,
}

#[derive(Debug)]
struct State {
    standing: Standing,
    protocol: Protocol,
    told_to_close: bool,
}

/// Which protocol the first bytes speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// So many bytes of the preface have come and no others.
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
        let state = State { standing, protocol: Protocol::Unknown(0), told_to_close: false };
        Self { state: state.into(), wrote: false.into(), lingers: false.into(), close: Notify::new() }
    }

    /// Marks the beginning of a request; it is under way until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.change(|state| {
            state.standing.phase = match state.standing.phase {
                Phase::Answering(requests) => Phase::Answering(requests + 1),
                _ => Phase::Answering(1),
            };
        });
        UnderWay(Arc::clone(self))
    }

    /// Has the connection discard what the peer still sends when it is closed: closed at once, the peer would get a
    /// reset and might lose the answer (RFC 9112 §9.6).
    pub(super) fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
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

    /// Tells the connection to close; returns `false` if it was told before.
    pub(super) fn tell_to_close(&self) -> bool {
        let news = self.change(|state| !std::mem::replace(&mut state.told_to_close, true));
        self.close.notify_one();
        news
    }

    pub(super) fn is_idle(&self) -> bool {
        self.change(|state| state.standing.phase == Phase::Kept)
    }

    pub(super) fn was_told_to_close(&self) -> bool {
        self.change(|state| state.told_to_close)
    }

    /// Waits until the connection is told to close.
    pub(super) async fn told_to_close(&self) {
        self.close.notified().await;
    }

    fn received(&self, bytes: &[u8]) {
        self.change(|state| {
            state.protocol = state.protocol.after(bytes);
            match (state.standing.phase, state.protocol) {
                (Phase::Opened | Phase::Head, Protocol::Http2) => {
                    state.standing = Standing { phase: Phase::Kept, since: Instant::now() };
                }
                // Frames that are no requests, such as pings, do not make a connection less idle.
                (Phase::Kept, Protocol::Http2) => {}
                (Phase::Opened | Phase::Kept, _) => {
                    state.standing = Standing { phase: Phase::Head, since: Instant::now() };
                }
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

    fn closing(&self) {
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

/// A request under way.
pub(super) struct UnderWay(Arc<Watch>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The stream of a connection, with its watch.
pub(super) struct Watched {
    stream: TcpStream,
    watch: Arc<Watch>,
    discarded: usize,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self { stream, watch, discarded: 0 }
    }

    /// Discards what comes until the peer closes its side too, or there is too much of it.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            if ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)).is_err() {
                return Poll::Ready(Ok(()));
            }
            self.discarded += buffer.filled().len();
            if buffer.filled().is_empty() || self.discarded > DISCARDED {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            this.watch.received(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.watch.wrote.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        self.watch.wrote.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if !self.watch.lingers.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        self.watch.closing();
        self.poll_discard(context)
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
