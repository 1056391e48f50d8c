//! The workloads, each of which adds its rows to the report.

mod crash;
mod export;
mod import;
mod read;
mod search;
mod start;
mod write;

use anyhow::Result;
use bytes::Bytes;
use healthlake::generated::enumerations::ValidationLevel;
use http::Request;

use crate::load::{self, Loaded};
use crate::plan::Bench;
use crate::report::{Row, Unit};

pub(crate) use crash::{GROUP as REOPEN_GROUP, REOPEN, killed};
pub(crate) use export::{EXPORT_JOB, GROUP as WHOLE, bulk_export, export_job};
pub(crate) use import::{import_levels, imported, remove, settle, upload};
pub(crate) use read::{GROUP as READS, READ, reads};
pub(crate) use search::{counts, everything, search_mix};
pub(crate) use start::starts;
pub(crate) use write::{GROUP as WRITES, TRANSACTION, writes};

/// The level that the targets ask for.
pub(crate) const STRUCTURE_ONLY: ValidationLevel = ValidationLevel::StructureOnly;

impl Bench<'_> {
    /// Sends a load and describes it: rate, latencies, and the server's processor time for each if it can be told.
    pub(crate) fn loaded(
        &self,
        group: &str,
        name: &str,
        clients: usize,
        requests: &[Request<Bytes>],
    ) -> Result<(Row, Loaded)> {
        let before = self.cpu_s()?;
        let loaded = load::send(self.target.address(), clients, requests)?;
        let cpu_s = self.cpu_s()?.zip(before).map(|(after, before)| after - before);
        let count = loaded.latencies.count().max(1) as f64;
        let row = Row::new(group, name)
            .with("rate", loaded.rate(), Unit::PerSecond)
            .with("p50", loaded.latencies.quantile_ms(0.5), Unit::Milliseconds)
            .with("p95", loaded.latencies.quantile_ms(0.95), Unit::Milliseconds)
            .with("p99", loaded.latencies.quantile_ms(0.99), Unit::Milliseconds)
            .with_some("CPU each", cpu_s.map(|cpu_s| cpu_s * 1e6 / count), Unit::Microseconds);
        Ok((row, loaded))
    }
}
