//! What judging a resource costs: its structure alone, with the standard's invariants, and by the profiles that it
//! claims with the definitions of its extensions; over generated resources, or over those of an NDJSON file.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::{Context, Result};
use fhir::{Guides, Level, Resource, Rules, Time, Wanted};
use population::Population;

use crate::invariants;
use crate::meter::Meter;

/// 2026-01-01.
const AS_OF_S: i64 = 1_767_225_600;

/// How long a type is judged again and again, in microseconds of the processor: many ticks of the kernel.
const MEASURED_US: f64 = 300_000.0;

/// Judges the resources of `file`, or of generated patients.
pub(crate) fn run(file: Option<&str>) -> Result<()> {
    let resources = match file {
        Some(file) => read(file)?,
        None => generated()?,
    };
    let mut by_type: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for resource in &resources {
        by_type.entry(resource.of().name()).or_default().push(resource);
    }
    let guides = guides::guides();
    // The first judgement of a type compiles what is asked of it.
    resources.iter().for_each(|resource| {
        drop(fhir::validate(resource, Level::Strict));
        by_profiles(resource, &guides);
    });
    println!(
        "{:<24} {:>6} {:>7} {:>12} {:>12} {:>12} {:>12} {:>8}",
        "type", "count", "bytes", "structure", "a KB", "base R4", "profiles", "refused"
    );
    for (name, group) in by_type {
        let bytes: usize = group.iter().map(|resource| resource.document().bytes().len()).sum();
        let structure_us = cost_us(&group, |resource| drop(fhir::validate(resource, Level::Minimal)));
        let base_us = cost_us(&group, |resource| drop(fhir::validate(resource, Level::Strict)));
        let profiles_us = cost_us(&group, |resource| {
            black_box(by_profiles(resource, &guides));
        });
        let refused = group.iter().filter(|resource| by_profiles(resource, &guides) > 0).count();
        let mean = bytes / group.len();
        let a_kilobyte_us = structure_us * 1024.0 / mean as f64;
        println!(
            "{name:<24} {:>6} {mean:>7} {structure_us:>9.2} µs {a_kilobyte_us:>9.2} µs {base_us:>9.2} µs \
             {profiles_us:>9.2} µs {refused:>8}",
            group.len()
        );
    }
    invariants::show(&resources);
    Ok(())
}

/// How many faults the profiles find that a resource claims, and the definitions of its extensions.
fn by_profiles(resource: &Resource, guides: &Guides) -> usize {
    let rules = Rules { level: Level::Strict, guides, defaults: &[], now: Time(0) };
    fhir::review_claims(resource, &rules, guides.bindings(), Wanted::Errors).len()
}

/// CPU microseconds that one judgement takes, on average.
fn cost_us(group: &[&Resource], judge: impl Fn(&Resource)) -> f64 {
    let meter = Meter::start();
    let mut judged = 0;
    while meter.cpu_us() < MEASURED_US {
        // Reading the clock costs more than a judgement.
        for resource in group.iter().cycle().take(group.len().max(1000)) {
            judge(resource);
            judged += 1;
        }
    }
    meter.cpu_us() / judged as f64
}

fn generated() -> Result<Vec<Resource>> {
    const PATIENTS: u64 = 60;
    let population = Population::new(1, AS_OF_S);
    let mut resources = Vec::new();
    for patient in 0..=PATIENTS {
        let chart = if patient == 0 { population.community() } else { population.patient(patient) };
        for (_, json) in chart.resources() {
            resources.push(Resource::parse_slice(json).map_err(|error| anyhow::anyhow!("{error}"))?);
        }
    }
    Ok(resources)
}

fn read(file: &str) -> Result<Vec<Resource>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    let parsed = text.lines().map(|line| Resource::parse_slice(line.as_bytes()));
    parsed.map(|resource| resource.map_err(|error| anyhow::anyhow!("{error}"))).collect()
}
