//! What the readers of the committed tables share: their lines, and what may be wrong with them.

use crate::ResourceType;
use std::fmt;

/// Why a table cannot be read.
#[derive(Debug)]
pub(super) enum TableError {
    /// A line that its table's format does not allow.
    Line(&'static str),
    /// A name that nothing defines.
    Unknown(&'static str),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableError::Line(line) => write!(f, "a line its table does not allow: {line}"),
            TableError::Unknown(name) => write!(f, "nothing defines {name}"),
        }
    }
}

/// Where the standard's value sets live; the tables leave it out.
pub(super) const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

/// Where the standard's search parameters live; the tables leave it out.
pub(super) const SEARCH_PARAMETERS: &str = "http://hl7.org/fhir/SearchParameter/";

/// The lines of a table without its head.
pub(super) fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// A URL as a table writes it, whole again.
pub(super) fn whole_url(prefix: &str, written: &str) -> String {
    if written.contains("://") { written.to_owned() } else { format!("{prefix}{written}") }
}

/// The resource types of a list of names, where an abstract type means all of its kind.
pub(super) fn resource_types(
    names: impl Iterator<Item = &'static str>,
) -> Result<Vec<ResourceType>, TableError> {
    let mut found = Vec::new();
    for name in names {
        match name {
            "Resource" => found.extend(ResourceType::all()),
            "DomainResource" => found.extend(ResourceType::all().filter(is_domain_resource)),
            _ => found.push(ResourceType::parse(name).ok_or(TableError::Unknown(name))?),
        }
    }
    Ok(found)
}

fn is_domain_resource(of: &ResourceType) -> bool {
    !matches!(of.name(), "Binary" | "Bundle" | "Parameters")
}
