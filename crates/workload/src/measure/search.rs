//! The search mix, each shape on its own; counts; `$everything`.

use anyhow::Result;

use crate::plan::Bench;
use crate::report::{Row, Unit};
use crate::sample::Sample;
use crate::shapes::{self, Shape};
use crate::target::Datastore;
use crate::targets::{linked_group, search_group};

/// Clients of the searches.
const CLIENTS: usize = 8;

/// Requests of a shape.
const SEARCHES: usize = 400;

/// Queries of a shape whose hits are counted.
const COUNTED: usize = 8;

/// Patients whose everything is asked for.
const EVERYTHING: usize = 40;

/// The column that tells how many match.
pub(crate) const HITS: &str = "hits";

/// Asks each shape of the mix of a data store of this size.
pub(crate) fn search_mix(
    bench: &Bench<'_>,
    store: &Datastore,
    sample: &Sample,
    size: &str,
) -> Result<Vec<Row>> {
    let group = |shape: &Shape<'_>| if shape.is_indexed { search_group(size) } else { linked_group(size) };
    shapes::shapes(sample).iter().map(|shape| asked(bench, store, shape, &group(shape))).collect()
}

/// Asks for counts alone.
pub(crate) fn counts(bench: &Bench<'_>, store: &Datastore, sample: &Sample, group: &str) -> Result<Vec<Row>> {
    shapes::counts(sample).iter().map(|shape| asked(bench, store, shape, group)).collect()
}

fn asked(bench: &Bench<'_>, store: &Datastore, shape: &Shape<'_>, group: &str) -> Result<Row> {
    bench.progress.step(shape.name);
    let path = |n: usize| format!("{}{}", store.base, (shape.query)(n));
    let mut hits = 0.0;
    for n in 0..COUNTED {
        let counted = match path(n) {
            path if path.contains("_summary=count") => path,
            path => format!("{}&_summary=count", path.replace("&_total=accurate", "")),
        };
        hits += bench.target.json(&counted)?["total"].as_f64().unwrap_or(0.0) / COUNTED as f64;
    }
    let requests: Vec<_> = (0..SEARCHES).map(|n| bench.target.get(&path(n))).collect::<Result<_>>()?;
    let (mut row, _) = bench.loaded(group, shape.name, CLIENTS, &requests)?;
    row.cells.insert(0, crate::report::Cell { column: HITS, value: hits, unit: Unit::Count });
    Ok(row)
}

/// `Patient/[id]/$everything` of some patients.
pub(crate) fn everything(bench: &Bench<'_>, store: &Datastore, sample: &Sample) -> Result<Option<Row>> {
    if sample.patients.is_empty() {
        return Ok(None);
    }
    let path = |n: usize| {
        let one = &sample.patients[n * 7 % sample.patients.len()];
        format!("{}Patient/{}/$everything", store.base, one.id)
    };
    let requests: Vec<_> = (0..EVERYTHING).map(|n| bench.target.get(&path(n))).collect::<Result<_>>()?;
    let hits = bench.target.json(&path(0))?["total"].as_f64();
    let (row, _) = bench.loaded("Whole data store", "$everything of a patient", 1, &requests)?;
    Ok(Some(row.with_some(HITS, hits, Unit::Count)))
}
