//! Connections: how many there may be, how long each may be silent, and who goes when there is no room. Invariants: no
//! connection waits for its peer without a time limit, and nobody is refused while one is kept that nobody uses.

mod framing;
mod parked;
mod peer;
mod phase;
mod rest_of_body;
mod seat;
mod serve;
mod sweep;
mod watch;
mod watched;

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::descriptors::Room;
pub(super) use peer::Crowding;
pub use peer::{Answered, Coming, Peer, Unreadable};
use phase::TimeLimits;
use seat::{Place, Seat};
use watch::Watch;
use watched::Watched;

/// The time between two looks at the connections' time limits.
const SWEEP: Duration = Duration::from_secs(1);
/// The same while the server stops.
const STOPPING_SWEEP: Duration = Duration::from_millis(200);
/// How much longer a connection is kept than its answers say, so that a request sent at the last moment still arrives,
/// even over a slow network.
const MARGIN: Duration = Duration::from_secs(2);
/// How long a stop keeps a recently used connection: a device that polls every five seconds gets one more
/// answer, which says that the connection closes.
const FAREWELL: Duration = Duration::from_secs(7);
/// What a peer gets for whom not even the reserve has room.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

pub(super) struct Connections {
    /// Which listener it is, for the metrics.
    listener: &'static str,
    room: Room,
    limits: TimeLimits,
    /// What an HTTP/1.1 answer says of how long its connection is kept.
    kept: HeaderValue,
    http_1: http1::Builder,
    http_2: http2::Builder<TokioExecutor>,
    open: Mutex<Open>,
    refused: AtomicU64,
    tasks: TaskTracker,
    /// Whether so many are open that answers close their connections.
    crowded: AtomicBool,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Open {
    watches: HashMap<u64, Arc<Watch>>,
    next: u64,
    /// How many of them were told to close and are still there.
    leaving: usize,
    warned_at: Option<Instant>,
}

impl Connections {
    pub(super) fn new(listener: &'static str, settings: &config::Server, room: Room) -> Arc<Self> {
        let head = Duration::from_secs(settings.header_timeout_seconds);
        let kept = Duration::from_secs(settings.keep_alive_seconds) + MARGIN;
        let limits = TimeLimits { opened: head, head, kept };
        let kept = HeaderValue::try_from(format!("timeout={}", settings.keep_alive_seconds));
        Arc::new(Self {
            listener,
            room,
            limits,
            kept: kept.unwrap_or(HeaderValue::from_static("timeout=75")),
            http_1: http_1(settings.max_header_bytes),
            http_2: http_2(settings.max_header_bytes),
            open: Mutex::default(),
            refused: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            crowded: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }

    /// Takes connections until `stop` is cancelled, and answers what comes by them.
    pub(super) async fn take_all<A, F>(
        self: &Arc<Self>,
        listener: TcpListener,
        stop: &CancellationToken,
        answer: A,
    ) where
        A: Fn(Request<Body>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Answered> + Send + 'static,
    {
        let answer = Arc::new(answer);
        let mut sweeps = tokio::time::interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer.ip(), &answer),
                    Err(error) => {
                        // Out of file descriptors, most likely; asking again at once would only burn a core.
                        tracing::warn!(%error, "connection not accepted");
                        self.make_room(&mut self.open(), Instant::now());
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                _ = sweeps.tick() => self.sweep(self.limits, Instant::now()),
                () = stop.cancelled() => break,
            }
        }
        // Before anybody who waits is told: their answers close their connections, too.
        self.stopping.store(true, Ordering::Relaxed);
        // A peer that has connected may have sent a request as well.
        let waiting = poll_fn(|context| {
            while let Poll::Ready(Ok((stream, peer))) = listener.poll_accept(context) {
                self.admit(stream, peer.ip(), &answer);
            }
            Poll::Ready(())
        });
        tokio::task::unconstrained(waiting).await;
    }

    /// Closes every connection once its peer knows that it closes: by the answer to what is under way, or to the next
    /// request if that comes within [`FAREWELL`] of the last. Returns `false` if some were not done within `grace`.
    pub(super) async fn close_all(&self, grace: Duration) -> bool {
        self.tasks.close();
        let limits = self.limits.at_a_stop(FAREWELL.min(grace / 4 * 3));
        let mut sweeps = tokio::time::interval(STOPPING_SWEEP);
        let done = async {
            loop {
                tokio::select! {
                    () = self.tasks.wait() => break,
                    _ = sweeps.tick() => {
                        self.send_away_http_2(Instant::now());
                        self.sweep(limits, Instant::now());
                    }
                }
            }
        };
        tokio::time::timeout(grace, done).await.is_ok()
    }

    fn admit<A, F>(self: &Arc<Self>, stream: TcpStream, peer: IpAddr, answer: &Arc<A>)
    where
        A: Fn(Request<Body>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Answered> + Send + 'static,
    {
        // Answers are small and complete; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let now = Instant::now();
        let watch = Arc::new(Watch::new(now));
        let (number, place) = {
            let mut open = self.open();
            let in_use = open.watches.len() - open.leaving;
            let place = if in_use < self.room.connections || self.make_room(&mut open, now) > 0 {
                Place::Usual
            } else {
                Place::Reserve
            };
            // Those that leave still have their descriptors.
            if open.watches.len() >= self.room.connections + self.room.reserve {
                drop(open);
                return self.refuse(&stream);
            }
            open.next += 1;
            let number = open.next;
            open.watches.insert(number, Arc::clone(&watch));
            self.notice_crowd(&open);
            (number, place)
        };
        let entry = Entry { connections: Arc::clone(self), watch: Arc::clone(&watch), number };
        let seat = Arc::new(Seat::new(Arc::clone(self), Arc::clone(&watch), peer, place));
        let serving = Arc::clone(self).serve(Watched::new(stream, watch), seat, Arc::clone(answer));
        self.tasks.spawn(async move {
            serving.await;
            drop(entry);
        });
    }

    /// Refuses a peer for whom there is no room at all, without waiting for it.
    fn refuse(&self, stream: &TcpStream) {
        self.count_refusal();
        // What was not read would become a reset, and the answer might be lost.
        let _ = stream.try_read(&mut [0; 4096]);
        let _ = stream.try_write(NO_ROOM);
    }

    fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("latchkey_connections_refused_total", "listener" => self.listener).increment(1);
    }

    /// Whether answers close their connections: because the server stops, or because there is little room, so that the
    /// peers come again on others and none of those connections must be closed at a moment that no peer knows.
    fn lets_go(&self) -> bool {
        self.crowded.load(Ordering::Relaxed) || self.stopping.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        let open = self.open();
        open.watches.len() - open.leaving > self.room.connections
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection among the open ones; free again when dropped.
struct Entry {
    connections: Arc<Connections>,
    watch: Arc<Watch>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if open.watches.remove(&self.number).is_some() && self.watch.was_told() {
            open.leaving -= 1;
        }
        self.connections.notice_crowd(&open);
    }
}

fn http_1(max_header_bytes: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    // A head's time limit is kept here, not there: see `watched`.
    http.header_read_timeout(None).max_buf_size(max_header_bytes);
    http
}

fn http_2(max_header_bytes: usize) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30));
    http
}
