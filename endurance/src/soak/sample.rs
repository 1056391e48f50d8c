//! What is measured every few seconds, and what it says over time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// The unit of `st_blocks`, whatever the file system's own blocks are.
const BLOCK_BYTES: u64 = 512;

/// One moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Since the beginning, in seconds.
    pub(crate) second: f64,
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    /// Interactions a second since the sample before.
    pub(crate) rate: f64,
    /// How long half of them took, from when they were to begin, in milliseconds.
    pub(crate) p50_ms: f64,
    /// How long 99 of a hundred took.
    pub(crate) p99_ms: f64,
    /// Interactions that were refused or failed since the sample before.
    pub(crate) failed: u64,
    /// What the data folder takes up, in bytes.
    pub(crate) disk: u64,
    /// Files in it.
    pub(crate) files: u64,
    /// Files and connections that the process has open.
    pub(crate) open: u64,
}

impl Sample {
    /// The first line of a table of samples.
    pub(crate) const HEADER: &str =
        "second,resident_bytes,rate,p50_ms,p99_ms,failed,disk_bytes,files,open_files";

    /// Measures the process and its folder, and these latencies, in order.
    pub(crate) fn take(
        process: u32,
        data: &Path,
        second: f64,
        since: f64,
        latencies: &[Duration],
    ) -> Result<Sample> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("a process has memory")?;
        let kib: u64 = line.split_whitespace().nth(1).context("a number follows")?.parse()?;
        let open = std::fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64;
        let (mut disk, mut files) = (0, 0);
        measure(data, &mut disk, &mut files);
        let quantile = |share: f64| {
            let last = latencies.len().saturating_sub(1);
            latencies.get((last as f64 * share).round() as usize).map_or(0.0, |one| one.as_secs_f64() * 1e3)
        };
        let rate = latencies.len() as f64 / since.max(f64::EPSILON);
        let (p50_ms, p99_ms) = (quantile(0.5), quantile(0.99));
        Ok(Sample { second, resident: kib * 1024, rate, p50_ms, p99_ms, failed: 0, disk, files, open })
    }

    /// Its line of a table.
    pub(crate) fn line(&self) -> String {
        let Sample { second, resident, rate, p50_ms, p99_ms, failed, disk, files, open } = self;
        format!("{second:.1},{resident},{rate:.1},{p50_ms:.3},{p99_ms:.3},{failed},{disk},{files},{open}")
    }
}

/// Adds up a folder. Files that go while it is read are not there.
fn measure(folder: &Path, bytes: &mut u64, files: &mut u64) {
    use std::os::unix::fs::MetadataExt;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => measure(&entry.path(), bytes, files),
            Ok(metadata) => {
                *bytes += metadata.blocks() * BLOCK_BYTES;
                *files += 1;
            }
            Err(_) => {}
        }
    }
}

/// By how much a measure changes over the given samples, as a share of its mean: the slope of the line that fits best,
/// times the duration.
pub(crate) fn change(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let count = samples.len() as f64;
    if samples.len() < 2 {
        return 0.0;
    }
    let mean_x = samples.iter().map(|sample| sample.second).sum::<f64>() / count;
    let mean_y = samples.iter().map(&of).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for sample in samples {
        above += (sample.second - mean_x) * (of(sample) - mean_y);
        below += (sample.second - mean_x).powi(2);
    }
    let duration = samples[samples.len() - 1].second - samples[0].second;
    if mean_y == 0.0 || below == 0.0 { 0.0 } else { above / below * duration / mean_y }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(of: impl Fn(f64) -> u64) -> Vec<Sample> {
        (0..60)
            .map(|at| Sample { second: f64::from(at), resident: of(f64::from(at)), ..Sample::default() })
            .collect()
    }

    #[test]
    fn a_change_is_the_slope_over_the_whole_duration() {
        let memory = |sample: &Sample| sample.resident as f64;
        assert!(change(&samples(|_| 500), memory).abs() < 1e-9);
        let rising = change(&samples(|second| 1000 + 10 * second as u64), memory);
        assert!((rising - 590.0 / 1295.0).abs() < 1e-3, "{rising}");
        let noisy =
            change(&samples(|second| if (second as u64).is_multiple_of(2) { 90 } else { 110 }), memory);
        assert!(noisy.abs() < 0.02, "{noisy}");
        assert_eq!(change(&[], memory), 0.0);
    }

    #[test]
    fn a_sample_measures_this_process() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), [1; 5000]).unwrap();
        let latencies: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        let sample = Sample::take(std::process::id(), folder.path(), 5.0, 2.0, &latencies).unwrap();
        assert!(sample.resident > 100_000 && sample.open > 2);
        assert_eq!((sample.files, sample.rate), (1, 50.0));
        assert!((sample.p50_ms - 50.0).abs() <= 1.0 && (sample.p99_ms - 99.0).abs() <= 1.0);
        assert_eq!(sample.line().split(',').count(), Sample::HEADER.split(',').count());
    }
}
