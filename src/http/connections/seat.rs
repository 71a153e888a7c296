//! A connection as its requests see it: whether there is room for them, and whether it is kept after the answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;

use super::watch::Watch;
use super::{Connections, Crowding, Peer, rest_of_body};

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a connection was admitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the usual ones.
    Usual,
    /// On top of them: it is closed after its first answer.
    Reserve,
}

/// One connection, as its requests see it.
pub(super) struct Seat {
    pub(super) connections: Arc<Connections>,
    pub(super) watch: Arc<Watch>,
    pub(super) peer: IpAddr,
    pub(super) place: Place,
}

impl Seat {
    /// Answers one request, and says whether the connection is kept. What is returned is small: a connection has room for
    /// it all its life.
    pub(super) fn answer<A, F>(
        self: &Arc<Self>,
        request: Request<Incoming>,
        answer: &A,
    ) -> impl Future<Output = Response> + Send + use<A, F>
    where
        A: Fn(Request<Body>, Peer) -> F,
        F: Future<Output = Response> + Send,
    {
        let (under_way, framing) = self.watch.begin();
        let refusal = framing.refusal(request.headers());
        let version = request.version();
        let on_reserve = self.place == Place::Reserve;
        let room = if on_reserve && self.connections.is_full() { Crowding::Full } else { Crowding::Free };
        let (request, rest) = rest_of_body::lend(request);
        let answering = match refusal {
            Some(status) => Err(status),
            None => Ok(answer(request, Peer { address: self.peer, room })),
        };
        let seat = Arc::clone(self);
        async move {
            let _under_way = under_way;
            let mut response = match answering {
                Ok(answering) => answering.await,
                Err(status) => {
                    seat.watch.linger();
                    return (status, [(header::CONNECTION, CLOSE)]).into_response();
                }
            };
            if room == Crowding::Full && response.status() == StatusCode::SERVICE_UNAVAILABLE {
                seat.connections.count_refusal();
            }
            let read = match rest {
                Some(rest) => Box::pin(rest.read_on()).await,
                None => true,
            };
            if version == Version::HTTP_2 {
                return response;
            }
            if !read {
                seat.watch.linger();
            }
            // Said here, the peer knows it before it sends another request, which might cross the closing.
            if !read || on_reserve || seat.watch.was_told() || seat.connections.lets_go() {
                response.headers_mut().insert(header::CONNECTION, CLOSE);
            } else if version == Version::HTTP_11 {
                response.headers_mut().insert(KEEP_ALIVE, seat.connections.kept.clone());
            }
            response
        }
    }
}
