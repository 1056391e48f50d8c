//! What a run found, for people.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::settle::Settled;

/// Lines of evidence of a violation that are shown, in characters.
const EVIDENCE_MAX: usize = 2000;

/// The figures of a run.
pub(crate) struct Report {
    seed: u64,
    bar: ProgressBar,
    /// Kills under load.
    pub(crate) kills: u64,
    /// Kills while the server recovered from the one before.
    pub(crate) kills_at_start: u64,
    /// Writes that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Writes whose answers were not seen.
    pub(crate) settled: Settled,
    /// Resources that were compared, each as often as that happened.
    pub(crate) resources: u64,
    /// Versions that were compared.
    pub(crate) versions: u64,
    /// Imports that ended.
    pub(crate) imports: u64,
    /// Exports that ended.
    pub(crate) exports: u64,
    /// Data stores that were made and deleted.
    pub(crate) deleted_stores: usize,
    /// How often `tarn check` ran.
    pub(crate) checks: u64,
    /// How long each start took.
    pub(crate) starts: Vec<Duration>,
    /// What is wrong, with the evidence.
    pub(crate) violations: Vec<String>,
}

impl Report {
    /// The report of a run that begins.
    pub(crate) fn new(kills: u64, seed: u64, first_start: Duration) -> Report {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} kills, {elapsed}, {msg}");
        let style = style.expect("the template is well formed");
        Report {
            seed,
            bar: ProgressBar::new(kills).with_style(style),
            kills: 0,
            kills_at_start: 0,
            acknowledged: 0,
            settled: Settled::default(),
            resources: 0,
            versions: 0,
            imports: 0,
            exports: 0,
            deleted_stores: 0,
            checks: 0,
            starts: vec![first_start],
            violations: Vec::new(),
        }
    }

    /// Shows how far it is: a bar, or a line now and then where nobody watches.
    pub(crate) fn progress(&self) {
        let message = format!("{} writes, {} violations", self.acknowledged, self.violations.len());
        self.bar.set_position(self.kills);
        self.bar.set_message(message.clone());
        if self.bar.is_hidden() && self.kills.is_multiple_of(10) {
            eprintln!("{} kills, {message}", self.kills);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bar.finish_and_clear();
        let longest = self.starts.iter().max().copied().unwrap_or_default();
        let mean = self.starts.iter().sum::<Duration>().as_secs_f64() / self.starts.len().max(1) as f64;
        writeln!(out, "seed                   {}", self.seed)?;
        writeln!(out, "kills under load       {}", self.kills)?;
        writeln!(out, "kills during recovery  {}", self.kills_at_start)?;
        writeln!(out, "acknowledged writes    {}", self.acknowledged)?;
        let Settled { done, not_done } = self.settled;
        writeln!(out, "answers not seen       {} (done: {done}, not done: {not_done})", done + not_done)?;
        writeln!(out, "compared               {} resources, {} versions", self.resources, self.versions)?;
        writeln!(out, "imports, exports       {}, {}", self.imports, self.exports)?;
        writeln!(out, "data stores deleted    {}", self.deleted_stores)?;
        writeln!(out, "tarn check             {} times", self.checks)?;
        writeln!(
            out,
            "starts                 {} (mean {mean:.2} s, longest {:.2} s)",
            self.starts.len(),
            longest.as_secs_f64()
        )?;
        write!(out, "violations             {}", self.violations.len())?;
        for violation in &self.violations {
            let shown: String = violation.chars().take(EVIDENCE_MAX).collect();
            write!(out, "\n  {shown}")?;
        }
        Ok(())
    }
}
