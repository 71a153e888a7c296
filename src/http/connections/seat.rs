//! A connection as its requests see it: whether there is room for them, and whether it is kept after the answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Version, header};
use axum::response::Response;
use hyper::body::Incoming;

use super::watched::Watch;
use super::{Connections, Crowding, Peer, rest_of_body};

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
    /// Answers one request, and says whether the connection is kept.
    pub(super) async fn answer<F>(
        &self,
        request: Request<Incoming>,
        answer: &(impl Fn(Request<Body>, Peer) -> F + Send + Sync),
    ) -> Response
    where
        F: Future<Output = Response> + Send,
    {
        let version = request.version();
        let on_reserve = self.place == Place::Reserve;
        let room = if on_reserve && self.connections.is_full() { Crowding::Full } else { Crowding::Free };
        let (request, rest) = rest_of_body::lend(request);
        let mut response = answer(request, Peer { address: self.peer, room }).await;
        if room == Crowding::Full && response.status() == StatusCode::SERVICE_UNAVAILABLE {
            self.connections.count_refusal();
        }
        let read = match rest {
            Some(rest) => rest.read_on().await,
            None => true,
        };
        if version == Version::HTTP_2 {
            return response;
        }
        if !read {
            self.watch.linger();
        }
        if !read || on_reserve {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else if version == Version::HTTP_11 {
            response.headers_mut().insert(KEEP_ALIVE, self.connections.kept.clone());
        }
        response
    }
}
