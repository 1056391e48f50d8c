//! The embedded store alone: how much of the processor a run of an import costs, what it takes on disk, and
//! how long searches take, over a generated population.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use embedded::{Bodies, EmbeddedStore, StoreLimits};
use fhir::{Id, Resource, ResourceKey, ResourceType};
use population::Population;
use search::{
    Entries, Filter, ParamId, Prefix, ReferenceTest, Search, Sort, SortKey, StringTest, SystemTest, Test,
    Total, Visible,
};
use store::{
    DataKey, JobId, Operation, Put, Run, RunId, Store, SystemClock, SystemRandom, Transaction, Write,
};

use crate::meter::{Meter, resident_mb};

const RUN_PUTS: usize = 32_768;
/// 2026-01-01.
const AS_OF_S: i64 = 1_767_225_600;

/// Loads about `resources` resources and searches them.
pub(crate) fn run(resources: usize) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("tarn-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?
        .block_on(async { load(&folder, resources).await });
    std::fs::remove_dir_all(&folder).context("removing the folder")?;
    outcome
}

async fn load(folder: &std::path::Path, resources: usize) -> Result<()> {
    let key = DataKey::generate(&SystemRandom);
    let store = EmbeddedStore::open(folder, &key, Arc::new(SystemClock), StoreLimits::default())?;
    println!("open and empty: {} MB resident", resident_mb());
    let population = Population::new(1, AS_OF_S);
    let extractor = search::Extractor::new("", &search::ParameterSet::r4());
    let job = JobId::generate(&SystemRandom);
    let (mut puts, mut done, mut number, mut cpu_us, mut bytes) = (Vec::new(), 0, 0, 0.0, 0);
    let mut patient = 0;
    while done < resources {
        let chart = if patient == 0 { population.community() } else { population.patient(patient) };
        patient += 1;
        for (_, json) in chart.resources() {
            puts.push(put(&extractor, json)?);
            bytes += json.len();
        }
        if puts.len() >= RUN_PUTS || done + puts.len() >= resources {
            done += puts.len();
            number += 1;
            let run = Run { id: RunId { job: job.clone(), number }, puts: std::mem::take(&mut puts) };
            let meter = Meter::start();
            store.ingest(run).await?;
            cpu_us += meter.cpu_us();
        }
    }
    println!(
        "ingest: {:.1} us CPU a resource, {done} resources of {} bytes",
        cpu_us / done as f64,
        bytes / done
    );
    println!("disk: {} bytes a resource, {} MB resident", store.disk_bytes()? / done as u64, resident_mb());
    searches(&store, patient).await?;
    let store = Arc::new(store);
    commits(&store, &population, &extractor, patient).await?;
    searches(&store, patient).await?;
    drop(store);
    let meter = Meter::start();
    let store = EmbeddedStore::open(folder, &key, Arc::new(SystemClock), StoreLimits::default())?;
    println!("opened again in {:.0} ms", meter.wall_ms());
    println!("disk: {} bytes a resource, {} MB resident", store.disk_bytes()? / done as u64, resident_mb());
    for (space, bytes) in store.space_bytes() {
        println!("  {space}: {} bytes a resource", bytes / done as u64);
    }
    searches(&store, patient).await?;
    let meter = Meter::start();
    let report = embedded::check(&store, Bodies::Compare)?;
    println!(
        "check: {} problems in {} rows and {} bodies, {:.0} ms, {} MB resident",
        report.problem_count,
        report.rows,
        report.bodies,
        meter.wall_ms(),
        resident_mb()
    );
    Ok(())
}

/// Single commits of one patient's resources after another by many clients, each twice: first they are new.
async fn commits(
    store: &Arc<EmbeddedStore>,
    population: &Population,
    extractor: &search::Extractor,
    first_patient: u64,
) -> Result<()> {
    const CLIENTS: usize = 64;
    let mut puts = Vec::new();
    let mut patient = first_patient;
    while puts.len() < 20_000 {
        for (_, json) in population.patient(patient).resources() {
            puts.push(put(extractor, json)?);
        }
        patient += 1;
    }
    for what in ["commits of new resources", "commits of updates"] {
        let meter = Meter::start();
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let mine: Vec<Put> = puts.iter().skip(client).step_by(CLIENTS).cloned().collect();
            let store = store.clone();
            clients.push(tokio::spawn(async move {
                for put in mine {
                    let writes = vec![Write::Put(put)];
                    store.commit(Transaction { preconditions: Vec::new(), writes }).await?;
                }
                Ok::<(), store::CommitError>(())
            }));
        }
        for client in clients {
            client.await??;
        }
        meter.report(what, puts.len() as u32);
    }
    Ok(())
}

