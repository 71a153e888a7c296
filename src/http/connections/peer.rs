//! What the connections and the rest of the server say to each other.

use std::net::IpAddr;
use std::pin::Pin;

use axum::response::Response;

/// Who sends a request, and whether there is room for it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The other end of the connection.
    pub address: IpAddr,
    /// Whether the request is answered as usual.
    pub room: Crowding,
    /// Why the request cannot be read, if it cannot: of such a request only a part is known.
    pub unreadable: Option<Unreadable>,
}

/// Why a request cannot be read. Its connection is closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its head is no head of HTTP (RFC 9112 §2.2).
    Head,
    /// Its target is too long (RFC 9110 §15.5.15).
    LongTarget,
    /// Its head is too large (RFC 6585 §5).
    LargeHead,
    /// Its body has a transfer coding that this server does not understand (RFC 9112 §6.1).
    TransferCoding,
    /// It says in two ways where its body ends (RFC 9112 §6.1).
    TwoLengths,
}

/// Whether there is room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowding {
    Free,
    /// There is room only for health checks and for people who decide.
    Full,
}

pub enum Answered {
    Now(Response),
    /// It takes long to be known.
    Later(Coming),
}

pub type Coming = Pin<Box<dyn Future<Output = Response> + Send>>;
