//! `bench bundles`: transactions of generated patients over HTTP, by size and by how many come at once.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use population::Population;

use crate::server::Server;

/// 2026-01-01.
const AS_OF_S: i64 = 1_767_225_600;

/// Entries of a transaction, and clients that send them at once.
const SHAPES: [(usize, usize); 4] = [(1, 8), (10, 8), (500, 1), (500, 4)];

/// Posts about `resources` resources in each shape and prints what each took.
pub(crate) fn run(binary: &Path, resources: usize) -> Result<()> {
    let home = std::env::temp_dir().join(format!("tarn-bundles-{}", std::process::id()));
    let measured = measure(binary, &home, resources);
    std::fs::remove_dir_all(&home).context("remove the data of the run")?;
    measured
}

fn measure(binary: &Path, home: &Path, resources: usize) -> Result<()> {
    let server = Server::start(binary, home)?;
    for (entries, clients) in SHAPES {
        // One commit takes as long as the disk; few of them are measure enough.
        let bundles = bundles(entries, (resources / entries).clamp(1, 2000));
        let store = server.ask(&["datastore", "create", &format!("bundles-{entries}-{clients}")])?;
        let base = store["DatastoreEndpoint"].as_str().context("a data store has an endpoint")?;
        let before = server.usage()?;
        let took_s = post(clients, base, &bundles)?;
        let after = server.usage()?;
        let count = (bundles.len() * entries) as f64;
        println!(
            "{entries:4} entries, {clients} clients: {:.1} transactions/s, {:.0} resources/s, {:.1} us CPU a \
             resource, peak {} MB",
            bundles.len() as f64 / took_s,
            count / took_s,
            (after.cpu_s - before.cpu_s) * 1e6 / count,
            after.peak / 1_000_000,
        );
    }
    server.stop()
}

/// Transactions that create generated resources. Their fullUrls are those of another server, so that every
/// reference between them is replaced.
fn bundles(entries: usize, count: usize) -> Vec<String> {
    let population = Population::new(1, AS_OF_S);
    let (mut all, mut open, mut held, mut patient) = (Vec::with_capacity(count), String::new(), 0, 1);
    while all.len() < count {
        for (of, json) in population.patient(patient).resources() {
            let json = String::from_utf8_lossy(json);
            let id =
                json.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let comma = if held == 0 { "" } else { "," };
            open.push_str(&format!(
                "{comma}{{\"fullUrl\":\"http://bench.example/fhir/{of}/{id}\",\"resource\":{json},\
                 \"request\":{{\"method\":\"POST\",\"url\":\"{of}\"}}}}"
            ));
            held += 1;
            if held == entries {
                let content = std::mem::take(&mut open);
                all.push(format!(
                    "{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{content}]}}"
                ));
                held = 0;
            }
        }
        patient += 1;
    }
    all.truncate(count);
    all
}

/// Posts all from so many clients; how long it took, in seconds.
fn post(clients: usize, base: &str, bundles: &[String]) -> Result<f64> {
    let began = Instant::now();
    let ended: Vec<Result<()>> = std::thread::scope(|scope| {
        let spawn = |client: usize| scope.spawn(move || client_load(client, clients, base, bundles));
        let handles: Vec<_> = (0..clients).map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().expect("a client does not panic")).collect()
    });
    ended.into_iter().collect::<Result<()>>()?;
    Ok(began.elapsed().as_secs_f64())
}

fn client_load(client: usize, clients: usize, base: &str, bundles: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let web = reqwest::Client::builder().pool_max_idle_per_host(1).tcp_nodelay(true).build()?;
    runtime.block_on(async {
        for bundle in bundles.iter().skip(client).step_by(clients) {
            let request = web.post(base).header("content-type", "application/fhir+json");
            let answer = request.body(bundle.clone()).send().await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&body[..body.len().min(1000)]));
        }
        Ok(())
    })
}
