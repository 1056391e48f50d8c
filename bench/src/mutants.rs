//! Resources with one rule of the standard broken in each, made of its examples, to ask another validator about.

use std::io::Write;

use anyhow::{Context, Result};
use fhir::{Level, Resource};
use serde_json::{Value, json};

mod breakage;
mod chance;
mod format;
mod site;
mod whole;

use breakage::BREAKAGES;
use chance::Chance;
use site::{Site, sites};

/// How many resources are made with the same kind of breakage.
const MUTANTS_PER_KIND: usize = 25;
/// The longest example that is broken, in bytes: what is long says no more.
const EXAMPLE_BYTES_MAX: usize = 6_000;
/// Written by hand: a kind of breakage and a resource on each line.
const WRITTEN: &str = include_str!("mutants/written.txt");

/// Writes what is made of the examples of an NDJSON file, and what is written by hand: on each line `{"name", "text"}`.
/// No use is made of examples that `verdicts` says are refused unbroken.
pub(crate) fn run(examples: &str, verdicts: &str) -> Result<()> {
    let examples = std::fs::read_to_string(examples).with_context(|| format!("reading {examples}"))?;
    let verdicts = std::fs::read_to_string(verdicts).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let mut bases = Vec::new();
    for text in examples.lines() {
        let value: Value = serde_json::from_str(text)?;
        let name = format!("unbroken {}", key(&value));
        if is_base(text) && verdicts.lines().all(|line| !is_refusal(line, &name)) {
            bases.push(without_profiles(value));
        }
    }
    for (kind, at, text) in mutants(&bases).into_iter().chain(written()) {
        writeln!(out, "{}", json!({ "name": format!("{kind} {at}"), "text": text }))?;
    }
    Ok(())
}

fn is_base(text: &str) -> bool {
    text.len() <= EXAMPLE_BYTES_MAX
        && Resource::parse_slice(text.as_bytes())
            .is_ok_and(|resource| fhir::validate(&resource, Level::Strict).is_empty())
}

/// Whether a line of verdicts says that `name` was refused.
fn is_refusal(line: &str, name: &str) -> bool {
    line.split_once('\t').is_some_and(|(of, why)| of == name && !why.is_empty())
}

fn key(resource: &Value) -> String {
    let text = |name: &str| resource[name].as_str().unwrap_or_default();
    format!("{}/{}", text("resourceType"), text("id"))
}

/// Profiles are another matter.
fn without_profiles(mut resource: Value) -> Value {
    if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
        meta.remove("profile");
        if meta.is_empty() {
            resource.as_object_mut().map(|members| members.remove("meta"));
        }
    }
    resource
}

/// The kind of each mutant, where it is broken, and its text.
fn mutants(bases: &[Value]) -> Vec<(&'static str, String, String)> {
    let sites: Vec<Vec<Site>> = bases.iter().map(sites).collect();
    let mut all = Vec::new();
    for breakage in BREAKAGES {
        // Each kind has its own chances, so that a new kind leaves the others as they are.
        let mut chance = Chance::of(breakage.kind);
        let mut candidates: Vec<(usize, &Site)> = Vec::new();
        for (base, sites) in sites.iter().enumerate() {
            candidates.extend(sites.iter().filter(|site| (breakage.applies)(site)).map(|site| (base, site)));
        }
        let mut made: Vec<(&'static str, String, String)> = Vec::new();
        let mut places: Vec<String> = Vec::new();
        for _ in 0..MUTANTS_PER_KIND * 20 {
            if candidates.is_empty() || made.len() == MUTANTS_PER_KIND {
                break;
            }
            let (base, site) = candidates.swap_remove(chance.below(candidates.len()));
            let place = site.place();
            let mut broken = bases[base].clone();
            if places.contains(&place) || !(breakage.make)(&mut broken, site, &mut chance) {
                continue;
            }
            places.push(place);
            let at = format!("{} {}", key(&bases[base]), site.path());
            made.push((breakage.kind, at, text(&broken)));
        }
        all.extend(made);
    }
    all
}

/// The text, with members that stand twice where a breakage asked for them.
fn text(value: &Value) -> String {
    value.to_string().replace(breakage::AGAIN, "")
}

fn written() -> impl Iterator<Item = (&'static str, String, String)> {
    let lines = WRITTEN.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.enumerate().filter_map(|(number, line)| {
        let (kind, text) = line.split_once(' ')?;
        Some((kind, format!("written {number}"), text.to_owned()))
    })
}
