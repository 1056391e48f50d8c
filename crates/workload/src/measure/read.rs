//! Reads by id and by version, beside a bare HTTP server that answers the same bytes.

use anyhow::{Context, Result};

use crate::load;
use crate::plan::Bench;
use crate::report::{Row, Unit};
use crate::sample::Sample;
use crate::target::Datastore;
use crate::yardstick::BareServer;

/// Clients of the reads.
const CLIENTS: usize = 32;

/// Requests of a load.
const READS: usize = 20_000;

/// Times that a load and its yardstick are measured in turn; the median of the ratios counts.
const TURNS: usize = 3;

/// The group of its rows.
pub(crate) const GROUP: &str = "Reads";

/// The name of the row of reads by id.
pub(crate) const READ: &str = "read by id, 32 clients";

/// Reads and vreads of the sample's resources.
pub(crate) fn reads(bench: &Bench<'_>, store: &Datastore, sample: &Sample) -> Result<Vec<Row>> {
    let first = sample.observations.first().context("there are observations to read")?;
    let bytes = bench.target.ask(bench.target.get(&format!("{}Observation/{}", store.base, first.id))?)?;
    let (mut best, mut ratios, mut bare_rates) = (None::<Row>, Vec::new(), Vec::new());
    let path = |n: usize| {
        let one = &sample.observations[n * 7 % sample.observations.len()];
        format!("{}Observation/{}", store.base, one.id)
    };
    let requests: Vec<_> = (0..READS).map(|n| bench.target.get(&path(n))).collect::<Result<_>>()?;
    for turn in 0..TURNS {
        bench.progress.step(&format!("reads, turn {}", turn + 1));
        let bare = BareServer::start(&bytes.headers, bytes.body.clone())?;
        let bare_rate = load::send(&bare.address, CLIENTS, &requests)?.rate();
        let (row, loaded) = bench.loaded(GROUP, READ, CLIENTS, &requests)?;
        ratios.push(loaded.rate() / bare_rate);
        bare_rates.push(bare_rate);
        best = Some(best.unwrap_or(row));
    }
    let row = best.context("there are turns")?;
    let row = row.with("bare server", super::start::median(&mut bare_rates), Unit::PerSecond).with(
        "of it",
        super::start::median(&mut ratios),
        Unit::Ratio,
    );
    let vread = |n: usize| bench.target.get(&format!("{}/_history/1", path(n)));
    let requests: Vec<_> = (0..READS / 4).map(vread).collect::<Result<_>>()?;
    let (vread, _) = bench.loaded(GROUP, "vread, 32 clients", CLIENTS, &requests)?;
    Ok(vec![row, vread])
}