fn put(extractor: &search::Extractor, json: &[u8]) -> Result<Put> {
    let resource = Resource::parse_slice(json).map_err(|_| anyhow::anyhow!("the population is valid"))?;
    let key = resource.key().context("the population has ids")?;
    let mut entries = Entries::new();
    extractor.extract(&resource, &key, &mut entries).context("the population can be indexed")?;
    let body = fhir::body(&resource, &key.id).into();
    Ok(Put { key, body, entries, operation: Operation::Update })
}

fn page(mut search: Search, count: usize) -> Search {
    search.count = count;
    search
}

fn sorted(mut search: Search, by: Vec<Sort>) -> Search {
    search.sort = by;
    search
}

fn counted(mut search: Search) -> Search {
    search.total = Total::Accurate;
    search
}

fn of(name: &str) -> Result<ResourceType> {
    ResourceType::parse(name).context("a resource type")
}

fn param(code: &str) -> Result<ParamId> {
    search::registry().param(code).context("a search parameter")
}

fn token(system: &str, code: &str) -> Test {
    Test::Token { system: SystemTest::Is(system.into()), code: Some(code.into()) }
}

async fn searches(store: &EmbeddedStore, patients: u64) -> Result<()> {
    let everyone = Visible::everything("bench");
    let listed = page(Search::new(&everyone, of("Patient")?, Filter::Everything), 200);
    let ids: Vec<Id> = store.search(&listed).await?.matches.into_iter().map(|found| found.key.id).collect();
    let patient = |round: usize| -> Result<Filter> {
        let key = ResourceKey { of: of("Patient")?, id: ids[round % ids.len()].clone() };
        Ok(Filter::Has(param("patient")?, Test::Reference(ReferenceTest::Key(key))))
    };
    let code = || -> Result<Filter> { Ok(Filter::Has(param("code")?, token("http://loinc.org", "85354-9"))) };
    let year = |from: &str| fhir::parse_date(from).context("a date");
    let observation = of("Observation")?;
    let by_date =
        || -> Result<Vec<Sort>> { Ok(vec![Sort { by: SortKey::Param(param("date")?), descending: true }]) };
    println!("searches over {patients} patients");
    time("read by id", 500, store, |round| {
        Ok(page(Search::new(&everyone, of("Patient")?, Filter::Ids(vec![ids[round % ids.len()].clone()])), 1))
    })
    .await?;
    time("count of a code", 200, store, |_| {
        Ok(counted(page(Search::new(&everyone, observation, code()?), 0)))
    })
    .await?;
    time("a patient's with a code, by date", 500, store, |round| {
        let filter = patient(round)?.and(code()?);
        Ok(sorted(page(Search::new(&everyone, observation, filter), 20), by_date()?))
    })
    .await?;
    time("a month of all", 100, store, |round| {
        let month = year(&format!("2024-{:02}", round % 12 + 1))?;
        let filter = Filter::Has(param("date")?, Test::Date(Prefix::Equal, month));
        Ok(counted(page(Search::new(&everyone, observation, filter), 20)))
    })
    .await?;
    time("all by date", 20, store, |_| {
        Ok(sorted(page(Search::new(&everyone, observation, Filter::Everything), 20), by_date()?))
    })
    .await?;
    time("names that start with", 200, store, |round| {
        let start = ["a", "jo", "mar", "smi"][round % 4];
        let filter = Filter::Has(param("name")?, Test::String(StringTest::StartsWith(start.into())));
        Ok(page(Search::new(&everyone, of("Patient")?, filter), 20))
    })
    .await?;
    time("chained: of female patients", 20, store, |_| {
        let female = Filter::Has(
            param("gender")?,
            Test::Token { system: SystemTest::Any, code: Some("female".into()) },
        );
        let filter =
            Filter::Refers { param: param("patient")?, of: of("Patient")?, filter: Box::new(female) };
        Ok(counted(page(Search::new(&everyone, observation, filter), 20)))
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "measuring is what bench is for")]
async fn time(
    what: &str,
    rounds: usize,
    store: &EmbeddedStore,
    search: impl Fn(usize) -> Result<Search>,
) -> Result<()> {
    let mut times = Vec::new();
    let mut hits = 0;
    for round in 0..rounds {
        let search = search(round)?;
        let start = Instant::now();
        let found = store.search(&search).await?;
        times.push(start.elapsed().as_micros());
        hits += found.total.unwrap_or(found.matches.len() as u64);
    }
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("  {what}: p50 {p50} us, p99 {p99} us, {} hits", hits / rounds as u64);
    Ok(())
}
