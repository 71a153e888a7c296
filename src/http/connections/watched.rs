//! The stream of a connection, whose bytes are noticed, so that its time limits count from the right moment: hyper's own
//! limit for a head counts from the answer before, and would close a kept connection that is silent for as long.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::watch::{Protocol, Watch};

/// What hyper's own answers have beside their first line. Ours have more.
const OWN_HEADERS: [&str; 3] = ["connection", "content-length", "date"];
/// Longer than any of hyper's own answers, in bytes: where answers are written, only so much of their end is looked at.
const OWN_LENGTH: usize = 192;
/// How much is read at first, in bytes: most requests whole.
const FIRST_READ: usize = 2_048;
/// The most that is discarded of a refused body before the connection is closed, in bytes.
const DISCARDED: usize = 4 << 20;

/// The stream of a connection, with its watch.
pub(super) struct Watched {
    stream: TcpStream,
    watch: Arc<Watch>,
    /// What is read before anything that comes.
    ahead: Bytes,
    discarded: usize,
    /// The status with which hyper has refused a head. It was not sent: the answer is to say more.
    refused: Option<u16>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self { stream, watch, ahead: Bytes::new(), discarded: 0, refused: None }
    }

    /// Reads as far as it takes to know the protocol; what was read is read again. An error where the peer has gone.
    pub(super) async fn protocol(&mut self) -> io::Result<Protocol> {
        // While nothing comes, nothing is held.
        self.stream.readable().await?;
        let mut start = Vec::with_capacity(FIRST_READ);
        while let Protocol::Unknown(_) = self.watch.protocol() {
            if self.read_buf(&mut start).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.put_back(&start);
        Ok(self.watch.protocol())
    }

    /// Has these bytes read before anything else. They are copied: they may be the least part of a buffer of hyper's,
    /// which would live as long as they do.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.ahead = [bytes, &self.ahead].concat().into();
        }
    }

    /// The same for what goes before bytes that were put back already.
    pub(super) fn put_before(&mut self, head: &str) {
        self.ahead = [head.as_bytes(), &self.ahead].concat().into();
    }

    /// Takes the status with which hyper has refused a head, if it has.
    pub(super) fn take_refusal(&mut self) -> Option<u16> {
        self.refused.take()
    }

    /// Has this read next, and nothing that came before.
    pub(super) fn put_instead(&mut self, head: &'static str) {
        self.ahead = Bytes::from_static(head.as_bytes());
    }

    /// Waits until the peer has closed its side. One that has sent more than one request seems to stay.
    pub(super) async fn hung_up(&self) {
        if let Ok(1..) = self.stream.peek(&mut [0]).await {
            std::future::pending::<()>().await;
        }
    }

    /// Discards what comes until the peer closes its side too, or there is too much of it.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            if ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)).is_err() {
                return Poll::Ready(Ok(()));
            }
            self.discarded += buffer.filled().len();
            if buffer.filled().is_empty() || self.discarded > DISCARDED {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let length = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead.split_to(length));
            if this.ahead.is_empty() {
                this.ahead = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending if this.watch.may_end() && nothing_has_come(&this.stream) => {
                return Poll::Ready(Ok(()));
            }
            outcome => ready!(outcome)?,
        }
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            this.watch.received(new);
        }
        Poll::Ready(Ok(()))
    }
}

/// What comes before hyper's own refusal of a head, if these bytes end with one, and its status.
fn before_refusal(bytes: &[u8]) -> Option<(&[u8], u16)> {
    const VERSION: &[u8] = b"HTTP/1.";
    let rest = bytes.strip_suffix(b"\r\n\r\n")?;
    let looked_at = rest.len().saturating_sub(OWN_LENGTH);
    let start = looked_at + rest[looked_at..].windows(VERSION.len()).rposition(|part| part == VERSION)?;
    let mut lines = std::str::from_utf8(&rest[start..]).ok()?.split("\r\n");
    let status =
        lines.next()?.split(' ').nth(1)?.parse().ok().filter(|status| (400..500).contains(status))?;
    let is_own = lines.all(|line| line.split_once(':').is_some_and(|(name, _)| OWN_HEADERS.contains(&name)));
    is_own.then_some((&bytes[..start], status))
}

/// Whether nothing is there to be read, not even what the runtime has yet to hear of.
fn nothing_has_come(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let mut byte = [0_u8; 1];
    matches!(rustix::net::recv(stream, &mut byte, flags), Err(Errno::AGAIN))
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = match before_refusal(bytes) {
            // Kept back.
            Some((&[], status)) => {
                self.refused = Some(status);
                return Poll::Ready(Ok(bytes.len()));
            }
            Some((answers, _)) => answers,
            None => bytes,
        };
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch.owe(outcome.is_pending());
        let written = ready!(outcome)?;
        self.watch.wrote();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = slices.first().filter(|first| before_refusal(first).is_some()) {
            return self.poll_write(context, first);
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch.owe(outcome.is_pending());
        let written = ready!(outcome)?;
        self.watch.wrote();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            // The answer is still to come.
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if !self.watch.lingers() {
            return Poll::Ready(Ok(()));
        }
        self.watch.closing();
        self.poll_discard(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_hyper_s_own_is_told_from_an_answer_with_the_same_status() {
        let own = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let answer = "HTTP/1.1 400 Bad Request\r\nx-request-id: a\r\ncontent-length: 0\r\n\r\n";
        let behind = format!("{answer}{own}");
        assert_eq!(before_refusal(own.as_bytes()), Some((&b""[..], 400)));
        assert_eq!(before_refusal(behind.as_bytes()), Some((answer.as_bytes(), 400)));
        for other in [answer, &own[..40], "HTTP/1.1 100 Continue\r\n\r\n", "\r\n\r\n", ""] {
            assert_eq!(before_refusal(other.as_bytes()), None, "{other}");
        }
    }
}
