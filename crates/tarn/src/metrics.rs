//! `/metrics`: counters in the Prometheus text format. No label names a data store's contents.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fhir::package::Registry;

use crate::load::Load;

/// The doors that requests come through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    /// The AWS control plane.
    HealthLake,
    /// FHIR REST.
    Fhir,
    /// The embedded S3 endpoint.
    S3,
    /// Health, metrics, and what belongs to no door.
    Shell,
}

const DOORS: [(Door, &str); 4] =
    [(Door::HealthLake, "healthlake"), (Door::Fhir, "fhir"), (Door::S3, "s3"), (Door::Shell, "shell")];

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_000_000, 10_000_000];

#[derive(Default)]
struct DoorCounts {
    by_class: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS_US.len()],
    total_us: AtomicU64,
    count: AtomicU64,
}

/// What the server has done since it started.
#[derive(Default)]
pub(crate) struct Metrics {
    doors: [DoorCounts; DOORS.len()],
    /// Connections that are open.
    pub(crate) connections: AtomicU64,
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn answered(&self, door: Door, status: u16, took: Duration) {
        let counts = &self.doors[door as usize];
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        counts.by_class[class].fetch_add(1, Relaxed);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| took_us <= *bound) {
            counts.buckets[bucket].fetch_add(1, Relaxed);
        }
        counts.total_us.fetch_add(took_us, Relaxed);
        counts.count.fetch_add(1, Relaxed);
    }

    /// All of it as Prometheus text.
    pub(crate) fn render(&self, packages: &Registry, load: &Load) -> String {
        let mut text = String::from(
            "# HELP tarn_requests_total Requests answered.\n# TYPE tarn_requests_total counter\n",
        );
        for (door, name) in DOORS {
            for (class, count) in self.doors[door as usize].by_class.iter().enumerate() {
                line(
                    &mut text,
                    format_args!("tarn_requests_total{{door=\"{name}\",status=\"{}xx\"}}", class + 1),
                    count,
                );
            }
        }
        text.push_str("# HELP tarn_request_seconds Time to answer.\n# TYPE tarn_request_seconds histogram\n");
        for (door, name) in DOORS {
            self.doors[door as usize].render(name, &mut text);
        }
        text.push_str("# HELP tarn_connections Connections that are open.\n# TYPE tarn_connections gauge\n");
        line(&mut text, format_args!("tarn_connections"), &self.connections);
        load.render(&mut text);
        text.push_str("# HELP tarn_packages FHIR packages that are loaded.\n# TYPE tarn_packages gauge\n");
        text.push_str(&format!("tarn_packages {}\n", packages.packages().len()));
        text.push_str(
            "# HELP tarn_package_definitions Definitions in them.\n# TYPE tarn_package_definitions gauge\n",
        );
        text.push_str(&format!("tarn_package_definitions {}\n", packages.entries()));
        if let Some(bytes) = resident_bytes() {
            text.push_str("# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\n");
            text.push_str(&format!("process_resident_memory_bytes {bytes}\n"));
        }
        text
    }
}

impl DoorCounts {
    fn render(&self, name: &str, text: &mut String) {
        let mut below = 0;
        for (bound, bucket) in BUCKETS_US.iter().zip(&self.buckets) {
            below += bucket.load(Relaxed);
            let seconds = *bound as f64 / 1e6;
            text.push_str(&format!(
                "tarn_request_seconds_bucket{{door=\"{name}\",le=\"{seconds}\"}} {below}\n"
            ));
        }
        let (count, total_us) = (self.count.load(Relaxed), self.total_us.load(Relaxed));
        text.push_str(&format!("tarn_request_seconds_bucket{{door=\"{name}\",le=\"+Inf\"}} {count}\n"));
        text.push_str(&format!("tarn_request_seconds_sum{{door=\"{name}\"}} {}\n", total_us as f64 / 1e6));
        text.push_str(&format!("tarn_request_seconds_count{{door=\"{name}\"}} {count}\n"));
    }
}

fn line(text: &mut String, name: std::fmt::Arguments<'_>, value: &AtomicU64) {
    writeln!(text, "{name} {}", value.load(Relaxed)).expect("a string takes all that is written");
}

/// Resident memory, where the system tells (Linux).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_counted_by_door_status_and_time() {
        let metrics = Metrics::default();
        metrics.answered(Door::Fhir, 201, Duration::from_micros(300));
        metrics.answered(Door::Fhir, 404, Duration::from_secs(60));
        let load = Load::new(&crate::load::LoadSettings::of_machine(1));
        let text = metrics.render(&Registry::default(), &load);
        for line in [
            "tarn_requests_total{door=\"fhir\",status=\"2xx\"} 1",
            "tarn_requests_total{door=\"fhir\",status=\"4xx\"} 1",
            "tarn_request_seconds_bucket{door=\"fhir\",le=\"0.0005\"} 1",
            "tarn_request_seconds_bucket{door=\"fhir\",le=\"10\"} 1",
            "tarn_request_seconds_count{door=\"fhir\"} 2",
            "tarn_requests_total{door=\"s3\",status=\"2xx\"} 0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
