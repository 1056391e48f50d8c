//! What a process and a folder take: processor time, memory, disk; and which machine this is.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/PID/stat`; Linux has had 100 for as long as it shows them.
const TICKS_A_SECOND: f64 = 100.0;

/// The unit of `st_blocks`, whatever the file system's own blocks are.
const BLOCK_BYTES: u64 = 512;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// CPU seconds, user and system.
    pub(crate) cpu_s: f64,
    /// Resident memory now, bytes.
    pub(crate) resident: u64,
    /// The most it was since the peak was last forgotten, bytes.
    pub(crate) peak: u64,
}

/// What the process of this number has used so far.
pub(crate) fn usage(process: u32) -> Result<Usage> {
    let folder = PathBuf::from(format!("/proc/{process}"));
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    let after_name = stat.rsplit_once(')').context("a process has a name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok());
    let ticks = ticks(11).zip(ticks(12)).context("a process has times")?;
    let status = std::fs::read_to_string(folder.join("status"))?;
    let kib = |name: &str| -> Result<u64> {
        let line = status.lines().find(|line| line.starts_with(name)).context("the status has it")?;
        Ok(line.split_whitespace().nth(1).context("a number follows")?.parse()?)
    };
    Ok(Usage {
        cpu_s: (ticks.0 + ticks.1) / TICKS_A_SECOND,
        resident: kib("VmRSS:")? * 1024,
        peak: kib("VmHWM:")? * 1024,
    })
}

/// Lets the peak of a process's memory begin again at what it holds now.
pub(crate) fn forget_peak(process: u32) -> Result<()> {
    // 5 resets the peak (Linux, proc(5), clear_refs).
    Ok(std::fs::write(format!("/proc/{process}/clear_refs"), "5")?)
}

/// Bytes that the files below a folder take up: what is allocated, since the engine makes its journal longer than what
/// it has written so far. Files that vanish meanwhile do not count.
pub(crate) fn bytes_on_disk(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += match metadata.is_dir() {
            true => bytes_on_disk(&entry.path()).unwrap_or(0),
            false => metadata.blocks() * BLOCK_BYTES,
        };
    }
    Ok(bytes)
}

/// The machine in a line: cores, processor, memory, kernel.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let named = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processor = named(&read("/proc/cpuinfo"), "model name");
    let memory = named(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores ({processor}), {} GiB, Linux {}", kib.div_ceil(1 << 20), kernel.trim())
}
