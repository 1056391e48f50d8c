//! The listener: connections in, requests to their doors, a clean end.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::components::{Components, Opened};
use crate::config::Settings;
use crate::doors;
use crate::load::pace::{Course, HEAD_MS_MAX, PacedStream};

/// File descriptors that are left for everything but connections: one in so many, and at least
/// [`DESCRIPTORS_LEFT_MIN`].
const DESCRIPTORS_LEFT_SHARE: u64 = 4;

/// See [`DESCRIPTORS_LEFT_SHARE`].
const DESCRIPTORS_LEFT_MIN: u64 = 256;

/// How long a connection without requests is kept, in milliseconds.
const IDLE_MS_MAX: u64 = 300_000;

/// What an HTTP/2 client says first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait for the rest of what may become [`HTTP2_PREFACE`], in milliseconds.
const PREFACE_RETRY_MS: u64 = 20;

/// How often an HTTP/2 client is asked whether it is still there, in milliseconds.
const PING_MS: u64 = 60_000;

/// How large a request's head may be, in bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Requests that one HTTP/2 connection may have under way.
const STREAMS_MAX: u32 = 256;

/// How long requests under way may take to end once the server is told to stop, in milliseconds.
const DRAIN_MS_MAX: u64 = 20_000;

/// How long to wait before accepting again when the system refuses, in milliseconds.
const ACCEPT_RETRY_MS: u64 = 50;

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    // Who is told that the server is ready may tell it to stop at once.
    let stop = stopped()?;
    let server = Server::start(settings).await?;
    server.until(stop).await
}

/// A server that listens.
pub(crate) struct Server {
    listener: TcpListener,
    components: Arc<Components>,
    connections_max: usize,
}

impl Server {
    /// Opens the data folder, binds the port, builds everything, and says that it is ready.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time to start is measured for the log, nothing depends on it"
    )]
    pub(crate) async fn start(settings: Settings) -> Result<Server> {
        let began = Instant::now();
        // The keys are there before anybody can connect.
        let opened = Opened::open(&settings)?;
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("listen on {}", settings.listen))?;
        let address = listener.local_addr()?;
        let local_url = format!("http://{address}");
        let public_url = settings.public_url.clone().unwrap_or_else(|| local_url.clone());
        if settings.open_fhir {
            tracing::warn!("open-fhir: AWS_AUTH data stores take unsigned FHIR requests from this machine");
        }
        let components = Components::build(opened, &settings, &public_url)?;
        let took_ms = began.elapsed().as_millis();
        tracing::info!("tarn {} is ready at {local_url} after {took_ms} ms", env!("CARGO_PKG_VERSION"));
        let connections_max = connections_max(settings.load.connections_max);
        Ok(Server { listener, components: Arc::new(components), connections_max })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop` ends; then drains requests, pauses jobs at a checkpoint and flushes.
    pub(crate) async fn until(self, stop: impl Future<Output = ()>) -> Result<()> {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(IDLE_MS_MAX))
            .max_buf_size(HEADER_BYTES_MAX);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .keep_alive_interval(Some(Duration::from_millis(PING_MS)));
        let http = Arc::new(http);
        let (graceful, slots) = (GracefulShutdown::new(), Arc::new(Semaphore::new(self.connections_max)));
        let stopping = watch::Sender::new(());
        let mut stop = pin!(stop);
        loop {
            // A server whose places are all taken must still hear that it is to stop.
            let accepted = async {
                let permit = Arc::clone(&slots).acquire_owned().await;
                (permit.expect("the semaphore is never closed"), self.listener.accept().await)
            };
            let (permit, stream) = tokio::select! {
                accepted = accepted => accepted,
                () = &mut stop => break,
            };
            let Ok((stream, peer)) = stream else {
                tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                continue;
            };
            let (http, components) = (Arc::clone(&http), Arc::clone(&self.components));
            let (watcher, mut stopped) = (graceful.watcher(), stopping.subscribe());
            tokio::spawn(async move {
                components.metrics.connections.fetch_add(1, Ordering::Relaxed);
                let spoken = tokio::select! {
                    spoken = speaks(&stream) => spoken,
                    _ = stopped.changed() => None,
                };
                if let Some(spoken) = spoken {
                    serve_connection(&http, stream, spoken, peer.ip(), &components, watcher).await;
                }
                components.metrics.connections.fetch_sub(1, Ordering::Relaxed);
                drop(permit);
            });
        }
        drop((self.listener, stopping));
        tracing::info!("stopping: no new connections");
        if tokio::time::timeout(Duration::from_millis(DRAIN_MS_MAX), graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in {DRAIN_MS_MAX} ms and are cut off");
        }
        self.components.stop().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The HTTP that a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Http1,
    Http2,
}

/// What the client speaks, if it says anything before it has taken too long. The timeouts of heads begin only when
/// that is known.
async fn speaks(stream: &TcpStream) -> Option<Spoken> {
    let first = async {
        let mut said = [0; HTTP2_PREFACE.len()];
        loop {
            match stream.peek(&mut said).await {
                Ok(0) | Err(_) => return None,
                Ok(count) if count < said.len() && said[..count] == HTTP2_PREFACE[..count] => {
                    tokio::time::sleep(Duration::from_millis(PREFACE_RETRY_MS)).await;
                }
                Ok(_) if said == *HTTP2_PREFACE => return Some(Spoken::Http2),
                Ok(_) => return Some(Spoken::Http1),
            }
        }
    };
    tokio::time::timeout(Duration::from_millis(HEAD_MS_MAX), first).await.unwrap_or_default()
}

async fn serve_connection(
    http: &Builder<TokioExecutor>,
    stream: TcpStream,
    spoken: Spoken,
    address: IpAddr,
    components: &Arc<Components>,
    watcher: Watcher,
) {
    // A small answer must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a socket keeps its delay: {error}");
    }
    let course = Arc::new(Course::default());
    course.is_sequential.store(spoken == Spoken::Http1, Ordering::Relaxed);
    let stream = PacedStream::new(stream, Arc::clone(&course), Arc::clone(&components.load.slow));
    let service = service_fn(move |request| {
        let (components, serving) = (Arc::clone(components), course.serve());
        // On the heap and only while there is a request: an idle connection shall cost little.
        Box::pin(async move {
            let _serving = serving;
            Ok::<_, Infallible>(doors::answer(&components, request, address).await)
        })
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection ended: {error}");
    }
}

/// How many connections may be open: so many, as far as there are file descriptors for them. The process may open as
/// many files as it is ever allowed to.
fn connections_max(wanted: usize) -> usize {
    let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!("the limit of open files stays as it is: {error}");
        rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(DESCRIPTORS_LEFT_MIN, |(soft, _)| soft)
    });
    let left = (allowed / DESCRIPTORS_LEFT_SHARE).max(DESCRIPTORS_LEFT_MIN);
    let possible = usize::try_from(allowed.saturating_sub(left)).unwrap_or(usize::MAX).max(1);
    if possible < wanted {
        tracing::warn!(
            "{possible} connections may be open, not {wanted}: the process may open {allowed} files"
        );
    }
    wanted.min(possible)
}

/// Ends at SIGTERM or SIGINT.
pub(crate) fn stopped() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
