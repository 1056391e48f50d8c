//! `tarn check`: verifies a data folder that no server uses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use embedded::Bodies;
use serde_json::{Value, json};
use store::{Clock, Random, SystemClock, SystemRandom};

use crate::components::{open_catalog, open_exports, open_objects};
use crate::folder::Folder;

/// Which folder.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The data folder.
    #[arg(long, env = "TARN_DATA", default_value = "tarn-data")]
    data: PathBuf,
    /// Write JSON for programs instead of lines for people.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Verifies every data store in it and every object. Fails if anything is wrong.
    pub(crate) fn run(self) -> Result<ExitCode> {
        ensure!(self.data.exists(), "there is no data folder {}", self.data.display());
        let folder = Folder::open(&self.data)?;
        let root_key = folder.secrets(&SystemRandom)?.root_key;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let objects = open_objects(&folder, &root_key, Arc::clone(&clock), Arc::clone(&random))?;
        let exports = open_exports(&folder, &root_key, Arc::clone(&clock), Arc::clone(&random))?;
        let catalog = open_catalog(&folder, &root_key, clock, random)?;
        let mut stores = Vec::new();
        let mut problems = 0;
        for id in catalog.contents()? {
            let store = catalog.embedded(&id).with_context(|| format!("open the data store {id}"))?;
            let report = embedded::check(&store, Bodies::Compare)
                .with_context(|| format!("read the data store {id}"))?;
            problems += report.problem_count;
            if !self.json {
                tell(id.as_str(), &report);
            }
            stores.push(as_json(id.as_str(), &report));
        }
        let objects = objects.check().context("read the objects")?;
        let exports = exports.check().context("read the files of exports")?;
        problems += (objects.problems.len() + exports.problems.len()) as u64;
        self.conclude(stores, &objects, &exports, problems);
        Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn conclude(
        &self,
        stores: Vec<Value>,
        objects: &s3::ObjectsReport,
        exports: &s3::ObjectsReport,
        problems: u64,
    ) {
        if self.json {
            let as_json = |found: &s3::ObjectsReport| {
                let (count, bytes, faults) = (found.objects, found.bytes, &found.problems);
                json!({ "buckets": found.buckets, "objects": count, "bytes": bytes, "problems": faults })
            };
            let (objects, exports) = (as_json(objects), as_json(exports));
            println!("{:#}", json!({ "datastores": stores, "objects": objects, "exports": exports }));
            return;
        }
        for (name, found) in [("objects", objects), ("exports", exports)] {
            println!(
                "{name}: {} buckets, {} objects, {} bytes, {} problems",
                found.buckets,
                found.objects,
                found.bytes,
                found.problems.len()
            );
            found.problems.iter().for_each(|problem| println!("  {problem}"));
        }
        if problems == 0 {
            println!("everything is as it should be");
        }
    }
}

fn tell(id: &str, report: &embedded::Report) {
    println!(
        "{id}: {} records opened, {} versions, {} current resources, {} bodies compared with the index, \
         {} index rows, {} problems",
        report.records, report.versions, report.current, report.bodies, report.rows, report.problem_count
    );
    report.problems.iter().for_each(|problem| println!("  {problem}"));
}

fn as_json(id: &str, report: &embedded::Report) -> Value {
    json!({
        "datastoreId": id,
        "records": report.records,
        "versions": report.versions,
        "current": report.current,
        "bodies": report.bodies,
        "rows": report.rows,
        "problemCount": report.problem_count,
        "problems": report.problems,
    })
}
