//! Writes the compartments.

use super::package::{Package, items, text, texts};
use std::{collections::BTreeMap, fmt::Write};

/// How the table reads.
pub(crate) const FORMAT: &str = "\
`compartment TYPE` opens a compartment; below it, each line ` TYPE CODE...` says which reference parameters
of a resource make it a member. {def} means that the resource itself is its own compartment.";

/// The whole table.
pub(crate) fn table(package: &Package) -> anyhow::Result<String> {
    let mut blocks = BTreeMap::new();
    for definition in package.all("CompartmentDefinition") {
        // The package also holds an illustration of the resource type.
        if definition["id"] == "example" {
            continue;
        }
        let mut block = format!("compartment {}\n", text(definition, "code"));
        for resource in items(definition, "resource") {
            let codes = texts(resource, "param");
            if !codes.is_empty() {
                writeln!(block, " {} {}", text(resource, "code"), codes.join(" "))?;
            }
        }
        blocks.insert(text(definition, "code"), block);
    }
    Ok(blocks.into_values().collect())
}
