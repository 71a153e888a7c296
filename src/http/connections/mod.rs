//! Connections: how many there may be, how long each may be silent, and who goes when there is no room. Invariants: no
//! connection waits for its peer without a time limit, and nobody is refused while one is kept that nobody uses.

mod phase;
mod rest_of_body;
mod seat;
mod watched;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::descriptors::Room;
use phase::{CLOSING, TimeLimits};
use seat::{Place, Seat};
use watched::{Watch, Watched};

/// The time between two looks at the connections' time limits.
const SWEEP: Duration = Duration::from_secs(1);
/// The least time between two warnings that there is no room.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);
/// The share of all connections that is closed at once to make room, so that a flood does not pay for a search each.
const MADE_ROOM: usize = 64;
/// What a peer gets for whom not even the reserve has room.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Who sends a request, and whether there is room for it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The other end of the connection.
    pub address: IpAddr,
    /// Whether the request is answered as usual.
    pub room: Crowding,
}

/// Whether there is room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowding {
    /// There is.
    Free,
    /// There is room only for health checks and for people who decide.
    Full,
}

/// The connections of one listener.
pub(super) struct Connections {
    /// Which listener it is, for the metrics.
    listener: &'static str,
    room: Room,
    limits: TimeLimits,
    /// What an HTTP/1.1 answer says of how long its connection is kept.
    kept: HeaderValue,
    http: Builder<TokioExecutor>,
    open: Mutex<Open>,
    refused: AtomicU64,
    tasks: TaskTracker,
    stopping: CancellationToken,
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
        let limits = TimeLimits {
            head: Duration::from_secs(settings.header_timeout_seconds),
            kept: Duration::from_secs(settings.keep_alive_seconds),
        };
        let kept = HeaderValue::try_from(format!("timeout={}", settings.keep_alive_seconds));
        Arc::new(Self {
            listener,
            room,
            limits,
            kept: kept.unwrap_or(HeaderValue::from_static("timeout=75")),
            http: http(settings.max_header_bytes),
            open: Mutex::default(),
            refused: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
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
        F: Future<Output = Response> + Send + 'static,
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
                _ = sweeps.tick() => self.sweep(Instant::now()),
                () = stop.cancelled() => break,
            }
        }
    }

    /// Closes every connection once it has answered what is under way. Returns `false` if some were not done within
    /// `grace`.
    pub(super) async fn close_all(&self, grace: Duration) -> bool {
        self.stopping.cancel();
        self.tasks.close();
        let mut sweeps = tokio::time::interval(SWEEP);
        let done = async {
            loop {
                tokio::select! {
                    () = self.tasks.wait() => break,
                    _ = sweeps.tick() => self.sweep(Instant::now()),
                }
            }
        };
        tokio::time::timeout(grace, done).await.is_ok()
    }

    /// Closes what is overdue.
    fn sweep(&self, now: Instant) {
        let mut open = self.open();
        let mut told = 0;
        for watch in open.watches.values() {
            if watch.look(now).is_overdue(self.limits, now) && watch.tell_to_close() {
                told += 1;
            }
        }
        open.leaving += told;
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
    fn make_room(&self, open: &mut Open, now: Instant) -> usize {
        let mut ranked: Vec<_> = open
            .watches
            .values()
            .filter(|watch| !watch.was_told_to_close())
            .filter_map(|watch| Some((watch.look(now).dispensability(now)?, watch)))
            .collect();
        let wanted = (self.room.connections / MADE_ROOM).max(1).min(ranked.len());
        if wanted == 0 {
            return 0;
        }
        ranked.select_nth_unstable_by_key(wanted - 1, |(rank, _)| std::cmp::Reverse(*rank));
        let told = ranked[..wanted].iter().filter(|(_, watch)| watch.tell_to_close()).count();
        open.leaving += told;
        metrics::counter!("latchkey_connections_closed_for_room_total", "listener" => self.listener)
            .increment(told as u64);
        told
    }

    fn admit<A, F>(self: &Arc<Self>, stream: TcpStream, peer: IpAddr, answer: &Arc<A>)
    where
        A: Fn(Request<Body>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
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
            (number, place)
        };
        let entry = Entry { connections: Arc::clone(self), watch: Arc::clone(&watch), number };
        let seat = Arc::new(Seat { connections: Arc::clone(self), watch, peer, place });
        let answer = Arc::clone(answer);
        let service = service_fn(move |request: Request<Incoming>| {
            let under_way = seat.watch.begin();
            let (seat, answer) = (Arc::clone(&seat), Arc::clone(&answer));
            async move {
                let response = seat.answer(request, &*answer).await;
                drop(under_way);
                Ok::<_, Infallible>(response)
            }
        });
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&entry.watch)));
        let connection = self.http.serve_connection(io, service).into_owned();
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = entry.watch.told_to_close() => {
                    if entry.watch.is_idle() {
                        connection.as_mut().graceful_shutdown();
                        let _ = tokio::time::timeout(CLOSING, connection).await;
                    }
                    return;
                }
                () = stopping.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        ended = connection => ended,
                        () = entry.watch.told_to_close() => return,
                    }
                }
            };
            if let Err(error) = ended {
                tracing::trace!(%error, "connection closed with error");
            }
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
        if open.watches.remove(&self.number).is_some() && self.watch.was_told_to_close() {
            open.leaving -= 1;
        }
    }
}

fn http(max_header_bytes: usize) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // A head's time limit is kept here, not there: see `watched`.
    http.http1().header_read_timeout(None).max_buf_size(max_header_bytes);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30));
    http
}
