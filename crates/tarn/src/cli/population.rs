//! `tarn population`: synthetic patients as NDJSON, a file per resource type.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::population::{Chart, Population};
use anyhow::{Context, Result};
use clap::Args;

use super::progress;

/// The day as of which patients are generated when nothing is said: fixed, so that a seed means the same bytes
/// every day.
pub(crate) const AS_OF: &str = "2026-01-01";

/// How many patients, from which seed, to where.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How many patients.
    #[arg(long, default_value_t = 100)]
    patients: u64,
    /// The seed: the same seed makes the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder to write to; made if it is absent.
    #[arg(long)]
    out: PathBuf,
    /// The day on which the patients live, YYYY-MM-DD; nothing in their records is later.
    #[arg(long, default_value = AS_OF)]
    as_of: String,
    /// Write JSON for programs instead of lines and bars for people.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Writes them.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let population = Population::new(self.seed, as_of_s(&self.as_of)?);
        std::fs::create_dir_all(&self.out).with_context(|| format!("make {}", self.out.display()))?;
        let mut files = Files { folder: &self.out, open: BTreeMap::new() };
        let bar = progress::resources(self.json, None, "patients");
        files.write(&population.community())?;
        for number in 0..self.patients {
            let chart = population.patient(number);
            files.write(&chart)?;
            bar.inc(chart.len() as u64);
        }
        bar.finish_and_clear();
        let counts = files.finish()?;
        if self.json {
            println!("{:#}", serde_json::to_value(&counts)?);
        } else {
            counts.iter().for_each(|(of, count)| println!("{count:>10}  {of}"));
            println!("{:>10}  resources in {}", counts.values().sum::<u64>(), self.out.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The first second of a day, since 1970.
pub(crate) fn as_of_s(day: &str) -> Result<i64> {
    let span = fhir::parse_date(day).with_context(|| format!("{day} is not a day like {AS_OF}"))?;
    Ok(span.from.0.div_euclid(1_000_000))
}

/// One open file per resource type.
struct Files<'a> {
    folder: &'a Path,
    open: BTreeMap<&'static str, (BufWriter<File>, u64)>,
}

impl Files<'_> {
    fn write(&mut self, chart: &Chart) -> Result<()> {
        for (of, json) in chart.resources() {
            if !self.open.contains_key(of) {
                let path = self.folder.join(format!("{of}.ndjson"));
                let file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
                self.open.insert(of, (BufWriter::with_capacity(1 << 20, file), 0));
            }
            let (file, count) = self.open.get_mut(of).expect("it was opened above");
            file.write_all(json)?;
            file.write_all(b"\n")?;
            *count += 1;
        }
        Ok(())
    }

    fn finish(self) -> Result<BTreeMap<&'static str, u64>> {
        let mut counts = BTreeMap::new();
        for (of, (mut file, count)) in self.open {
            file.flush().with_context(|| format!("write the {of} file"))?;
            counts.insert(of, count);
        }
        Ok(counts)
    }
}
