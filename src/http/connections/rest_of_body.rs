//! The rest of a body that nobody has read: read up to a bound so that the connection can be kept, or else a reason to
//! close it (RFC 9112 §9.3, §9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

/// The most that is read of it, in bytes.
const LONGEST: u64 = 65_536;
/// The longest time that reading it takes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where an unread body comes back to.
pub(super) struct Rest {
    returned: Returned,
    /// Whether the client sends its body only when asked to (RFC 9110 §10.1.1).
    waits_to_be_asked: bool,
}

type Returned = Arc<Mutex<Option<Incoming>>>;

/// Lends the body of a request to its handler. `None` where nothing can be left of it.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Body>, Option<Rest>) {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return (Request::from_parts(parts, Body::empty()), None);
    }
    // An HTTP/2 stream ends alone.
    if parts.version == Version::HTTP_2 {
        return (Request::from_parts(parts, Body::new(body)), None);
    }
    let returned = Returned::default();
    let waits_to_be_asked = parts.headers.contains_key(header::EXPECT);
    let lent = Lent { body: Some(body), returned: Arc::clone(&returned) };
    (Request::from_parts(parts, Body::new(lent)), Some(Rest { returned, waits_to_be_asked }))
}

impl Rest {
    /// Reads what is left. Returns `false` if the connection cannot be kept: there is too much, or it takes too long.
    pub(super) async fn read_on(self) -> bool {
        let body = self.returned.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body else { return true };
        if self.waits_to_be_asked || body.size_hint().lower() > LONGEST {
            return false;
        }
        let reading = async {
            let mut left = LONGEST;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(length) {
                    Some(fewer) => left = fewer,
                    None => return false,
                }
            }
            true
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false)
    }
}

/// A body that goes back where it came from unless it was read to its end.
struct Lent {
    body: Option<Incoming>,
    returned: Returned,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
