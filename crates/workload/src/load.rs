//! A load: requests that are ready, sent by several clients at once, each waiting for its answer before it sends the
//! next.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http::Request;

use crate::connection::{Answer, Connection};
use crate::latencies::Latencies;

/// How much of a refusal is shown, in bytes.
const REFUSAL_BYTES_SHOWN: usize = 400;

/// How a load went.
pub(crate) struct Loaded {
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
}

impl Loaded {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// What the clients of a load share.
struct Shared<'a> {
    address: &'a str,
    requests: &'a [Request<Bytes>],
    next: Cell<usize>,
    seen: &'a dyn Fn(usize, Answer) -> Result<()>,
}

/// Sends the requests to `address` over `clients` connections. Fails at the first answer that is no success.
pub(crate) fn send(address: &str, clients: usize, requests: &[Request<Bytes>]) -> Result<Loaded> {
    send_and_see(address, clients, requests, &|_, _| Ok(()))
}

/// The same, showing each answer with the number of its request.
pub(crate) fn send_and_see(
    address: &str,
    clients: usize,
    requests: &[Request<Bytes>],
    seen: &dyn Fn(usize, Answer) -> Result<()>,
) -> Result<Loaded> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Shared { address, requests, next: Cell::new(0), seen };
    let began = Instant::now();
    let taken = runtime.block_on(try_join_all((0..clients).map(|_| client(&shared))))?;
    let took = began.elapsed();
    Ok(Loaded { latencies: Latencies::of(taken.concat()), took })
}

async fn client(shared: &Shared<'_>) -> Result<Vec<Duration>> {
    let mut connection = Connection::to(shared.address);
    let mut taken = Vec::new();
    loop {
        let number = shared.next.replace(shared.next.get() + 1);
        let Some(request) = shared.requests.get(number) else { return Ok(taken) };
        let began = Instant::now();
        let answer = connection.send(request.clone()).await?;
        taken.push(began.elapsed());
        let shown = &answer.body[..answer.body.len().min(REFUSAL_BYTES_SHOWN)];
        ensure!(
            (200..300).contains(&answer.status),
            "{} {}: {} {}",
            request.method(),
            request.uri(),
            answer.status,
            String::from_utf8_lossy(shown)
        );
        (shared.seen)(number, answer)?;
    }
}
