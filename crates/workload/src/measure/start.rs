//! How long an empty server takes to start, what it holds idle, and how quickly a data store is there.

use std::path::Path;

use anyhow::{Context, Result};

use crate::process::bytes_on_disk;
use crate::report::{Row, Unit};
use crate::server::Server;

/// Starts of which the median is taken.
const STARTS: usize = 5;

/// The group of its rows.
pub(crate) const GROUP: &str = "Start";

/// Starts an empty server several times; the row of the median, with its memory once it has answered.
pub(crate) fn starts(binary: &Path, folder: &Path) -> Result<Vec<Row>> {
    let (mut taken, mut resident, mut created) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..STARTS {
        let data = folder.join(format!("empty-{number}"));
        let server = Server::start(binary, &data, &[])?;
        taken.push(server.started_in.as_secs_f64() * 1e3);
        resident.push(server.usage()?.resident as f64);
        let (store, took) = server.target()?.create("bench-empty")?;
        created.push(took.as_secs_f64() * 1e3);
        server.target()?.json(&format!("{}Patient", store.base))?;
        server.stop()?;
        bytes_on_disk(&data).context("the server made its data folder")?;
        std::fs::remove_dir_all(&data)?;
    }
    let start = Row::new(GROUP, "start of an empty server")
        .with("took", median(&mut taken), Unit::Milliseconds)
        .with("memory", median(&mut resident), Unit::Bytes);
    let create = Row::new(GROUP, "create a data store to ACTIVE").with(
        "took",
        median(&mut created),
        Unit::Milliseconds,
    );
    Ok(vec![start, create])
}

/// The middle of some figures.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
