//! A connection as its requests see it: whether there is room for them, and whether it is kept after the answer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Version, header};
use axum::response::Response;
use hyper::body::Incoming;

use super::parked::{Parked, Parks, Persistence};
use super::peer::{Answered, Crowding, Peer, Unreadable};
use super::watch::{UnderWay, Watch};
use super::{Connections, rest_of_body};

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a connection was admitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Usual,
    /// On top of them: it is closed after its first answer.
    Reserve,
}

/// One connection, as its requests see it.
pub(super) struct Seat {
    connections: Arc<Connections>,
    pub(super) watch: Arc<Watch>,
    peer: IpAddr,
    place: Place,
    later: Mutex<Later>,
}

/// What a connection and its requests hand over if an answer comes later.
#[derive(Default)]
enum Later {
    #[default]
    Nothing,
    /// The connection is to be parked.
    Parked(Parked),
    /// The next request stands for one whose answer is this.
    Ready(Ready),
}

/// An answer that only needs to be sent.
pub(super) struct Ready {
    pub(super) response: Response,
    pub(super) under_way: UnderWay,
    /// Whether the request was read to its end; the connection is closed otherwise.
    pub(super) is_read: bool,
}

enum Way<F> {
    Ready(Response),
    Answering(F),
}

impl Seat {
    pub(super) fn new(connections: Arc<Connections>, watch: Arc<Watch>, peer: IpAddr, place: Place) -> Self {
        Self { connections, watch, peer, place, later: Mutex::default() }
    }

    /// Answers one request, and says whether the connection is kept; an error where the answer comes later and the
    /// connection can be parked. What is returned is small: a connection has room for it all its life.
    pub(super) fn answer<A, F>(
        self: &Arc<Self>,
        request: Request<Incoming>,
        answer: &A,
    ) -> impl Future<Output = Result<Response, Parks>> + Send + use<A, F>
    where
        A: Fn(Request<Body>, Peer) -> F,
        F: Future<Output = Answered> + Send,
    {
        let version = request.version();
        let persistence = Persistence::of(request.headers());
        let mut room = Crowding::Free;
        // hyper alone knows what it makes of a head that came together with the request before, and whether it has written
        // the answer to that one: such a connection is not parked.
        let mut may_park = version != Version::HTTP_2;
        let (way, under_way, rest, is_read) = match self.take_later() {
            Later::Ready(Ready { response, under_way, is_read }) => {
                (Way::Ready(response), under_way, None, is_read)
            }
            Later::Nothing | Later::Parked(_) => {
                let (under_way, framing) = self.watch.begin();
                let unreadable = framing.refusal(request.headers());
                may_park &= framing.is_known() && !self.watch.owes();
                if self.place == Place::Reserve && self.connections.is_full() {
                    room = Crowding::Full;
                }
                let (request, rest) = rest_of_body::lend(request);
                let peer = Peer { address: self.peer, room, unreadable };
                // Nobody knows where the body of one that cannot be read ends.
                let rest = rest.filter(|_| unreadable.is_none());
                (Way::Answering(answer(request, peer)), under_way, rest, unreadable.is_none())
            }
        };
        let seat = Arc::clone(self);
        async move {
            let answered = match way {
                Way::Ready(response) => Answered::Now(response),
                Way::Answering(answering) => answering.await,
            };
            let read = match rest {
                Some(rest) => Box::pin(rest.read_on()).await,
                None => is_read,
            };
            let response = match answered {
                Answered::Now(response) => response,
                Answered::Later(coming) if !may_park || !read => coming.await,
                Answered::Later(coming) => {
                    let head = persistence.head(version);
                    seat.hand_over(Later::Parked(Parked { coming, under_way, head }));
                    return Err(Parks);
                }
            };
            if room == Crowding::Full && response.status() == StatusCode::SERVICE_UNAVAILABLE {
                seat.connections.count_refusal();
            }
            drop(under_way);
            Ok(seat.finish(response, version, read))
        }
    }

    /// Says in the answer whether the connection is kept. `read`: whether the request was read to its end.
    fn finish(&self, mut response: Response, version: Version, read: bool) -> Response {
        if version == Version::HTTP_2 {
            return response;
        }
        if !read {
            self.watch.linger();
        }
        // Said here, the peer knows it before it sends another request, which might cross the closing.
        let on_reserve = self.place == Place::Reserve;
        if !read || on_reserve || self.watch.was_told() || self.connections.lets_go() {
            response.headers_mut().insert(header::CONNECTION, CLOSE);
        } else if version == Version::HTTP_11 {
            response.headers_mut().insert(KEEP_ALIVE, self.connections.kept.clone());
        }
        response
    }

    /// Takes the request for which the connection is to be parked.
    pub(super) fn take_parked(&self) -> Option<Parked> {
        match self.take_later() {
            Later::Parked(parked) => Some(parked),
            Later::Nothing | Later::Ready(_) => None,
        }
    }

    /// Holds an answer ready, for a request that stands for its own comes next.
    pub(super) fn hold_ready(&self, ready: Ready) {
        self.hand_over(Later::Ready(ready));
    }

    /// Answers a request that hyper could not read.
    pub(super) async fn refuse<A, F>(&self, unreadable: Unreadable, answer: &A) -> Ready
    where
        A: Fn(Request<Body>, Peer) -> F,
        F: Future<Output = Answered> + Send,
    {
        let (under_way, framing) = self.watch.begin();
        let peer = Peer { address: self.peer, room: Crowding::Free, unreadable: Some(unreadable) };
        let response = match answer(framing.request(), peer).await {
            Answered::Now(response) => response,
            Answered::Later(coming) => coming.await,
        };
        Ready { response, under_way, is_read: false }
    }

    fn hand_over(&self, later: Later) {
        *self.later.lock().unwrap_or_else(PoisonError::into_inner) = later;
    }

    fn take_later(&self) -> Later {
        std::mem::take(&mut self.later.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
