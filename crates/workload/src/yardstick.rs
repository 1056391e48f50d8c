//! What the same machine does in the same minutes without tarn: a bare HTTP server, a copy of files, a parse, a sync.

use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Bytes that are written before each sync that is timed: a commit of one resource.
const SYNCED_BYTES: usize = 4096;

/// How many syncs are timed.
const SYNCS: usize = 200;

/// A server that answers everything with the same headers and bytes, and looks at nothing.
pub(crate) struct BareServer {
    pub(crate) address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

impl BareServer {
    /// Starts one on a free port of the loopback address, with as many threads as there are cores.
    pub(crate) fn start(headers: &HeaderMap, body: Bytes) -> Result<BareServer> {
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = mpsc::channel();
        let headers = headers.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                ready.send(listener.local_addr()?.to_string())?;
                tokio::select! {
                    () = serve(listener, headers, body) => {}
                    _ = stopped => {}
                }
                Ok(())
            })
        });
        let address = address.recv().context("the bare server did not start")?;
        Ok(BareServer { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        // A server that has ended already hears nothing.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn serve(listener: TcpListener, headers: HeaderMap, body: Bytes) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (headers, body) = (headers.clone(), body.clone());
        tokio::spawn(async move {
            let service = service_fn(move |_| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = headers.clone();
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that went away is no failure of the yardstick.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Copies a file and waits until it is on the disk; bytes a second.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<f64> {
    let began = Instant::now();
    let bytes = std::fs::copy(from, to).with_context(|| format!("copy to {}", to.display()))?;
    std::fs::File::open(to)?.sync_all()?;
    let rate = bytes as f64 / began.elapsed().as_secs_f64();
    std::fs::remove_file(to)?;
    Ok(rate)
}

/// Parses every line of a file by serde_json, on one thread; bytes and lines a second.
pub(crate) fn parse(file: &Path) -> Result<(f64, f64)> {
    let content = std::fs::read(file)?;
    let began = Instant::now();
    let mut lines = 0_u64;
    for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let value: serde_json::Value = serde_json::from_slice(line)?;
        lines += u64::from(value.is_object());
    }
    let took_s = began.elapsed().as_secs_f64();
    Ok((content.len() as f64 / took_s, lines as f64 / took_s))
}

/// What it takes to append a little to a file in `folder` and sync it: the median.
pub(crate) fn sync(folder: &Path) -> Result<Duration> {
    let path = folder.join("sync");
    let mut file = std::fs::File::create(&path)?;
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[0; SYNCED_BYTES])?;
        file.sync_data()?;
        taken.push(began.elapsed());
    }
    std::fs::remove_file(&path)?;
    taken.sort_unstable();
    Ok(taken[SYNCS / 2])
}
