//! Literal references: their form, the types they may be to, and that what is contained is there.

use super::path::At;
use super::plan::Rule;
use super::report::Report;
use crate::document::Json;
use crate::{IssueCode, Reference};

/// Checks the literal reference of a Reference inside the resource `container`.
pub(super) fn check(report: &mut Report, at: &At<'_>, rule: &Rule, value: Json<'_>, container: Json<'_>) {
    let Some(text) = value.get("reference").and_then(Json::as_str) else { return };
    let reference = Reference::parse(&text);
    match reference {
        Reference::Malformed(_) => {
            report.add(IssueCode::Value, at, "The reference has none of the forms of a literal reference");
        }
        Reference::Contained(id) if !id.is_empty() && !contains(container, id) => {
            report.add(IssueCode::NotFound, at, "The reference is to a contained resource that is not there");
        }
        _ => {}
    }
    if let Some(of) = reference.of().filter(|of| !rule.targets.allow(*of)) {
        let name = rule.symbol.name();
        report.add(IssueCode::Structure, at, format!("The property {name} may not refer to a {of}"));
    }
}

fn contains(container: Json<'_>, id: &str) -> bool {
    let mut contained = container.get("contained").into_iter().flat_map(Json::items);
    contained.any(|one| one.get("id").and_then(Json::as_str).is_some_and(|found| *found == *id))
}
