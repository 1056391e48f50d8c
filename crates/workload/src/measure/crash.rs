//! `kill -9` in the middle of an import, and how soon the server answers again.

use std::time::Instant;

use anyhow::{Result, bail};
use healthlake::generated::enumerations::{JobStatus, ValidationLevel};

use super::import::{look, start};
use crate::plan::Bench;
use crate::report::{Row, Unit};
use crate::server::Server;
use crate::target::{Datastore, pause};

/// The group of its rows.
pub(crate) const GROUP: &str = "After kill -9 in an import";

/// The name of its row.
pub(crate) const REOPEN: &str = "start, and the first search of the data store";

/// Imports what lies below a prefix into `store`, kills the server in the middle, starts it again, and asks. The
/// import then goes on to its end, with an exact count.
pub(crate) fn killed(
    mut bench: Bench<'_>,
    store: &Datastore,
    prefix: &str,
    resources: u64,
) -> Result<(Row, Server)> {
    bench.progress.step("import until the middle, then kill -9");
    let job = start(&bench.target, store, prefix, ValidationLevel::StructureOnly)?;
    loop {
        let (status, report) = look(&bench.target, store, &job)?;
        let scanned = report.total_number_of_resources_scanned.unwrap_or(0);
        if u64::try_from(scanned)? >= resources / 2 || status == JobStatus::Completed {
            break;
        }
        pause();
    }
    let Some(own) = bench.own.take() else { bail!("only a server of our own is killed") };
    let (binary, data, settings) = (own.binary.clone(), own.server.data.clone(), own.settings);
    own.server.kill()?;
    let began = Instant::now();
    let server = Server::start(&binary, &data, settings)?;
    let ready_ms = began.elapsed().as_secs_f64() * 1e3;
    let target = server.target()?;
    target.json(&format!("{}Patient?_count=1&_total=accurate", store.base))?;
    let answered_ms = began.elapsed().as_secs_f64() * 1e3;
    let imported = loop {
        let (status, report) = look(&target, store, &job)?;
        match status {
            JobStatus::Completed | JobStatus::CompletedWithErrors => {
                break report.total_number_of_resources_imported.unwrap_or(0);
            }
            JobStatus::Submitted | JobStatus::Queued | JobStatus::InProgress => pause(),
            other => bail!("the import ended as {other:?} after the kill"),
        }
    };
    if u64::try_from(imported)? != resources {
        bail!("the import counted {imported} of {resources} resources after the kill");
    }
    let row = Row::new(GROUP, REOPEN).with("ready", ready_ms, Unit::Milliseconds).with(
        "answered",
        answered_ms,
        Unit::Milliseconds,
    );
    Ok((row, server))
}
