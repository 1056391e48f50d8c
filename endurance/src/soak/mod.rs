//! `endurance soak`: steady mixed load at a fixed rate for as long as you like, and whether memory, latency and files
//! stay what they are.

mod plot;
mod sample;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use self::plot::{Panel, svg};
use self::sample::{Sample, change};
use crate::crash::create_active;
use crate::dice::Dice;
use crate::door::{Ask, Door};
use crate::server::{Place, folder};

/// Interactions that may be under way at once. One that finds none free begins late, and its latency says so.
const AT_ONCE: u64 = 128;
/// Patients that are read, changed and searched for; Observations come and go.
const PATIENTS: usize = 2000;
/// Entries of a transaction.
const ENTRIES: usize = 10;
/// The most that memory and latency may change over the last half, as a share of their mean.
const CHANGE_MAX: f64 = 0.15;

/// How long, how much, and where to.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Interactions a second.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Seconds between samples.
    #[arg(long, default_value_t = 5.0)]
    every: f64,
    /// What the random choices follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The data folder; without it, one of its own that is removed in the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The tarn to load; without it, the one beside this program.
    #[arg(long, env = "TARN_BINARY")]
    binary: Option<PathBuf>,
    /// Only tell how memory and latency changed: a short run is too short for a verdict on that.
    #[arg(long)]
    short: bool,
    /// Where `soak.csv` and `soak.svg` are written.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

/// Something that a sample tells.
type Measure = fn(&Sample) -> f64;

/// What all clients share.
struct Load {
    door: Door,
    store: String,
    seed: u64,
    began: Instant,
    rate: f64,
    next: AtomicU64,
    is_over: AtomicBool,
    latencies: Mutex<Vec<Duration>>,
    failed: AtomicU64,
    failure: Mutex<Option<String>>,
}

/// Runs it. Fails if memory or latency grew, or if anything was answered that should not be.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (data, _own) = folder(arguments.data.as_deref())?;
    let place = Place::new(arguments.binary.clone(), data)?;
    let mut server = place.start()?;
    let door = Door::new(&server.ready()?.0, &place.data)?;
    let store = create_active(&door.control(), "soak").await?;
    fill(&door, &store).await?;
    let load = Arc::new(Load {
        door,
        store,
        seed: arguments.seed,
        began: Instant::now(),
        rate: arguments.rate,
        next: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        latencies: Mutex::default(),
        failed: AtomicU64::new(0),
        failure: Mutex::default(),
    });
    let clients: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(work(load.clone()))).collect();
    let samples = watch(&load, server.id(), &place.data, &arguments).await?;
    load.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.context("a client ended")?;
    }
    let mut faults = server.stop()?;
    faults.extend(place.check()?);
    faults.extend(load.failure.lock().expect("no holder of this lock panics").take());
    write(&arguments, &samples)?;
    let grown = verdict(&samples);
    faults.extend(grown.into_iter().filter(|_| !arguments.short));
    faults.iter().for_each(|fault| println!("  {fault}"));
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes samples until the time is over, and shows each.
async fn watch(load: &Load, process: u32, data: &Path, arguments: &Arguments) -> Result<Vec<Sample>> {
    let (mut samples, mut failed, mut last) = (Vec::<Sample>::new(), 0, 0.0);
    while last < arguments.minutes * 60.0 {
        tokio::time::sleep(Duration::from_secs_f64(arguments.every)).await;
        let mut latencies =
            std::mem::take(&mut *load.latencies.lock().expect("no holder of this lock panics"));
        latencies.sort_unstable();
        let second = load.began.elapsed().as_secs_f64();
        let mut sample = Sample::take(process, data, second, second - last, &latencies)?;
        let all = load.failed.load(Ordering::Relaxed);
        sample.failed = all - failed;
        (failed, last) = (all, second);
        eprint!(
            "\r{second:.0} s, {:.0} a second, p50 {:.1} ms, p99 {:.1} ms, {} MB, {failed} failed   ",
            sample.rate,
            sample.p50_ms,
            sample.p99_ms,
            sample.resident >> 20
        );
        samples.push(sample);
    }
    eprintln!();
    Ok(samples)
}

async fn fill(door: &Door, store: &str) -> Result<()> {
    for from in (0..PATIENTS).step_by(200) {
        let entries: Vec<Value> =
            (from..from + 200).map(|at| entry(&format!("Patient/p{at}"), patient(at, 0))).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        let answer = door.fhir(store, &Ask::post("", &bundle)).await?;
        anyhow::ensure!(answer.status == 200, "the patients were refused: {}", answer.body);
    }
    Ok(())
}

