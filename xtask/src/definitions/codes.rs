//! Writes the value sets that required bindings bind to, expanded.

use super::{
    elements::{VALUE_SETS, specializations, value_set},
    package::{Package, items, text},
};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
`set VALUESET` opens a set of codes, `system URL` the codes of one system in it, and each line with a
leading space is a code. `open VALUESET [SYSTEM]` is a set that cannot be listed: any code is in it.
VALUESET is below http://hl7.org/fhir/ValueSet/ unless it is a whole URL.";

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let systems = package.by_url("CodeSystem");
    let value_sets = package.by_url("ValueSet");
    let mut out = String::new();
    for url in required(package) {
        let name = url.trim_start_matches(VALUE_SETS);
        let includes = value_sets.get(url).map_or(&[][..], |set| items(&set["compose"], "include"));
        match expand(includes, &systems).with_context(|| url.to_owned())? {
            Some(by_system) => write_set(&mut out, name, &by_system)?,
            None => {
                let system = includes.first().map_or("", |include| text(include, "system"));
                writeln!(out, "{}", format!("open {name} {system}").trim_end())?;
            }
        }
    }
    Ok(out)
}

fn required(package: &Package) -> BTreeSet<&str> {
    specializations(package)
        .flat_map(|definition| items(&definition["snapshot"], "element"))
        .filter(|element| text(&element["binding"], "strength") == "required")
        .map(value_set)
        .collect()
}

fn write_set(out: &mut String, name: &str, by_system: &BTreeMap<&str, Vec<&str>>) -> anyhow::Result<()> {
    writeln!(out, "set {name}")?;
    for (system, codes) in by_system {
        writeln!(out, "system {system}")?;
        for code in codes {
            writeln!(out, " {code}")?;
        }
    }
    Ok(())
}

/// The codes by system; `None` when a part of the set cannot be listed.
fn expand<'a>(
    includes: &'a [Value],
    systems: &BTreeMap<&str, &'a Value>,
) -> anyhow::Result<Option<BTreeMap<&'a str, Vec<&'a str>>>> {
    let mut by_system: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for include in includes {
        ensure!(
            items(include, "filter").is_empty() && items(include, "valueSet").is_empty(),
            "a filter in a required binding"
        );
        let system = text(include, "system");
        let codes = by_system.entry(system).or_default();
        match items(include, "concept") {
            [] => match systems.get(system).filter(|found| text(found, "content") == "complete") {
                Some(found) => flatten(items(found, "concept"), codes),
                None => return Ok(None),
            },
            listed => flatten(listed, codes),
        }
    }
    Ok((!by_system.is_empty()).then_some(by_system))
}

fn flatten<'a>(concepts: &'a [Value], codes: &mut Vec<&'a str>) {
    for concept in concepts {
        codes.push(text(concept, "code"));
        flatten(items(concept, "concept"), codes);
    }
}
