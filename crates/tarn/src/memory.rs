//! By how much memory caches, request bodies and jobs are bounded, and what of it is for what.

use std::path::Path;

/// The least that may be promised, in bytes.
pub(crate) const MEMORY_BYTES_MIN: u64 = 128 * MEBIBYTE;

/// What is promised of the machine's memory when nothing is said: one part in so many.
const MACHINE_SHARE: u64 = 4;

/// Jobs that may run at once, over all data stores, where there is memory for them.
const JOBS_AT_ONCE_MAX: u64 = 4;

/// Memory from which another job runs at once, in bytes.
const MEMORY_BYTES_A_JOB: u64 = 512 * MEBIBYTE;

/// Room for the large bodies of requests, at the most and at the least, in bytes.
const BODY_BYTES: (u64, u64) = (16 * MEBIBYTE, 256 * MEBIBYTE);

pub(crate) const MEBIBYTE: u64 = 1024 * 1024;

/// So much memory, divided: an eighth each for the blocks of data stores, the blocks of their indexes and the bodies of
/// requests, three for jobs, and two for everything else: what was committed lately, and what the process is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    bytes: u64,
}

impl Memory {
    /// What a process keeps to when nothing is said: a quarter of what the machine or the process's group of
    /// processes may have.
    pub(crate) fn of_machine() -> Memory {
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).ok();
        let machine = read("/proc/meminfo").as_deref().and_then(total).unwrap_or(0);
        let group = read("/sys/fs/cgroup/memory.max").and_then(|max| max.trim().parse::<u64>().ok());
        Memory::of(group.map_or(machine, |group| group.min(machine)) / MACHINE_SHARE)
    }

    /// So many bytes, and not less than the least.
    pub(crate) fn of(bytes: u64) -> Memory {
        Memory { bytes: bytes.max(MEMORY_BYTES_MIN) }
    }

    /// For the engine's blocks.
    pub(crate) fn block_cache_bytes(self) -> u64 {
        self.bytes / 8
    }

    /// For opened blocks of indexes.
    pub(crate) fn index_cache_bytes(self) -> usize {
        usize::try_from(self.bytes / 8).unwrap_or(usize::MAX)
    }

    /// For the large bodies of requests.
    pub(crate) fn body_bytes(self) -> u64 {
        (self.bytes / 8).clamp(BODY_BYTES.0, BODY_BYTES.1)
    }

    /// Jobs that may run at once.
    pub(crate) fn jobs_at_once(self) -> usize {
        (self.bytes / MEMORY_BYTES_A_JOB).clamp(1, JOBS_AT_ONCE_MAX) as usize
    }

    /// For each of them.
    pub(crate) fn job_bytes(self) -> usize {
        usize::try_from(self.bytes * 3 / 8).unwrap_or(usize::MAX) / self.jobs_at_once()
    }
}

/// The machine's memory as `/proc/meminfo` tells it.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_never_exceed_the_whole() {
        for mebibytes in [0, 128, 200, 512, 1_024, 6_000, 64_000] {
            let memory = Memory::of(mebibytes * MEBIBYTE);
            let jobs = memory.job_bytes() as u64 * memory.jobs_at_once() as u64;
            let caches = memory.block_cache_bytes() + memory.index_cache_bytes() as u64;
            assert!(jobs + caches + memory.body_bytes() <= memory.bytes * 3 / 4, "{mebibytes}");
            assert!(memory.bytes >= MEMORY_BYTES_MIN);
        }
    }

    #[test]
    fn the_machine_tells_how_much_it_has() {
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       24000000 kB\n"), Some(24_000_000 * 1024));
        assert_eq!(total("nothing"), None);
        assert!(Memory::of_machine().bytes >= MEMORY_BYTES_MIN);
    }
}
