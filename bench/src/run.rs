//! `bench run`: the workloads of the targets, against the release binary, over HTTP and S3.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::clients;
use crate::server::{Server, bytes_on_disk};

/// Patients whose generated records are about a hundred thousand resources.
const PATIENTS_A_100K: u64 = 350;

/// Clients of the read and search loads.
const CLIENTS: usize = 8;

/// Requests of each search shape.
const SEARCHES: usize = 400;

/// Runs everything at a scale (`100k`, `1m`, `10m`) and prints a table.
pub(crate) fn run(binary: &Path, scale: &str) -> Result<()> {
    let patients = match scale {
        "100k" => PATIENTS_A_100K,
        "1m" => PATIENTS_A_100K * 10,
        "10m" => PATIENTS_A_100K * 100,
        _ => bail!("the scale is 100k, 1m or 10m"),
    };
    let home = std::env::temp_dir().join(format!("tarn-bench-{}", std::process::id()));
    let measured = measure(binary, &home, patients);
    std::fs::remove_dir_all(&home).context("remove the data of the run")?;
    measured
}

fn measure(binary: &Path, home: &Path, patients: u64) -> Result<()> {
    let (source, data) = (home.join("ndjson"), home.join("data"));
    generate(binary, &source, patients)?;
    let server = Server::start(binary, &data)?;
    row("start of an empty server", format!("{:.0} ms", server.started_in.as_secs_f64() * 1e3));
    row("idle memory", mebibytes(server.usage()?.resident));
    let began = Instant::now();
    let store = server.ask(&["datastore", "create", "bench"])?;
    row(
        "create a data store to ACTIVE, with the client's start",
        format!("{:.0} ms", began.elapsed().as_secs_f64() * 1e3),
    );
    let base = text(&store, "DatastoreEndpoint")?;
    import(&server, &source, &data)?;
    searches(&server, &base)?;
    export(&server, &home.join("out"))?;
    row("peak memory", mebibytes(server.usage()?.peak));
    server.kill()?;
    let server = Server::start(binary, &data)?;
    row("start after kill -9", format!("{:.0} ms", server.started_in.as_secs_f64() * 1e3));
    let (first, _) = clients::get(1, 1, |_| {
        format!("{base}Patient?_count=1&_total=accurate").replace(&base, &rebased(&base, &server))
    })?;
    row("first search after it", format!("{:.1} ms", first.quantile_ms(1.0)));
    server.stop()
}

fn generate(binary: &Path, into: &Path, patients: u64) -> Result<()> {
    let began = Instant::now();
    let status = std::process::Command::new(binary)
        .args(["population", "--json", "--seed", "1", "--patients", &patients.to_string(), "--out"])
        .arg(into)
        .stdout(std::process::Stdio::null())
        .status()?;
    anyhow::ensure!(status.success(), "tarn population failed");
    let bytes = bytes_on_disk(into)?;
    row(
        "generate patients",
        format!("{patients} patients, {} in {:.1} s", mebibytes(bytes), began.elapsed().as_secs_f64()),
    );
    Ok(())
}

fn import(server: &Server, source: &Path, data: &Path) -> Result<()> {
    let source = source.to_str().context("the folder has a plain name")?;
    let before = server.usage()?;
    let job = server.ask(&["import", source, "--validation-level", "structure-only"])?;
    let after = server.usage()?;
    let report = &job["JobProgressReport"];
    let count = report["TotalNumberOfResourcesImported"].as_u64().context("the job counts")?;
    let cpu_s = after.cpu_s - before.cpu_s;
    row("import: resources", count);
    row(
        "import: resources a second (the job's own time)",
        format!("{:.0}", report["Throughput"].as_f64().unwrap_or(0.0)),
    );
    row("import: CPU µs a resource, upload included", format!("{:.1}", cpu_s * 1e6 / count as f64));
    row("import: peak memory", mebibytes(after.peak));
    let bytes = bytes_on_disk(&data.join("stores"))?;
    row("bytes on disk a resource", format!("{:.0}", bytes as f64 / count as f64));
    Ok(())
}

