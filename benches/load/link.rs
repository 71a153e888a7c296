//! A network link between servers and their database: it takes its time, goes dark, and comes back on new paths.
//!
//! It has threads of its own: they go on while this process waits for a server, and delay by the system's timers, for
//! those of tokio count whole milliseconds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc as channel, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::Fault;
use crate::figures::percentile;

/// How often the round trip is measured.
const PINGS: usize = 21;
/// What leads to a server by another address than the host and port of a database's URL.
const ADDRESSES: [&str; 5] = ["host", "hostaddr", "port", "socket", "sslmode"];

/// What a link does with what is sent over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Passes it on.
    Well,
    /// Swallows it. Nobody is told: connections stay open, new ones are taken and never answered.
    Dark,
}

/// Where a link leads.
#[derive(Clone, Debug)]
enum End {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// Bytes on their way.
struct Parcel {
    due: Instant,
    bytes: Vec<u8>,
    to: channel::UnboundedSender<Vec<u8>>,
}

/// A link on an address of its own. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    /// How the database is reached over it.
    pub(crate) url: String,
    state: watch::Sender<State>,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Link {
    /// A link to the database at `url`, over which everything takes so long each way.
    pub(crate) fn to_database(url: &str, each_way: Duration) -> Result<Self, Fault> {
        let end = End::of_database(&url.parse()?);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let over = over(url, listener.local_addr()?)?;
        let (state, stop) = (watch::channel(State::Well).0, CancellationToken::new());
        let (delayed, parcels) = mpsc::channel();
        let way = Way { end, delay: each_way, delayed, state: state.subscribe() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stopped = stop.clone();
        let carrying = thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                let _ = stopped.run_until_cancelled(accept(&listener, way)).await;
            });
        });
        let threads = vec![carrying, thread::spawn(move || deliver(&parcels))];
        Ok(Self { url: over, state, stop, threads })
    }

    /// Swallows everything from now on, without a word to anybody.
    pub(crate) fn go_dark(&self) {
        self.state.send_replace(State::Dark);
    }

    /// Works again, for new connections only: the old ones stay dead and nobody is told, as when a firewall has forgotten
    /// them.
    pub(crate) fn come_back_on_new_paths(&self) {
        self.state.send_replace(State::Well);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// How long a statement takes over a connection to `url`, in milliseconds: the median.
pub(crate) async fn round_trip_ms(url: &str) -> Result<f64, Fault> {
    let mut connection = PgConnection::connect(url).await?;
    let mut micros = Vec::new();
    for _ in 0..PINGS {
        let begin = Instant::now();
        connection.ping().await?;
        micros.push(u32::try_from(begin.elapsed().as_micros())?);
    }
    connection.close().await?;
    Ok(percentile(&micros, 0.50))
}

impl End {
    fn of_database(options: &PgConnectOptions) -> Self {
        let (host, port) = (options.get_host(), options.get_port());
        let directory = options.get_socket().cloned().or_else(|| host.starts_with('/').then(|| host.into()));
        match directory {
            Some(directory) => Self::Unix(directory.join(format!(".s.PGSQL.{port}"))),
            None => Self::Tcp(host.to_owned(), port),
        }
    }
}

/// The URL that leads to the same database by another address.
fn over(url: &str, address: SocketAddr) -> Result<String, Fault> {
    let mut over: Url = url.parse()?;
    let kept: Vec<(String, String)> = over
        .query_pairs()
        .filter(|(name, _)| !ADDRESSES.contains(&&**name))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    over.set_host(Some(&address.ip().to_string()))?;
    over.set_port(Some(address.port())).map_err(|()| "a database's URL without a host")?;
    over.query_pairs_mut().clear().extend_pairs(kept).append_pair("sslmode", "disable");
    Ok(over.into())
}

/// Delivers everything when it is due. The delay is the same for all, so what came first is due first.
fn deliver(parcels: &mpsc::Receiver<Parcel>) {
    while let Ok(Parcel { due, bytes, to }) = parcels.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A connection may be over already.
        let _ = to.send(bytes);
    }
}

/// What all connections of a link have in common.
#[derive(Clone)]
struct Way {
    end: End,
    delay: Duration,
    delayed: mpsc::Sender<Parcel>,
    state: watch::Receiver<State>,
}

async fn accept(listener: &TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let way = way.clone();
        connections.spawn(async move { way.carry(near).await });
        while connections.try_join_next().is_some() {}
    }
}

impl Way {
    async fn carry(self, near: TcpStream) {
        if *self.state.borrow() == State::Dark {
            // Nobody will ever answer.
            return std::future::pending().await;
        }
        let _ = near.set_nodelay(true);
        match &self.end {
            End::Tcp(host, port) => {
                if let Ok(far) = TcpStream::connect((host.as_str(), *port)).await {
                    let _ = far.set_nodelay(true);
                    self.join(near, far).await;
                }
            }
            End::Unix(path) => {
                if let Ok(far) = UnixStream::connect(path).await {
                    self.join(near, far).await;
                }
            }
        }
    }

    /// Carries both ways, until both sides have said all. Once dark, a connection stays so.
    async fn join(&self, near: TcpStream, far: impl AsyncRead + AsyncWrite + Unpin) {
        let ((near_read, near_write), (far_read, far_write)) = (split(near), split(far));
        let mut state = self.state.clone();
        let darkness = async move {
            // A link that has ended darkens nothing.
            if state.wait_for(|state| *state == State::Dark).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let both = async {
            tokio::join!(self.one_way(near_read, far_write), self.one_way(far_read, near_write));
        };
        tokio::select! {
            () = both => {}
            () = darkness => std::future::pending().await,
        }
    }

    async fn one_way(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let (sent, mut arriving) = channel::unbounded_channel();
        let reading = async move {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let read = from.read(&mut buffer).await.unwrap_or(0);
                let parcel = Parcel {
                    due: Instant::now() + self.delay,
                    bytes: buffer[..read].to_vec(),
                    to: sent.clone(),
                };
                if read == 0 || self.delayed.send(parcel).is_err() {
                    return;
                }
            }
        };
        let writing = async move {
            while let Some(bytes) = arriving.recv().await {
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        };
        tokio::join!(reading, writing);
    }
}
