//! Wall time, processor time and memory of this process.

use std::time::Instant;

/// Wall time and the processor time of all threads, from a start on.
pub(crate) struct Meter {
    wall: Instant,
    cpu_ms: u64,
}

impl Meter {
    #[expect(clippy::disallowed_methods, reason = "measuring is what bench is for")]
    pub(crate) fn start() -> Self {
        Meter { wall: Instant::now(), cpu_ms: cpu_ms() }
    }

    pub(crate) fn wall_ms(&self) -> f64 {
        self.wall.elapsed().as_secs_f64() * 1000.0
    }

    pub(crate) fn cpu_us(&self) -> f64 {
        (cpu_ms() - self.cpu_ms) as f64 * 1000.0
    }

    pub(crate) fn report(&self, what: &str, count: u32) {
        let cpu_us = self.cpu_us() / f64::from(count.max(1));
        println!("{what}: {:.0}/s, {cpu_us:.1} us CPU each", f64::from(count) * 1000.0 / self.wall_ms());
    }
}

/// Processor time of this process so far, in milliseconds (a tick of the kernel is 10 of them).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().map_or(0, |rest| {
        rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
    });
    ticks * 10
}

/// Memory that this process holds, in megabytes.
pub(crate) fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096 / 1_000_000
}
