//! One connection from its first byte to its last.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::Connections;
use super::parked::Parked;
use super::peer::{Answered, Peer, Unreadable};
use super::phase::Order;
use super::seat::{Ready, Seat};
use super::watch::{Protocol, Watch};
use super::watched::Watched;

/// What hyper reads where it has refused what came.
const REFUSED: &str = "GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// Why hyper has left a connection that goes on.
enum Left {
    Parked(Parked),
    Refused(Unreadable),
}

impl Connections {
    /// Answers what comes by a connection until it ends.
    pub(super) async fn serve<A, F>(self: Arc<Self>, mut io: Watched, seat: Arc<Seat>, answer: Arc<A>)
    where
        A: Fn(Request<Body>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Answered> + Send + 'static,
    {
        let protocol = tokio::select! {
            protocol = io.protocol() => protocol,
            () = cut(&seat.watch) => return,
        };
        match protocol {
            Err(_) => return,
            Ok(Protocol::Http2) => return Box::pin(self.http_2(io, seat, answer)).await,
            Ok(_) => {}
        }
        // Boxed, for it is gone while the connection is parked.
        while let Some((mut stream, left)) = Box::pin(self.http_1(io, &seat, &answer)).await {
            let ready = match left {
                Left::Parked(Parked { coming, under_way, head }) => {
                    let response = tokio::select! {
                        response = coming => response,
                        // Whoever has closed its side has given up: what is written to it may reach nobody.
                        () = stream.hung_up() => return,
                    };
                    stream.put_before(&head);
                    Ready { response, under_way, is_read: true }
                }
                Left::Refused(unreadable) => {
                    stream.put_instead(REFUSED);
                    Box::pin(seat.refuse(unreadable, &*answer)).await
                }
            };
            io = stream;
            seat.hold_ready(ready);
        }
    }

    /// Answers requests of HTTP/1 until the connection ends. Returns what is left of it where it goes on.
    async fn http_1<A, F>(&self, io: Watched, seat: &Arc<Seat>, answer: &Arc<A>) -> Option<(Watched, Left)>
    where
        A: Fn(Request<Body>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Answered> + Send + 'static,
    {
        let service = service_fn(|request| seat.answer(request, &**answer));
        let mut connection = self.http_1.serve_connection(TokioIo::new(io), service);
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                // One that is to leave ends where it next reads and nothing has come: see `Watched`.
                order = seat.watch.order() => if order == Order::Cut { return None },
            }
        };
        if let Some(parked) = seat.take_parked() {
            let http1::Parts { io, read_buf, .. } = connection.into_parts();
            let mut io = io.into_inner();
            io.put_back(&read_buf);
            return Some((io, Left::Parked(parked)));
        }
        let Err(error) = ended else { return None };
        let mut io = connection.into_parts().io.into_inner();
        if let Some(status) = io.take_refusal() {
            return Some((io, Left::Refused(unreadable(status, &error))));
        }
        tracing::trace!(%error, "connection closed with error");
        None
    }

    /// Answers requests of HTTP/2 until the connection ends.
    async fn http_2<A, F>(self: Arc<Self>, io: Watched, seat: Arc<Seat>, answer: Arc<A>)
    where
        A: Fn(Request<Body>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Answered> + Send + 'static,
    {
        let watch = Arc::clone(&seat.watch);
        let service = service_fn(move |request| seat.answer(request, &*answer));
        let mut connection = std::pin::pin!(self.http_2.serve_connection(TokioIo::new(io), service));
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                order = watch.order() => match order {
                    Order::Cut => return,
                    Order::Leave => connection.as_mut().graceful_shutdown(),
                }
            }
        }
    }
}

/// Why hyper has refused a head, which it says in words only where the status is the same.
fn unreadable(status: u16, error: &hyper::Error) -> Unreadable {
    match status {
        414 => Unreadable::LongTarget,
        431 => Unreadable::LargeHead,
        _ if error.to_string().contains("invalid transfer-encoding") => Unreadable::TransferCoding,
        _ => Unreadable::Head,
    }
}

/// Waits until the connection must be closed.
async fn cut(watch: &Watch) {
    while watch.order().await != Order::Cut {}
}
