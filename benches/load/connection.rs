//! One device's connection to a server: HTTP/1.1, kept alive.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::Fault;

/// What is sent: a form, to one of the two endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// The endpoint's path.
    pub(crate) path: &'static str,
    /// The body.
    pub(crate) body: Bytes,
    /// `Prefer: wait=N`
    pub(crate) wait_seconds: Option<u32>,
}

/// What comes back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Fault> {
        Self::over(TcpStream::connect(address).await?, address).await
    }

    /// Connects from this address of the machine itself.
    pub(crate) async fn open_from(home: Ipv4Addr, address: SocketAddr) -> Result<Self, Fault> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((home, 0).into())?;
        Self::over(socket.connect(address).await?, address).await
    }

    async fn over(stream: TcpStream, address: SocketAddr) -> Result<Self, Fault> {
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
        let driver = tokio::spawn(async move {
            // A broken connection shows in the request that it breaks.
            let _ = connection.await;
        });
        Ok(Self { sender, host: address.to_string(), driver })
    }

    /// Sends a form and reads the answer whole.
    pub(crate) async fn send(&mut self, form: &Form) -> Result<Answer, Fault> {
        let mut request =
            Request::post(form.path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(seconds) = form.wait_seconds {
            request = request.header("prefer", format!("wait={seconds}"));
        }
        self.ask(request, form.body.clone()).await
    }

    /// Sends any request and reads the answer whole.
    pub(crate) async fn ask(&mut self, request: Builder, body: Bytes) -> Result<Answer, Fault> {
        let request = request.header(header::HOST, &self.host).body(Full::new(body))?;
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