/// Takes interactions in turn, each at its time.
async fn work(load: Arc<Load>) {
    while !load.is_over.load(Ordering::Relaxed) {
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        let at = load.began + Duration::from_secs_f64(number as f64 / load.rate);
        tokio::time::sleep_until(at.into()).await;
        let mut dice = Dice::new(load.seed, number);
        let (ask, statuses) = interaction(number, &mut dice);
        let told = match load.door.fhir(&load.store, &ask).await {
            Ok(answer) if statuses.contains(&answer.status) => None,
            Ok(answer) => Some(format!("interaction {number}: {} {}", answer.status, answer.body)),
            Err(error) => Some(format!("interaction {number}: {error}")),
        };
        load.latencies.lock().expect("no holder of this lock panics").push(at.elapsed());
        if let Some(told) = told {
            load.failed.fetch_add(1, Ordering::Relaxed);
            load.failure.lock().expect("no holder of this lock panics").get_or_insert(told);
        }
    }
}

/// What is asked, and what may be answered.
fn interaction(number: u64, dice: &mut Dice) -> (Ask, &'static [u16]) {
    let at = dice.below(PATIENTS);
    match dice.below(20) {
        0..8 => (Ask::get(format!("Patient/p{at}")), &[200]),
        8..10 => (Ask::get(format!("Patient?family=Soak{}&_count=10", at % 100)), &[200]),
        10 | 11 => (Ask::get(format!("Observation?patient=Patient/p{at}&_sort=-date&_count=10")), &[200]),
        12 => (Ask::get(format!("Patient/p{at}/_history?_count=5")), &[200]),
        13..16 => (Ask::put(format!("Patient/p{at}"), &patient(at, number)), &[200]),
        16 | 17 => (Ask::post("Observation", &observation(at, number)), &[201]),
        18 => (Ask::delete(format!("Observation/o{}", dice.below(PATIENTS))), &[204]),
        _ => {
            let entries: Vec<Value> = (0..ENTRIES)
                .map(|_| dice.below(PATIENTS))
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .map(|at| {
                    let mut observation = observation(at, number);
                    observation["id"] = json!(format!("o{at}"));
                    entry(&format!("Observation/o{at}"), observation)
                })
                .collect();
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
            (Ask::post("", &bundle), &[200])
        }
    }
}

fn entry(url: &str, resource: Value) -> Value {
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

fn patient(at: usize, number: u64) -> Value {
    json!({
        "resourceType": "Patient", "id": format!("p{at}"), "birthDate": format!("19{:02}-03-01", at % 100),
        "name": [{ "family": format!("Soak{}", at % 100), "given": [format!("Given{number}")] }],
        "identifier": [{ "system": "urn:soak", "value": at.to_string() }],
    })
}

fn observation(at: usize, number: u64) -> Value {
    json!({
        "resourceType": "Observation", "status": "final", "subject": { "reference": format!("Patient/p{at}") },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8480-6" }] },
        "effectiveDateTime": format!("20{:02}-01-{:02}", number % 24, 1 + number % 28),
        "valueQuantity": { "value": 90 + number % 80, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]" },
    })
}

fn write(arguments: &Arguments, samples: &[Sample]) -> Result<()> {
    std::fs::create_dir_all(&arguments.out)?;
    let lines: Vec<String> =
        std::iter::once(Sample::HEADER.to_owned()).chain(samples.iter().map(Sample::line)).collect();
    std::fs::write(arguments.out.join("soak.csv"), lines.join("\n") + "\n")?;
    let of = |value: fn(&Sample) -> f64| samples.iter().map(value).collect::<Vec<f64>>();
    let panels = [
        Panel {
            title: "resident memory, MB",
            lines: vec![("memory", of(|sample| sample.resident as f64 / 1e6))],
        },
        Panel {
            title: "latency from the intended start, ms",
            lines: vec![("p50", of(|sample| sample.p50_ms)), ("p99", of(|sample| sample.p99_ms))],
        },
        Panel { title: "interactions a second", lines: vec![("rate", of(|sample| sample.rate))] },
    ];
    let title =
        format!("tarn under {} interactions a second for {} minutes", arguments.rate, arguments.minutes);
    std::fs::write(arguments.out.join("soak.svg"), svg(&title, &of(|sample| sample.second), &panels))?;
    Ok(())
}

/// Prints how memory and latency changed over the last half; what is wrong with it.
fn verdict(samples: &[Sample]) -> Vec<String> {
    let half = &samples[samples.len() / 2..];
    let measures: [(&str, Measure, bool); 6] = [
        ("memory", |sample| sample.resident as f64, true),
        ("p50", |sample| sample.p50_ms, true),
        ("p99", |sample| sample.p99_ms, false),
        ("disk", |sample| sample.disk as f64, false),
        ("files", |sample| sample.files as f64, false),
        ("open files", |sample| sample.open as f64, true),
    ];
    let mut faults = Vec::new();
    for (name, of, must_be_flat) in measures {
        let (change, last) = (change(half, of), half.last().map_or(0.0, of));
        println!("{name:12} {last:14.1} in the end, {:+.1} % over the last half", change * 100.0);
        if must_be_flat && change > CHANGE_MAX {
            faults.push(format!("{name} grew by {:.0} % over the last half", change * 100.0));
        }
    }
    faults
}
