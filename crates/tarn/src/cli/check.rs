//! `tarn check`: verifies a data folder that no server uses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use embedded::kv::Repair;
use embedded::{Bodies, EmbeddedCatalog, StoreRepair};
use serde_json::{Value, json};
use store::{Clock, DatastoreId, Random, SystemClock, SystemRandom};

use crate::components::{open_catalog, open_exports, open_objects};
use crate::folder::Folder;
use crate::memory::Memory;

/// Which folder.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The data folder.
    #[arg(long, env = "TARN_DATA", default_value = "tarn-data")]
    data: PathBuf,
    /// Write JSON for programs instead of lines for people.
    #[arg(long)]
    json: bool,
    /// Make writable again what lost writes that were on the disk: what came before them is kept, and what is lost is
    /// told. The damaged journals are copied beside what is repaired.
    #[arg(long)]
    repair: bool,
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
        let mut repairs = Vec::new();
        if self.repair
            && let Some(repair) =
                EmbeddedCatalog::repair_records(folder.path()).context("repair the catalog")?
        {
            repairs.push(format!("the catalog: {}", of_database(&repair)));
        }
        let catalog = open_catalog(&folder, &root_key, Memory::of_machine(), clock, random)?;
        let mut stores = Vec::new();
        let faults = catalog.check().context("read the catalog")?;
        let mut problems = faults.len() as u64;
        self.tell(&faults);
        for id in catalog.contents()? {
            if self.repair
                && let Some(repair) =
                    catalog.repair(&id).with_context(|| format!("repair the data store {id}"))?
            {
                repairs.push(format!("the data store {id}: {}", of_store(&repair)));
            }
            let (found, count) = self.check_store(&catalog, &id);
            problems += count;
            stores.push(found);
        }
        self.tell(&repairs);
        let objects = objects.check().context("read the objects")?;
        let exports = exports.check().context("read the files of exports")?;
        problems += (objects.problems.len() + exports.problems.len()) as u64;
        self.conclude(
            json!({ "datastores": stores, "catalog": faults, "repairs": repairs }),
            &objects,
            &exports,
            problems,
        );
        Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What is found in a data store, and how many problems there are.
    fn check_store(&self, catalog: &EmbeddedCatalog, id: &DatastoreId) -> (Value, u64) {
        let checked = catalog
            .embedded(id)
            .map_err(anyhow::Error::from)
            .and_then(|store| embedded::check(&store, Bodies::Compare).context("it cannot be read"));
        match checked {
            Ok(report) => {
                if !self.json {
                    tell(id.as_str(), &report);
                }
                (as_json(id.as_str(), &report), report.problem_count)
            }
            // The others are checked all the same.
            Err(error) => {
                let problem = format!("{error:#}");
                self.tell(&[format!("{id}: {problem}")]);
                (json!({ "datastoreId": id.as_str(), "problemCount": 1, "problems": [problem] }), 1)
            }
        }
    }

    fn tell(&self, lines: &[String]) {
        for line in lines.iter().filter(|_| !self.json) {
            println!("{line}");
        }
    }

    fn conclude(
        &self,
        mut found: Value,
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
            (found["objects"], found["exports"]) = (objects, exports);
            println!("{found:#}");
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

/// What was lost of a database, for a person.
fn of_database(repair: &Repair) -> String {
    let mut told = format!("at least {} groups of writes are lost", repair.batches_lost);
    if let Some((path, at)) = &repair.place {
        told.push_str(&format!(", from byte {at} of {} on", path.display()));
    }
    if repair.batches_behind > 0 {
        let count = repair.batches_behind;
        told.push_str(&format!("; {count} groups behind that place can be read and are not kept either"));
    }
    if let Some(copies) = &repair.copies {
        told.push_str(&format!("; what was there is in {}", copies.display()));
    }
    told
}

/// What was lost of a data store, for a person.
fn of_store(repair: &StoreRepair) -> String {
    let until = match repair.last_updated {
        Some(time) => format!("commit {} of {time} and all before it are kept", repair.last_commit),
        None => "nothing is kept".to_owned(),
    };
    let given_up = match repair.versions_given_up {
        0 => String::new(),
        count => format!("; {count} imported versions are given up"),
    };
    format!("{until}; {}{given_up}", of_database(&repair.database))
}

fn tell(id: &str, report: &embedded::Report) {
    println!(
        "{id}: {} tables compared, {} records opened, {} versions, {} current resources, {} bodies compared with the index, \
         {} index rows, {} problems",
        report.tables,
        report.records,
        report.versions,
        report.current,
        report.bodies,
        report.rows,
        report.problem_count
    );
    report.problems.iter().for_each(|problem| println!("  {problem}"));
}

fn as_json(id: &str, report: &embedded::Report) -> Value {
    json!({
        "datastoreId": id,
        "tables": report.tables,
        "records": report.records,
        "versions": report.versions,
        "current": report.current,
        "bodies": report.bodies,
        "rows": report.rows,
        "problemCount": report.problem_count,
        "problems": report.problems,
    })
}
