//! Writes the code systems and value sets of the standard, without their definitions in words.

use super::package::{Package, items, text, texts};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
`system URL VERSION<TAB>NAME` opens a code system; each line below it that starts with blanks is a concept,
`CODE<TAB>DISPLAY<TAB>MARKS`, one blank more for one that stands below the concept before it; ` ^CODE` names one more
code above the concept before. Marks: `a` (abstract), `r` (retired), `d` (deprecated). `set URL VERSION<TAB>NAME<TAB>STATUS` opens a value set: `include` and `exclude`, with a code system
unless there is none, open its parts; below them ` code CODE<TAB>DISPLAY`, ` filter PROPERTY OPERATOR VALUE` and
` import URL` narrow them. What is empty at the end of a line is left out with its tab.
Left out: definitions, designations, other properties, displays of SNOMED CT and LOINC, and what is not below hl7.org or
dicom.nema.org.";

/// Where the vocabulary of the standard lives; the package also has what only illustrates.
const OURS: [&str; 3] = ["http://hl7.org/fhir", "http://terminology.hl7.org/", "http://dicom.nema.org/"];

/// Code systems whose displays are not ours to pass on.
const LICENSED: [&str; 2] = ["http://snomed.info/sct", "http://loinc.org"];

/// The codes above a code that its nesting does not tell.
type Above<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let mut out = String::new();
    for (url, system) in ours(package, "CodeSystem") {
        let concepts = items(system, "concept");
        if !concepts.is_empty() && text(system, "content") != "supplement" {
            let head = format!("system {url} {}", text(system, "version"));
            write_cells(&mut out, &head, &[text(system, "name")])?;
            let mut above = Above::new();
            read_children(concepts, &mut above);
            write_concepts(&mut out, concepts, None, 1, &above)?;
        }
    }
    for (url, set) in ours(package, "ValueSet") {
        let head = format!("set {url} {}", text(set, "version"));
        write_cells(&mut out, &head, &[text(set, "name"), text(set, "status")])?;
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

/// A line of cells, without the empty ones at its end.
fn write_cells(out: &mut String, head: &str, cells: &[&str]) -> anyhow::Result<()> {
    let mut line = head.to_owned();
    for cell in cells {
        let words: Vec<&str> = cell.split_whitespace().collect();
        write!(line, "\t{}", words.join(" "))?;
    }
    writeln!(out, "{}", line.trim_end_matches('\t'))?;
    Ok(())
}

fn read_children<'a>(concepts: &'a [Value], above: &mut Above<'a>) {
    for concept in concepts {
        for property in items(concept, "property") {
            if text(property, "code") == "child" {
                above.entry(text(property, "valueCode")).or_default().insert(text(concept, "code"));
            }
        }
        read_children(items(concept, "concept"), above);
    }
}

fn write_concepts(
    out: &mut String,
    concepts: &[Value],
    parent: Option<&str>,
    depth: usize,
    above: &Above<'_>,
) -> anyhow::Result<()> {
    for concept in concepts {
        let code = text(concept, "code");
        write_cells(
            out,
            &format!("{}{code}", " ".repeat(depth)),
            &[text(concept, "display"), &marks(concept)],
        )?;
        let mut parents = above.get(code).cloned().unwrap_or_default();
        for property in items(concept, "property") {
            if matches!(text(property, "code"), "parent" | "subsumedBy") {
                parents.insert(text(property, "valueCode"));
            }
        }
        for other in parents.into_iter().filter(|other| Some(*other) != parent) {
            writeln!(out, " ^{other}")?;
        }
        write_concepts(out, items(concept, "concept"), Some(code), depth + 1, above)?;
    }
    Ok(())
}

fn marks(concept: &Value) -> String {
    let has = |name: &str, value: &Value| {
        items(concept, "property").iter().any(|property| {
            text(property, "code") == name
                && (property["valueBoolean"] == *value || property["valueCode"] == *value)
        })
    };
    let all = [
        ('a', has("notSelectable", &true.into()) || has("abstract", &true.into())),
        ('r', has("status", &"retired".into())),
        ('d', has("status", &"deprecated".into())),
    ];
    all.into_iter().filter_map(|(mark, is_set)| is_set.then_some(mark)).collect()
}

fn write_part(out: &mut String, name: &str, part: &Value) -> anyhow::Result<()> {
    let system = text(part, "system");
    writeln!(out, "{}", format!("{name} {system}").trim_end())?;
    for concept in items(part, "concept") {
        let display = if LICENSED.contains(&system) { "" } else { text(concept, "display") };
        write_cells(out, &format!(" code {}", text(concept, "code")), &[display])?;
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
