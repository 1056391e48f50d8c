//! A whole run: which workloads, in which order, over which server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::data::{Data, Part};
use crate::measure;
use crate::process::{Usage, bytes_on_disk, machine};
use crate::report::{Report, Row, Unit};
use crate::sample::Sample;
use crate::server::Server;
use crate::target::{Datastore, Target};
use crate::{targets, yardstick};

/// Settings of a server of our own: a patient's whole record is one transaction.
const SETTINGS: [&str; 4] = ["--bundle-entries-max", "10000", "--bundle-bytes-max", "268435455"];

/// By how much the smaller of the two data stores is smaller.
const SMALLER: u64 = 10;

/// Bytes of NDJSON that yardsticks copy and parse.
const YARDSTICK_BYTES: usize = 256 * 1024 * 1024;

/// Folders of a data store's database by the order in which its spaces are made, after the engine's own.
const SPACES: [&str; 6] = ["identity", "body", "log", "index", "meta", "mark"];

/// Which server is measured.
pub enum Subject {
    /// One of our own, of this binary: also its processor time, memory and disk, its start and its death.
    Own(PathBuf),
    /// Somebody's, as its clients see it. Data stores are made in it, and deleted.
    Running(Target),
}

/// Hears how far a run is.
pub trait Progress {
    /// A stage begins: its number, of how many, and what it is.
    fn stage(&self, number: u64, count: u64, what: &str);
    /// Something within it.
    fn step(&self, what: &str);
}

/// What to run.
pub struct Plan {
    /// The server.
    pub subject: Subject,
    /// The data.
    pub data: Data,
    /// A folder for what the run needs; made, and removed at the end.
    pub home: PathBuf,
    /// What stands in the report beside the machine: commit, date, and the like.
    pub about: Vec<(&'static str, String)>,
}

/// What the workloads work with.
pub(crate) struct Bench<'p> {
    pub(crate) target: Target,
    pub(crate) own: Option<Own>,
    pub(crate) progress: &'p dyn Progress,
    /// What one sync of the disk takes.
    pub(crate) sync_ms: Option<f64>,
}

/// A server of our own.
pub(crate) struct Own {
    pub(crate) binary: PathBuf,
    pub(crate) server: Server,
    pub(crate) settings: &'static [&'static str],
}

impl Bench<'_> {
    /// Processor seconds of the server so far, if it is ours.
    pub(crate) fn cpu_s(&self) -> Result<Option<f64>> {
        Ok(self.usage()?.map(|usage| usage.cpu_s))
    }

    /// What the server has used so far, if it is ours.
    pub(crate) fn usage(&self) -> Result<Option<Usage>> {
        self.own.as_ref().map(|own| own.server.usage()).transpose()
    }

    /// Lets the peak of its memory begin again.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        self.own.as_ref().map_or(Ok(()), |own| own.server.forget_peak())
    }
}

/// Two data stores with the same kind of data, one ten times as large.
struct Stores {
    small: Datastore,
    full: Datastore,
    small_size: String,
    full_size: String,
    resources: u64,
}

impl Plan {
    /// Runs everything.
    ///
    /// # Errors
    /// When the server cannot be reached or answers what it must not: then nothing was measured that counts.
    pub fn run(self, progress: &dyn Progress) -> Result<Report> {
        std::fs::create_dir_all(&self.home).with_context(|| format!("make {}", self.home.display()))?;
        let measured = self.measure(progress);
        std::fs::remove_dir_all(&self.home).with_context(|| format!("remove {}", self.home.display()))?;
        measured
    }

    fn measure(&self, progress: &dyn Progress) -> Result<Report> {
        let mut report = Report { about: self.about.clone(), ..Report::default() };
        report.about.push(("machine", machine()));
        let stages = if matches!(self.subject, Subject::Own(_)) { 8 } else { 6 };
        progress.stage(1, stages, "yardsticks");
        let sync_ms = self.yardsticks(&mut report)?;
        let mut bench = self.bench(progress, sync_ms, &mut report)?;
        progress.stage(2, stages, "imports");
        let stores = self.imports(&bench, &mut report)?;
        let sample = Sample::take(&bench.target, &stores.full)?;
        progress.stage(3, stages, "reads");
        report.rows.extend(measure::reads(&bench, &stores.full, &sample)?);
        progress.stage(4, stages, "searches");
        searches(&bench, &stores, &sample, &mut report)?;
        progress.stage(5, stages, "exports");
        report.rows.push(measure::export_job(&bench, &stores.full, stores.resources)?);
        report.rows.push(measure::bulk_export(&bench, &stores.full, stores.resources)?);
        progress.stage(6, stages, "writes");
        let (written, _) = bench.target.create("bench-writes")?;
        report.rows.extend(measure::writes(&bench, &written, &self.data)?);
        bench.target.delete(&written)?;
        bench.target.delete(&stores.small)?;
        bench = match bench.own.is_some() {
            true => self.crash(bench, &stores, stages, &mut report)?,
            false => bench,
        };
        let took = bench.target.delete(&stores.full)?;
        let delete = Row::new(measure::WHOLE, format!("delete, {}", stores.full_size));
        report.rows.push(delete.with("took", took.as_secs_f64(), Unit::Seconds));
        report.rows.extend(targets::against_size(&report, &stores.small_size, &stores.full_size));
        report.verdicts = targets::verdicts(&report, &stores.full_size);
        if let Some(own) = bench.own.take() {
            own.server.stop()?;
        }
        Ok(report)
    }

