//! Writes the search parameters.

use super::package::{Package, items, text, texts};
use std::{collections::BTreeMap, fmt::Write};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
`parameter URL` opens a definition (below http://hl7.org/fhir/SearchParameter/ unless it is a whole URL);
its lines are `code`, `kind`, `base` (resource types), `target` (resource types that a reference may be to),
`expression` (FHIRPath) and, for each part of a composite in order, `component URL EXPRESSION`.
What the standard leaves out is left out. Definitions that only illustrate SearchParameter are not here.
Corrected: DocumentReference-relationship, where the expressions of the two components stand the wrong way round.";

const BASE: &str = "http://hl7.org/fhir/SearchParameter/";

/// Published with the standard to show what a SearchParameter looks like, not to be searched by.
const ILLUSTRATIONS: [&str; 3] = ["example", "example-extension", "example-reference"];

/// Components whose expression belongs to another one, by their definition, with the right expression: as
/// published, `relatesto`, a reference, is given the code, and `relation`, a token, the reference.
const CORRECTED: [(&str, &str); 2] =
    [("DocumentReference-relatesto", "target"), ("DocumentReference-relation", "code")];

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let mut blocks = BTreeMap::new();
    for definition in package.all("SearchParameter") {
        let name = text(definition, "url").trim_start_matches(BASE);
        if ILLUSTRATIONS.contains(&name) {
            continue;
        }
        let mut block = format!(
            "parameter {name}\n code {}\n kind {}\n",
            text(definition, "code"),
            text(definition, "type")
        );
        for (member, label) in [("base", "base"), ("target", "target")] {
            let types = texts(definition, member);
            if !types.is_empty() {
                writeln!(block, " {label} {}", types.join(" "))?;
            }
        }
        let expression = one_line(text(definition, "expression"));
        if !expression.is_empty() {
            writeln!(block, " expression {expression}")?;
        }
        for component in items(definition, "component") {
            let url = text(component, "definition").trim_start_matches(BASE);
            let corrected = CORRECTED.iter().find(|(definition, _)| *definition == url);
            let expression = corrected.map_or_else(
                || one_line(text(component, "expression")),
                |(_, expression)| (*expression).to_owned(),
            );
            writeln!(block, " component {url} {expression}")?;
        }
        blocks.insert(name, block);
    }
    Ok(blocks.into_values().collect())
}

fn one_line(expression: &str) -> String {
    expression.split_whitespace().collect::<Vec<_>>().join(" ")
}
