//! Writes that are durable when they are answered: creates, updates, transactions.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request};

use super::import::settle;
use crate::data::{Data, member};
use crate::plan::Bench;
use crate::report::{Row, Unit};
use crate::target::Datastore;

/// Clients and requests of the loads of single writes.
const CREATES: [(usize, usize); 3] = [(1, 800), (8, 6_000), (64, 20_000)];

/// Clients and requests of the load of updates.
const UPDATES: (usize, usize) = (8, 4_000);

/// Transactions that are sent, and by how many clients.
const TRANSACTIONS: (usize, usize) = (200, 4);

/// Entries of a transaction that any server takes.
const ENTRIES_MAX: usize = 500;

/// The group of its rows.
pub(crate) const GROUP: &str = "Writes";

/// The name of the row of transactions.
pub(crate) const TRANSACTION: &str = "transaction of a patient's resources, 4 clients";

/// Transactions, then single creates by so many clients, then updates.
pub(crate) fn writes(bench: &Bench<'_>, store: &Datastore, data: &Data) -> Result<Vec<Row>> {
    let mut rows = vec![transactions(bench, store, data)?];
    let most = CREATES.iter().map(|(_, count)| count).max().copied().unwrap_or_default();
    let resources = data.resources(most)?;
    for (clients, count) in CREATES {
        bench.progress.step(&format!("creates by {clients} clients"));
        settle();
        let requests: Vec<_> = resources.iter().cycle().take(count).collect();
        let create = |(of, json): &&(String, Bytes)| {
            bench.target.fhir(Method::POST, &format!("{}{of}", store.base), json.clone())
        };
        let requests: Vec<Request<Bytes>> = requests.iter().map(create).collect::<Result<_>>()?;
        let name =
            if clients == 1 { "create, 1 client".to_owned() } else { format!("create, {clients} clients") };
        let (row, _) = bench.loaded(GROUP, &name, clients, &requests)?;
        rows.push(row.with_some(
            "1 sync",
            (clients == 1).then_some(bench.sync_ms).flatten(),
            Unit::Milliseconds,
        ));
    }
    rows.push(updates(bench, store, &resources)?);
    Ok(rows)
}

fn transactions(bench: &Bench<'_>, store: &Datastore, data: &Data) -> Result<Row> {
    bench.progress.step("transactions");
    let entries_max = if bench.own.is_some() { usize::MAX } else { ENTRIES_MAX };
    let (bundles, entries) = data.transactions(TRANSACTIONS.0, entries_max)?;
    let count = bundles.len();
    // The base takes no slash at its end.
    let base = store.base.trim_end_matches('/').to_owned();
    let post = |bundle: Bytes| bench.target.fhir(Method::POST, &base, bundle);
    let requests: Vec<_> = bundles.into_iter().map(post).collect::<Result<_>>()?;
    let before = bench.cpu_s()?;
    let (mut row, loaded) = bench.loaded(GROUP, TRANSACTION, TRANSACTIONS.1, &requests)?;
    let cpu_s = bench.cpu_s()?.zip(before).map(|(after, before)| after - before);
    row = row.with("resources", loaded.rate() * entries as f64 / count as f64, Unit::PerSecond).with_some(
        "CPU a resource",
        cpu_s.map(|cpu_s| cpu_s * 1e6 / entries as f64),
        Unit::Microseconds,
    );
    Ok(row)
}

/// Resources are put under their own ids first, then each is updated.
fn updates(bench: &Bench<'_>, store: &Datastore, resources: &[(String, Bytes)]) -> Result<Row> {
    bench.progress.step("updates");
    let (clients, count) = UPDATES;
    let put = |(of, json): &(String, Bytes)| -> Result<Request<Bytes>> {
        let id = member(json, b"\"id\":").context("a resource of the data has an id")?;
        bench.target.fhir(Method::PUT, &format!("{}{of}/{id}", store.base), json.clone())
    };
    let puts: Vec<_> = resources.iter().take(count / 2).map(put).collect::<Result<_>>()?;
    crate::load::send(bench.target.address(), clients, &puts)?;
    settle();
    let again: Vec<_> = puts.iter().cycle().take(count).cloned().collect();
    Ok(bench.loaded(GROUP, "update, 8 clients", clients, &again)?.0)
}