fn searches(server: &Server, base: &str) -> Result<()> {
    let page: Value = fetch(&format!("{base}Patient?_count=100"))?;
    let patients: Vec<String> = page["entry"]
        .as_array()
        .context("there are patients")?
        .iter()
        .filter_map(|entry| entry["resource"]["id"].as_str().map(str::to_owned))
        .collect();
    let patient = |n: usize| &patients[n % patients.len()];
    type Shape<'a> = (&'a str, Box<dyn Fn(usize) -> String + Sync + 'a>);
    let shapes: Vec<Shape<'_>> = vec![
        ("read by id", Box::new(|n| format!("{base}Patient/{}", patient(n)))),
        ("token", Box::new(|_| format!("{base}Observation?code=http://loinc.org|8302-2&_count=20"))),
        (
            "patient and code, newest first",
            Box::new(|n| {
                format!("{base}Observation?patient={}&code=8302-2&_sort=-date&_count=20", patient(n))
            }),
        ),
        (
            "date range",
            Box::new(|n| {
                let year = 2010 + n % 15;
                format!("{base}Encounter?date=ge{year}-01-01&date=lt{year}-02-01&_count=20")
            }),
        ),
        ("string", Box::new(|n| format!("{base}Patient?name={}&_count=20", ["a", "be", "mar", "jo"][n % 4]))),
        (
            "quantity",
            Box::new(|n| {
                format!("{base}Observation?code=8302-2&value-quantity=gt{}||cm&_count=20", 150 + n % 30)
            }),
        ),
        (
            "composite",
            Box::new(|n| {
                format!("{base}Observation?component-code-value-quantity=8480-6$gt{}&_count=20", 120 + n % 30)
            }),
        ),
        ("chain", Box::new(|_| format!("{base}Observation?code=8302-2&patient.gender=male&_count=20"))),
        (
            "reverse chain",
            Box::new(|_| format!("{base}Patient?_has:Observation:patient:code=8302-2&_count=20")),
        ),
        ("_revinclude", Box::new(|n| format!("{base}Patient?_id={}&_revinclude=*", patient(n)))),
        ("count of a token", Box::new(|_| format!("{base}Observation?code=8302-2&_total=accurate&_count=1"))),
    ];
    for (name, url) in shapes {
        let before = server.usage()?;
        let (latencies, took) = clients::get(CLIENTS, SEARCHES, url)?;
        let cpu_s = server.usage()?.cpu_s - before.cpu_s;
        let (rate, count) = (latencies.count() as f64 / took.as_secs_f64(), latencies.count() as f64);
        let (p50, p99) = (latencies.quantile_ms(0.5), latencies.quantile_ms(0.99));
        row(
            &format!("search: {name}"),
            format!("p50 {p50:.2} ms, p99 {p99:.2} ms, {rate:.0}/s, CPU {:.0} µs each", cpu_s * 1e6 / count),
        );
    }
    Ok(())
}

fn export(server: &Server, into: &Path) -> Result<()> {
    let before = server.usage()?;
    let began = Instant::now();
    server.ask(&["export", into.to_str().context("the folder has a plain name")?])?;
    let (took, cpu_s) = (began.elapsed(), server.usage()?.cpu_s - before.cpu_s);
    let bytes = bytes_on_disk(into)?;
    let rate = bytes as f64 / took.as_secs_f64();
    row(
        "export with download",
        format!(
            "{} in {:.1} s, {}/s, CPU {cpu_s:.1} s",
            mebibytes(bytes),
            took.as_secs_f64(),
            mebibytes(rate as u64)
        ),
    );
    Ok(())
}

fn fetch(url: &str) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(serde_json::from_slice(&reqwest::get(url).await?.bytes().await?)?) })
}

/// A data store's base URL after the server came back on another port.
fn rebased(base: &str, server: &Server) -> String {
    let path = base.splitn(4, '/').nth(3).unwrap_or_default();
    format!("{}/{path}", server.endpoint)
}

fn text(value: &Value, member: &str) -> Result<String> {
    Ok(value[member].as_str().with_context(|| format!("the answer has {member}"))?.to_owned())
}

fn row(what: &str, figure: impl std::fmt::Display) {
    println!("{what:58} {figure}");
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

/// Where the release binary is: beside this one.
pub(crate) fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a binary lies in a folder")?.join("tarn"))
}