    /// What the machine does without tarn; returns how long one sync takes, in milliseconds, if the server's disk is
    /// this one.
    fn yardsticks(&self, report: &mut Report) -> Result<Option<f64>> {
        let file = self.home.join("yardstick.ndjson");
        let mut content = Vec::new();
        self.data.share(SMALLER).parts(&mut |Part { content: part, .. }| {
            if content.len() < YARDSTICK_BYTES {
                content.extend_from_slice(&part);
            }
            Ok(())
        })?;
        std::fs::write(&file, &content)?;
        let (bytes, lines) = yardstick::parse(&file)?;
        let copied = yardstick::copy(&file, &self.home.join("copy.ndjson"))?;
        let sync_ms = yardstick::sync(&self.home)?.as_secs_f64() * 1e3;
        std::fs::remove_file(&file)?;
        let group = "Yardsticks";
        report.rows.push(
            Row::new(group, "parse of the NDJSON by serde_json, 1 thread")
                .with("bytes", bytes, Unit::BytesPerSecond)
                .with("lines", lines, Unit::PerSecond),
        );
        report.rows.push(Row::new(group, "cp of the NDJSON, synced").with(
            "bytes",
            copied,
            Unit::BytesPerSecond,
        ));
        report.rows.push(Row::new(group, "append 4 KiB and sync").with("p50", sync_ms, Unit::Milliseconds));
        Ok(matches!(self.subject, Subject::Own(_)).then_some(sync_ms))
    }

    fn bench<'p>(
        &self,
        progress: &'p dyn Progress,
        sync_ms: Option<f64>,
        report: &mut Report,
    ) -> Result<Bench<'p>> {
        Ok(match &self.subject {
            Subject::Running(target) => Bench { target: target.clone(), own: None, progress, sync_ms },
            Subject::Own(binary) => {
                report.rows.extend(measure::starts(binary, &self.home)?);
                let server = Server::start(binary, &self.home.join("data"), &SETTINGS)?;
                let target = server.target()?;
                let own = Own { binary: binary.clone(), server, settings: &SETTINGS };
                Bench { target, own: Some(own), progress, sync_ms }
            }
        })
    }

    fn imports(&self, bench: &Bench<'_>, report: &mut Report) -> Result<Stores> {
        let (small, _) = measure::upload(bench, &self.data.share(SMALLER), "small/")?;
        let small_size = size(small);
        let (rows, small) = measure::import_levels(bench, "small/", &small_size)?;
        report.rows.extend(rows);
        measure::remove(&bench.target, "small/")?;
        let (lines, bytes) = measure::upload(bench, &self.data, "full/")?;
        let full_size = size(lines);
        let (full, _) = bench.target.create("bench-full")?;
        let name = format!("{full_size}, structure-only");
        let done = measure::imported(bench, &full, "full/", measure::STRUCTURE_ONLY, &name)?;
        report.about.push(("data", format!("{lines} resources, {} MiB of NDJSON", bytes >> 20)));
        report.rows.push(done.row);
        let stores = Stores { small, full, small_size, full_size, resources: done.resources };
        if let Some(own) = &bench.own {
            // What was written over leaves the disk a little later.
            measure::settle();
            report.rows.extend(disk(&own.server.data, &stores)?);
        }
        Ok(stores)
    }

    fn crash<'p>(
        &self,
        bench: Bench<'p>,
        stores: &Stores,
        stages: u64,
        report: &mut Report,
    ) -> Result<Bench<'p>> {
        let (progress, sync_ms) = (bench.progress, bench.sync_ms);
        progress.stage(7, stages, "a crash");
        let (store, _) = bench.target.create("bench-crash")?;
        let binary = bench.own.as_ref().context("only a server of our own is killed")?.binary.clone();
        let (row, server) = measure::killed(bench, &store, "full/", stores.resources)?;
        report.rows.push(row);
        progress.stage(8, stages, "the end");
        let target = server.target()?;
        let own = Some(Own { binary, server, settings: &SETTINGS });
        Ok(Bench { target, own, progress, sync_ms })
    }
}

/// The mix at both sizes; counts and `$everything` at the full one.
fn searches(bench: &Bench<'_>, stores: &Stores, sample: &Sample, report: &mut Report) -> Result<()> {
    let of_small = Sample::take(&bench.target, &stores.small)?;
    report.rows.extend(measure::search_mix(bench, &stores.small, &of_small, &stores.small_size)?);
    report.rows.extend(measure::search_mix(bench, &stores.full, sample, &stores.full_size)?);
    report.rows.extend(measure::counts(bench, &stores.full, sample, targets::COUNTS)?);
    report.rows.extend(measure::everything(bench, &stores.full, sample)?);
    Ok(())
}

/// Bytes on disk for each resource, in all and by space.
fn disk(data: &Path, stores: &Stores) -> Result<Vec<Row>> {
    let folder = data.join("stores").join(&stores.full.id);
    let each = |bytes: u64| bytes as f64 / stores.resources as f64;
    let mut rows = vec![Row::new(targets::DISK, "all, journal included").with(
        "a resource",
        each(bytes_on_disk(&folder)?),
        Unit::Bytes,
    )];
    for (at, space) in SPACES.iter().enumerate() {
        let bytes = bytes_on_disk(&folder.join("keyspaces").join((at + 1).to_string()))?;
        rows.push(Row::new(targets::DISK, *space).with("a resource", each(bytes), Unit::Bytes));
    }
    Ok(rows)
}

/// A number of resources as a name: 99,470 is "99 k resources".
fn size(resources: u64) -> String {
    match resources {
        0..10_000 => format!("{resources} resources"),
        10_000..1_000_000 => format!("{} k resources", resources / 1_000),
        _ => format!("{:.1} M resources", resources as f64 / 1e6),
    }
}
