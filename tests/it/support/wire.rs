//! A wire between a server and its database that understands as much of PostgreSQL's messages as it needs: it counts
//! round trips, and cuts the connection at a given one.
//!
//! A round trip is a statement that the server sends and waits for: `BEGIN` and `COMMIT` are such, too. The pool's own
//! checks whether a connection lives do not count, nor does preparing a statement, once for each connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::link::{End, over};

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The statement does not reach the database.
    Before,
    /// The database has carried out the statement, and the server does not get the answer.
    After,
}

#[derive(Default)]
struct Plan {
    trips: AtomicU64,
    /// At which round trip, counted from the beginning.
    cut: Mutex<Option<(u64, Break)>>,
}

/// A wire on an address of its own. It ends when it is dropped.
pub struct Wire {
    plan: Arc<Plan>,
    _accepting: AbortOnDropHandle<()>,
}

impl Wire {
    /// A wire to a database, and the options that lead over it.
    pub async fn to_database(options: &PgConnectOptions) -> (Self, PgConnectOptions) {
        let end = End::of_database(options).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let plan = Arc::new(Plan::default());
        let of_connections = Arc::clone(&plan);
        #[expect(clippy::disallowed_methods, reason = "it ends with the wire")]
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (plan, end) = (Arc::clone(&of_connections), end.clone());
                #[expect(clippy::disallowed_methods, reason = "it ends with its connection")]
                tokio::spawn(async move {
                    match end {
                        End::Unix(path) => {
                            if let Ok(far) = UnixStream::connect(path).await {
                                let (read, write) = far.into_split();
                                plan.carry(near, read, write).await;
                            }
                        }
                        End::Tcp(address) => {
                            if let Ok(far) = TcpStream::connect(address).await {
                                let (read, write) = far.into_split();
                                plan.carry(near, read, write).await;
                            }
                        }
                    }
                });
            }
        });
        (Self { plan, _accepting: AbortOnDropHandle::new(accepting) }, over(options, address))
    }

    /// How many round trips there were.
    pub fn trips(&self) -> u64 {
        self.plan.trips.load(Ordering::SeqCst)
    }

    /// Cuts the connection of the round trip that comes as the `nth` from now.
    pub fn cut(&self, nth: u64, where_at: Break) {
        *self.plan.lock() = Some((self.trips() + nth, where_at));
    }

    /// Cuts nothing any more; whether the cut was still to come.
    pub fn mend(&self) -> bool {
        self.plan.lock().take().is_some()
    }
}

impl Plan {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(u64, Break)>> {
        self.cut.lock().expect("nobody panics here")
    }

    /// Counts a round trip; what is to happen to it.
    fn count(&self) -> Option<Break> {
        let mut cut = self.lock();
        let trip = self.trips.fetch_add(1, Ordering::SeqCst) + 1;
        let (_, where_at) = cut.take_if(|(nth, _)| *nth <= trip)?;
        Some(where_at)
    }

    async fn carry(
        &self,
        near: TcpStream,
        mut far_read: impl AsyncRead + Unpin,
        mut far_write: impl AsyncWriteExt + Unpin,
    ) {
        let _ = near.set_nodelay(true);
        let (broken, swallows) = (CancellationToken::new(), AtomicBool::new(false));
        let mut near = near;
        {
            let (mut near_read, mut near_write) = near.split();
            let asking = async {
                let mut begins = true;
                let (mut group, mut executes) = (Vec::new(), false);
                while let Some((kind, message)) = read(&mut near_read, begins).await {
                    begins = false;
                    executes |= matches!(kind, b'E' | b'Q');
                    group.extend(message);
                    if executes && matches!(kind, b'S' | b'Q') {
                        match self.count() {
                            Some(Break::Before) => return broken.cancel(),
                            Some(Break::After) => swallows.store(true, Ordering::SeqCst),
                            None => {}
                        }
                        executes = false;
                    }
                    if !matches!(kind, b'P' | b'B' | b'D' | b'E' | b'C') {
                        if far_write.write_all(&group).await.is_err() {
                            return broken.cancel();
                        }
                        group.clear();
                    }
                }
                broken.cancel();
            };
            let answering = async {
                while let Some((kind, message)) = read(&mut far_read, false).await {
                    if !swallows.load(Ordering::SeqCst) {
                        if near_write.write_all(&message).await.is_err() {
                            break;
                        }
                    } else if kind == b'Z' {
                        break;
                    }
                }
                broken.cancel();
            };
            let both = async { tokio::join!(asking, answering) };
            let _ = broken.run_until_cancelled(both).await;
        }
        let _ = near.set_zero_linger();
    }
}

/// The next message with its kind. The first one of a connection has none.
async fn read(from: &mut (impl AsyncRead + Unpin), begins: bool) -> Option<(u8, Vec<u8>)> {
    let mut message = vec![0; if begins { 4 } else { 5 }];
    from.read_exact(&mut message).await.ok()?;
    let kind = if begins { 0 } else { message[0] };
    let length: [u8; 4] = message[message.len() - 4..].try_into().ok()?;
    let rest = usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?;
    let head = message.len();
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some((kind, message))
}
