//! A load of GET requests from several clients at once, over kept-alive connections, and how long each took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long the requests of one load took.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// The duration that this share (0 to 1) of the requests did not exceed, in milliseconds.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).map_or(0.0, |d| d.as_secs_f64() * 1e3)
    }
}

/// Sends `count` requests from `clients` clients; request n asks for `url(n)`. Any answer but 200 is a failure.
pub(crate) fn get(
    clients: usize,
    count: usize,
    url: impl Fn(usize) -> String + Sync,
) -> Result<(Latencies, Duration)> {
    let began = Instant::now();
    let taken: Vec<Result<Vec<Duration>>> = std::thread::scope(|scope| {
        let spawn = |client: usize| {
            let url = &url;
            scope.spawn(move || client_load(client, clients, count, url))
        };
        let handles: Vec<_> = (0..clients).map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().expect("a client does not panic")).collect()
    });
    let took = began.elapsed();
    let mut all = Vec::with_capacity(count);
    for one in taken {
        all.extend(one?);
    }
    all.sort_unstable();
    Ok((Latencies(all), took))
}

fn client_load(
    client: usize,
    clients: usize,
    count: usize,
    url: &dyn Fn(usize) -> String,
) -> Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let web = reqwest::Client::builder().pool_max_idle_per_host(1).tcp_nodelay(true).build()?;
    let mut taken = Vec::with_capacity(count / clients + 1);
    runtime.block_on(async {
        for n in (client..count).step_by(clients) {
            let url = url(n);
            let began = Instant::now();
            let answer = web.get(&url).send().await.with_context(|| format!("GET {url}"))?;
            let status = answer.status();
            let body = answer.bytes().await?;
            ensure!(status == 200, "GET {url}: {status} {}", String::from_utf8_lossy(&body));
            taken.push(began.elapsed());
        }
        Ok(taken)
    })
}
