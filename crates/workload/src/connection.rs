//! One kept-alive HTTP/1.1 connection, as thin as it can be: what a client costs is taken from the server's time.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to one address, opened again when the server closed it.
pub(crate) struct Connection {
    address: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    /// A connection to `address` (host and port), not opened yet.
    pub(crate) fn to(address: &str) -> Connection {
        Connection { address: address.to_owned(), sender: None }
    }

    /// Sends a request and waits for all of its answer.
    pub(crate) async fn send(&mut self, request: Request<Bytes>) -> Result<Answer> {
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.open().await?,
        };
        sender.ready().await.context("the server closed the connection")?;
        let answer =
            sender.send_request(request.map(Full::new)).await.context("the server did not answer")?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.context("the answer broke off")?.to_bytes();
        self.sender = Some(sender);
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.with_context(|| format!("no server answers at {}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the connection; what goes wrong shows in the answer that does not come.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}
