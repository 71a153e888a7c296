//! A network link between two programs that delays, goes dark, and comes back on new paths.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

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
pub(super) enum End {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl End {
    /// Where the database is.
    pub(super) async fn of_database(options: &PgConnectOptions) -> Self {
        let file = format!(".s.PGSQL.{}", options.get_port());
        match options.get_socket() {
            Some(directory) => Self::Unix(directory.join(file)),
            None if options.get_host().starts_with('/') => {
                Self::Unix(PathBuf::from(options.get_host()).join(file))
            }
            None => {
                let host = (options.get_host(), options.get_port());
                let found =
                    tokio::net::lookup_host(host).await.expect("the database's host has an address").next();
                Self::Tcp(found.expect("an address"))
            }
        }
    }
}

/// The options that lead to the same database by another address.
pub(super) fn over(options: &PgConnectOptions, address: SocketAddr) -> PgConnectOptions {
    // A socket directory, once set, goes before the host; so everything but it is carried over.
    let over = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(address.port())
        .username(options.get_username())
        .ssl_mode(sqlx::postgres::PgSslMode::Disable);
    match options.get_database() {
        Some(name) => over.database(name),
        None => over,
    }
}

/// The wires: what is changed while connections are open.
struct Wires {
    /// How long every chunk takes in each direction.
    delay: watch::Sender<Duration>,
    state: watch::Sender<State>,
    /// Ends every connection there is, with a reset; replaced for the next ones.
    cut: watch::Sender<CancellationToken>,
}

/// A link on an address of its own. It ends when it is dropped.
pub struct Link {
    /// What the one program connects to.
    pub address: SocketAddr,
    wires: Arc<Wires>,
    _accepting: AbortOnDropHandle<()>,
}

impl Link {
    /// A link to a TCP address, such as a server's.
    pub async fn to(address: SocketAddr) -> Self {
        Self::leading(End::Tcp(address)).await
    }

    /// A link to a database, and the options that lead over it.
    pub async fn to_database(options: &PgConnectOptions) -> (Self, PgConnectOptions) {
        let link = Self::leading(End::of_database(options).await).await;
        let over = over(options, link.address);
        (link, over)
    }

    async fn leading(end: End) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let wires = Arc::new(Wires {
            delay: watch::channel(Duration::ZERO).0,
            state: watch::channel(State::Well).0,
            cut: watch::channel(CancellationToken::new()).0,
        });
        let of_connections = Arc::clone(&wires);
        #[expect(clippy::disallowed_methods, reason = "it ends with the link")]
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (wires, end) = (Arc::clone(&of_connections), end.clone());
                #[expect(clippy::disallowed_methods, reason = "it ends with its connection")]
                tokio::spawn(async move { wires.carry(near, end).await });
            }
        });
        Self { address, wires, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Lets everything take this long, in each direction.
    pub fn delay(&self, each_way: Duration) {
        self.wires.delay.send_replace(each_way);
    }

    /// Swallows everything from now on, without a word to anybody.
    pub fn go_dark(&self) {
        self.wires.state.send_replace(State::Dark);
    }

    /// Works again, for new connections only: the old ones stay dead and nobody is told, as when a firewall has
    /// forgotten them.
    pub fn come_back_on_new_paths(&self) {
        self.wires.state.send_replace(State::Well);
    }

    /// Resets every connection there is; new ones are taken.
    pub fn cut(&self) {
        self.wires.cut.send_replace(CancellationToken::new()).cancel();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Wires {
    async fn carry(&self, near: TcpStream, end: End) {
        let cut = self.cut.borrow().clone();
        let _ = near.set_nodelay(true);
        if *self.state.borrow() == State::Dark {
            // Nobody will ever answer.
            cut.cancelled().await;
            reset(near);
            return;
        }
        let mut near = near;
        match end {
            End::Tcp(address) => {
                if let Ok(far) = TcpStream::connect(address).await {
                    let _ = far.set_nodelay(true);
                    self.join(&cut, &mut near, far).await;
                }
            }
            End::Unix(path) => {
                if let Ok(far) = UnixStream::connect(path).await {
                    self.join(&cut, &mut near, far).await;
                }
            }
        }
        if cut.is_cancelled() {
            reset(near);
        }
    }

    /// Carries both ways, until both sides have said all, or the connection is cut.
    async fn join(
        &self,
        cut: &CancellationToken,
        near: &mut TcpStream,
        far: impl AsyncRead + AsyncWrite + Unpin,
    ) {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = split(far);
        let both =
            async { tokio::join!(self.one_way(near_read, far_write), self.one_way(far_read, near_write)) };
        let _ = cut.run_until_cancelled(both).await;
    }

    /// Once dark, a connection stays so.
    async fn one_way(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let (sent, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(1_024);
        let mut state = self.state.subscribe();
        let reading = async move {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let read = from.read(&mut buffer).await.unwrap_or(0);
                let due = Instant::now() + *self.delay.borrow();
                if read == 0 || sent.send((due, buffer[..read].to_vec())).await.is_err() {
                    return;
                }
            }
        };
        let writing = async move {
            while let Some((due, chunk)) = arriving.recv().await {
                sleep_until(due).await;
                if to.write_all(&chunk).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        };
        let darkness = async move {
            // A link that was dropped darkens nothing.
            if state.wait_for(|state| *state == State::Dark).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(reading, writing) } => (),
            () = darkness => std::future::pending().await,
        }
    }
}

/// Ends a connection as a dead machine's neighbour does.
fn reset(connection: TcpStream) {
    let _ = connection.set_zero_linger();
    drop(connection);
}
