//! Writes the code systems and value sets of the standard, codes only.

use super::package::{Package, items, text, texts};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
`system URL VERSION` opens a code system; each line below it that starts with blanks is a code, one blank more
for one that stands below the code before it; ` ^CODE` names one more code above the code before.
`set URL VERSION` opens a value set: `include` and `exclude`, with a code system unless there is none, open its
parts; below them ` code CODE`, ` filter PROPERTY OPERATOR VALUE` and ` import URL` narrow them.
Left out: displays, designations, other properties, and what is not below hl7.org or dicom.nema.org.";

/// Where the vocabulary of the standard lives; the package also has what only illustrates.
const OURS: [&str; 3] = ["http://hl7.org/fhir", "http://terminology.hl7.org/", "http://dicom.nema.org/"];

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let mut out = String::new();
    for (url, system) in ours(package, "CodeSystem") {
        let concepts = items(system, "concept");
        if !concepts.is_empty() && text(system, "content") != "supplement" {
            writeln!(out, "system {url} {}", text(system, "version"))?;
            write_concepts(&mut out, concepts, 1)?;
        }
    }
    for (url, set) in ours(package, "ValueSet") {
        writeln!(out, "set {url} {}", text(set, "version"))?;
        for name in ["include", "exclude"] {
            for part in items(&set["compose"], name) {
                write_part(&mut out, name, part)?;
            }
        }
    }
    Ok(out)
}

fn ours<'a>(package: &'a Package, of: &str) -> BTreeMap<&'a str, &'a Value> {
    let mut all = package.by_url(of);
    all.retain(|url, _| OURS.iter().any(|ours| url.starts_with(ours)));
    all
}

fn write_concepts(out: &mut String, concepts: &[Value], depth: usize) -> anyhow::Result<()> {
    for concept in concepts {
        writeln!(out, "{}{}", " ".repeat(depth), text(concept, "code"))?;
        for property in items(concept, "property") {
            if matches!(text(property, "code"), "parent" | "subsumedBy") {
                writeln!(out, " ^{}", text(property, "valueCode"))?;
            }
        }
        write_concepts(out, items(concept, "concept"), depth + 1)?;
    }
    Ok(())
}

fn write_part(out: &mut String, name: &str, part: &Value) -> anyhow::Result<()> {
    writeln!(out, "{}", format!("{name} {}", text(part, "system")).trim_end())?;
    for concept in items(part, "concept") {
        writeln!(out, " code {}", text(concept, "code"))?;
    }
    for filter in items(part, "filter") {
        writeln!(
            out,
            " filter {} {} {}",
            text(filter, "property"),
            text(filter, "op"),
            text(filter, "value")
        )?;
    }
    for import in texts(part, "valueSet") {
        writeln!(out, " import {import}")?;
    }
    Ok(())
}
