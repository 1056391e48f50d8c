//! Clients that are too slow: bodies that hardly arrive, answers that are hardly read, heads that never end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How slow a client may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slowness {
    /// How long it may stand still, in milliseconds; so much is given in advance and never more.
    pub(crate) grace_ms: u64,
    /// What earns a second more, in bytes.
    pub(crate) bytes_per_second: u64,
}

/// Bodies may be sent this slowly.
pub(crate) const SENDING: Slowness = Slowness { grace_ms: 15_000, bytes_per_second: 16 * 1024 };

/// Answers may be read this slowly.
pub(crate) const READING: Slowness = Slowness { grace_ms: 30_000, bytes_per_second: 16 * 1024 };

/// How long the head of a request may take from its first byte on, in milliseconds.
pub(crate) const HEAD_MS_MAX: u64 = 10_000;

/// Clients that were cut off for being slow.
#[derive(Default)]
pub(crate) struct Slow {
    /// In sending a head or a body.
    pub(crate) senders: AtomicU64,
    /// In reading an answer.
    pub(crate) readers: AtomicU64,
}

/// The client was slower than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client was too slow")]
pub(crate) struct TooSlow;

/// A count of how much longer a client may stand still: time that it lets others wait is taken off, bytes earn more.
struct Pace {
    slowness: Slowness,
    left: Duration,
    /// Since when it stands still, and until when it may.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    fn new(slowness: Slowness) -> Pace {
        Pace { slowness, left: Duration::from_millis(slowness.grace_ms), waiting: None }
    }

    /// It stands still; ready when it did so for too long.
    fn stands_still(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, until) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(tokio::time::sleep_until(now + left)))
        });
        until.as_mut().poll(context)
    }

    /// So many bytes passed.
    fn moves(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let earned = Duration::from_micros(bytes as u64 * 1_000_000 / self.slowness.bytes_per_second);
        self.left = (self.left + earned).min(Duration::from_millis(self.slowness.grace_ms));
    }
}

/// A request's body that ends with [`TooSlow`] when it does not arrive.
pub(crate) struct PacedBody<B> {
    body: Pin<Box<B>>,
    pace: Pace,
    slow: Arc<Slow>,
}

impl<B> PacedBody<B> {
    /// The body, which may arrive so slowly.
    pub(crate) fn new(body: B, slowness: Slowness, slow: Arc<Slow>) -> Self {
        PacedBody { body: Box::pin(body), pace: Pace::new(slowness), slow }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.body.as_mut().poll_frame(context) {
            Poll::Pending => match self.pace.stands_still(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    self.slow.senders.fetch_add(1, Ordering::Relaxed);
                    Poll::Ready(Some(Err(Box::new(TooSlow))))
                }
            },
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    self.pace.moves(frame.data_ref().map_or(0, Bytes::len));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a connection is at: shared between its socket and the requests that come over it.
#[derive(Default)]
pub(crate) struct Course {
    /// Requests under way.
    serving: AtomicUsize,
    /// Whether requests come one after the other, as in HTTP/1, so that it is known when a head begins.
    pub(crate) is_sequential: AtomicBool,
}

/// A request under way on a connection, until dropped.
pub(crate) struct Serving(Arc<Course>);

impl Course {
    /// A request begins.
    pub(crate) fn serve(self: &Arc<Self>) -> Serving {
        self.serving.fetch_add(1, Ordering::Relaxed);
        Serving(Arc::clone(self))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket that fails when its client is slow to read, or to end the head of a request that it began.
pub(crate) struct PacedStream<S> {
    stream: S,
    course: Arc<Course>,
    reading: Pace,
    /// Whether bytes came since the last request was served.
    has_begun: bool,
    head: Option<Pin<Box<Sleep>>>,
    slow: Arc<Slow>,
}

impl<S> PacedStream<S> {
    /// The socket of a connection that is at `course`.
    pub(crate) fn new(stream: S, course: Arc<Course>, slow: Arc<Slow>) -> Self {
        PacedStream { stream, course, reading: Pace::new(READING), has_begun: false, head: None, slow }
    }

    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending if self.reading.stands_still(context).is_ready() => {
                self.slow.readers.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow)))
            }
            Poll::Ready(Ok(bytes)) => {
                self.reading.moves(bytes);
                self.head = None;
                written
            }
            other => other,
        }
    }

    /// Whether the head of a request takes too long.
    fn head_is_slow(&mut self, context: &mut Context<'_>) -> bool {
        let is_head = self.has_begun && self.course.is_sequential.load(Ordering::Relaxed);
        if !is_head || self.course.serving.load(Ordering::Relaxed) > 0 {
            self.head = None;
            return false;
        }
        let head =
            self.head.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(HEAD_MS_MAX))));
        head.as_mut().poll(context).is_ready()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending if self.head_is_slow(context) => {
                self.slow.senders.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, TooSlow)))
            }
            Poll::Ready(Ok(())) => {
                if buffer.filled().len() > before {
                    self.has_begun = self.course.serving.load(Ordering::Relaxed) == 0;
                }
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PacedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // An answer ends what was begun.
        self.has_begun = false;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.has_begun = false;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A body of so many frames, one every so often.
    fn frames(count: usize, bytes: usize, every_ms: u64) -> impl Body<Data = Bytes, Error = io::Error> {
        StreamBody::new(futures::stream::unfold(0, move |sent| async move {
            if sent == count {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
            Some((Ok(Frame::data(Bytes::from(vec![b'x'; bytes]))), sent + 1))
        }))
    }

    async fn gathered(count: usize, bytes: usize, every_ms: u64) -> Result<usize, TooSlow> {
        let slowness = Slowness { grace_ms: 1000, bytes_per_second: 1000 };
        let body = PacedBody::new(frames(count, bytes, every_ms), slowness, Arc::default());
        match body.collect().await {
            Ok(collected) => Ok(collected.to_bytes().len()),
            Err(error) => Err(*error.downcast::<TooSlow>().unwrap()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_for_as_long_as_it_keeps_its_rate() {
        assert_eq!(gathered(100, 500, 400).await, Ok(50_000), "above the rate for 40 seconds");
        assert_eq!(gathered(1, 1, 999).await.unwrap_or_default(), 1, "within the grace");
        assert_eq!(gathered(100, 500, 600).await, Err(TooSlow), "below the rate, the grace is used up");
        assert_eq!(gathered(3, 1_000_000, 1100).await, Err(TooSlow), "no rate earns more than the grace");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_the_connection() {
        let (_client, server) = tokio::io::duplex(16);
        let slow = Arc::new(Slow::default());
        let mut server = PacedStream::new(server, Arc::default(), Arc::clone(&slow));
        let error = server.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!((error.kind(), slow.readers.load(Ordering::Relaxed)), (io::ErrorKind::TimedOut, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_cut_and_an_idle_connection_is_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let course = Arc::new(Course::default());
        course.is_sequential.store(true, Ordering::Relaxed);
        let mut server = PacedStream::new(server, Arc::clone(&course), Arc::default());
        let hour = Duration::from_secs(3600);
        let mut byte = [0];
        assert!(tokio::time::timeout(hour, server.read(&mut byte)).await.is_err(), "idle");
        client.write_all(b"G").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        let serving = course.serve();
        assert!(tokio::time::timeout(hour, server.read(&mut byte)).await.is_err(), "it is being served");
        drop(serving);
        let cut = tokio::time::timeout(hour, server.read(&mut byte)).await.unwrap();
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
