//! An HTTP/1 connection whose answer comes later. Until then it is only a stream: the buffers and the state of hyper
//! would take ten times the memory. To answer, hyper takes the stream again and reads a short copy of the request.

use std::fmt;

use axum::http::{HeaderMap, Version, header};

use super::peer::Coming;
use super::watch::UnderWay;

/// What is needed to answer it.
pub(super) struct Parked {
    pub(super) coming: Coming,
    pub(super) under_way: UnderWay,
    pub(super) head: String,
}

/// What a request says about its connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Persistence {
    closes: bool,
    keeps: bool,
}

impl Persistence {
    /// Reads the `Connection` headers (RFC 9112 §9.3).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        let options = values.flat_map(|value| value.split(',')).map(str::trim);
        options.fold(Self::default(), |said, option| Self {
            closes: said.closes || option.eq_ignore_ascii_case("close"),
            keeps: said.keeps || option.eq_ignore_ascii_case("keep-alive"),
        })
    }

    /// The head of a request that says the same and nothing else.
    pub(super) fn head(self, version: Version) -> String {
        let version = if version == Version::HTTP_10 { "1.0" } else { "1.1" };
        let connection = match self {
            Self { closes: true, .. } => "Connection: close\r\n",
            Self { keeps: true, .. } => "Connection: keep-alive\r\n",
            Self { .. } => "",
        };
        format!("POST / HTTP/{version}\r\nHost: parked\r\n{connection}Content-Length: 0\r\n\r\n")
    }
}

/// The error that makes hyper release the connection without an answer.
#[derive(Debug)]
pub(super) struct Parks;

impl fmt::Display for Parks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the answer comes later")
    }
}

impl std::error::Error for Parks {}
