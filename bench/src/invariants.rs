//! Which invariants cost most: each of R4's over all elements that it is about, in the resources given.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

use fhir::profile::base_definition;
use fhir::{Element, FhirPath, PathContext, Resource, Time, Value, definitions};

use crate::meter::Meter;

/// How many are shown.
const SHOWN_MAX: usize = 20;

/// How long an invariant is asked again and again, in microseconds of the processor.
const MEASURED_US: f64 = 100_000.0;

/// How many elements an invariant is measured over.
const ELEMENTS_MAX: usize = 2_000;

/// One invariant: where it stands, how often it was asked in the resources, and what one answer costs.
struct Cost {
    path: String,
    key: String,
    asked: usize,
    ns: f64,
}

/// Shows the invariants that cost most over these resources.
pub(crate) fn show(resources: &[Resource]) {
    let contexts: Vec<PathContext<'_>> =
        resources.iter().map(|resource| PathContext::new(resource, Time(0))).collect();
    let all = FhirPath::parse("$this | descendants()").expect("this is an expression");
    let mut elements: HashMap<&str, Vec<(Element<'_>, &PathContext<'_>)>> = HashMap::new();
    for context in &contexts {
        // What is too large to be gone through is left out.
        let found = all.evaluate(context.resource, context).unwrap_or_default();
        for element in found.iter().filter_map(Value::as_element) {
            elements.entry(element.of.name).or_default().push((element, context));
        }
    }
    let mut costs: Vec<Cost> = elements.iter().flat_map(|(name, found)| costs_of(name, found)).collect();
    costs.sort_by(|one, other| (other.ns * other.asked as f64).total_cmp(&(one.ns * one.asked as f64)));
    let total_us: f64 = costs.iter().map(|cost| cost.ns * cost.asked as f64 / 1000.0).sum();
    println!(
        "\n{:<32} {:<10} {:>9} {:>10} {:>12} {:>7}",
        "invariant of", "key", "asked", "ns each", "all", "share"
    );
    for cost in costs.iter().take(SHOWN_MAX) {
        let us = cost.ns * cost.asked as f64 / 1000.0;
        println!(
            "{:<32} {:<10} {:>9} {:>10.0} {us:>9.0} µs {:>6.1}%",
            cost.path,
            cost.key,
            cost.asked,
            cost.ns,
            us * 100.0 / total_us
        );
    }
}

/// What the invariants of a type cost that structure does not prove.
fn costs_of(name: &str, elements: &[(Element<'_>, &PathContext<'_>)]) -> Vec<Cost> {
    let Some(of) = definitions().type_named(name) else { return Vec::new() };
    let root = name.split('.').next().unwrap_or(name);
    let Some(definition) = base_definition(root) else { return Vec::new() };
    let here = definition.snapshot.iter().filter(|element| *element.path == *name);
    let mut by_key = BTreeMap::new();
    for constraint in here.flat_map(|element| element.constraints.iter()).filter(|one| one.is_error) {
        let expression = constraint.expression.as_deref().unwrap_or("true");
        let is_asked = !fhir::PROVED_INVARIANTS.contains(&&*constraint.key);
        if let Some(path) = is_asked.then(|| FhirPath::invariant(expression, of).ok()).flatten() {
            by_key.insert(constraint.key.to_string(), path);
        }
    }
    let cost = |(key, path): (String, FhirPath)| Cost {
        path: name.to_owned(),
        key,
        asked: elements.len(),
        ns: cost_ns(&path, elements),
    };
    by_key.into_iter().map(cost).collect()
}

fn cost_ns(path: &FhirPath, elements: &[(Element<'_>, &PathContext<'_>)]) -> f64 {
    let meter = Meter::start();
    let mut asked = 0;
    while meter.cpu_us() < MEASURED_US {
        for (element, context) in elements.iter().cycle().take(elements.len().clamp(1_000, ELEMENTS_MAX)) {
            let _ = black_box(path.holds(*element, context));
            asked += 1;
        }
    }
    meter.cpu_us() * 1000.0 / f64::from(asked)
}
