//! `tarn bench`: the workloads over a server of its own, or over a running one.

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use access::Credentials;
use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use store::{Clock, SystemClock};
use workload::{Data, PATIENTS_A_100K, Plan, Progress, Source, Subject, Target};

use super::progress;
use crate::folder::PROFILE;

/// Characters of an instant that say the day.
const DAY_CHARACTERS: usize = 10;

/// What to measure, with which data, and where to write it.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How many resources to generate: 100k, 1m or 10m.
    #[arg(long, default_value = "100k")]
    scale: String,
    /// The seed of the generated patients: the same seed makes the same data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Real NDJSON instead of generated patients: a file, or a folder of .ndjson files.
    #[arg(long, value_name = "NDJSON")]
    data: Option<PathBuf>,
    /// A running server instead of one of its own, such as http://127.0.0.1:8080. Data stores are made in it and
    /// deleted; its processor, memory and disk are not seen.
    #[arg(long)]
    server: Option<String>,
    /// The credentials file for that server.
    #[arg(long, env = "AWS_SHARED_CREDENTIALS_FILE", default_value = "tarn-data/credentials")]
    credentials: PathBuf,
    /// The profile in it.
    #[arg(long, default_value = PROFILE)]
    profile: String,
    /// The region that requests are signed for.
    #[arg(long, env = "TARN_REGION", default_value = "us-east-1")]
    region: String,
    /// A folder for what the run needs, about seven times the data; removed at the end [default: in the system's
    /// folder of temporary files].
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Write the figures here as JSON, - for standard output.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Append them to this file as Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// What the report names as the commit that was built.
    #[arg(long)]
    commit: Option<String>,
}

impl Arguments {
    /// Measures, prints a table, writes what was asked for.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let today: String = SystemClock.now().to_instant().chars().take(DAY_CHARACTERS).collect();
        let plan = self.plan(&today)?;
        let bar = Bar(RefCell::new(None));
        let report = plan.run(&bar)?;
        bar.end();
        let is_json_alone = self.json.as_deref().is_some_and(|path| path.as_os_str() == "-");
        if !is_json_alone {
            print!("{}", report.table());
        }
        match &self.json {
            Some(_) if is_json_alone => println!("{:#}", report.json()),
            Some(path) => std::fs::write(path, format!("{:#}\n", report.json()))
                .with_context(|| format!("write {}", path.display()))?,
            None => {}
        }
        if let Some(path) = &self.markdown {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
            write!(file, "\n{}", report.markdown(&format!("{today}, `tarn bench`, {}", self.named())))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn named(&self) -> String {
        self.data.as_ref().map_or_else(|| format!("scale {}", self.scale), |_| "own NDJSON".to_owned())
    }

    fn plan(&self, today: &str) -> Result<Plan> {
        let source = match &self.data {
            Some(path) => Source::Files(path.clone()),
            None => Source::Generated { seed: self.seed, patients: self.patients()? },
        };
        let subject = match &self.server {
            None => Subject::Own(std::env::current_exe().context("find this binary")?),
            Some(endpoint) => {
                let text = std::fs::read_to_string(&self.credentials)
                    .with_context(|| format!("read {}", self.credentials.display()))?;
                let credentials = Credentials::read(&text, &self.profile)?;
                Subject::Running(Target::new(endpoint, &self.region, credentials)?)
            }
        };
        let folder = self.folder.clone().unwrap_or_else(std::env::temp_dir);
        let mut about = vec![("date", today.to_owned()), ("tarn", env!("CARGO_PKG_VERSION").to_owned())];
        about.extend(self.commit.clone().map(|commit| ("commit", commit)));
        let home = folder.join(format!("tarn-bench-{}", std::process::id()));
        Ok(Plan { subject, data: Data::new(source), home, about })
    }

    fn patients(&self) -> Result<u64> {
        Ok(PATIENTS_A_100K
            * match &*self.scale {
                "100k" => 1,
                "1m" => 10,
                "10m" => 100,
                other => bail!("{other} is no scale: 100k, 1m or 10m"),
            })
    }
}

/// A bar over the stages of a run, with what goes on beside it.
struct Bar(RefCell<Option<ProgressBar>>);

impl Bar {
    fn end(&self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn stage(&self, number: u64, count: u64, what: &str) {
        let mut bar = self.0.borrow_mut();
        let bar = bar.get_or_insert_with(|| progress::stages(count));
        bar.set_position(number - 1);
        bar.set_prefix(what.to_owned());
        bar.set_message("");
        bar.tick();
    }

    fn step(&self, what: &str) {
        if let Some(bar) = &*self.0.borrow() {
            bar.set_message(what.to_owned());
        }
    }
}
