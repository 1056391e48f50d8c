//! Required bindings of Coding and CodeableConcept (R4 terminologies, section 4.1.5).

use super::path::At;
use super::plan::{Rule, Special};
use super::report::Report;
use crate::IssueCode;
use crate::definitions::CodeSet;
use crate::document::Json;

/// Checks that a coding, or one of a concept's, is in the set that the element is bound to.
pub(super) fn check(report: &mut Report, at: &At<'_>, rule: &Rule, special: Special, value: Json<'_>) {
    let Some(set) = rule.binding else { return };
    let (any, is_in) = match special {
        Special::Coding => (value.get("code").is_some(), contains(set, value)),
        Special::CodeableConcept => {
            let codings = || value.get("coding").into_iter().flat_map(Json::items);
            (
                codings().any(|coding| coding.get("code").is_some()),
                codings().any(|coding| contains(set, coding)),
            )
        }
        _ => return,
    };
    if !is_in {
        refuse(report, at, set, any);
    }
}

fn contains(set: &CodeSet, coding: Json<'_>) -> bool {
    let text = |name: &str| coding.get(name).and_then(Json::as_str);
    match (text("system"), text("code")) {
        (Some(system), Some(code)) => set.contains_in(&system, &code),
        _ => false,
    }
}

/// Reports a code that is not in the set, or none at all.
#[cold]
pub(super) fn refuse(report: &mut Report, at: &At<'_>, set: &CodeSet, has_code: bool) {
    let url = &set.url;
    let words = if has_code {
        format!(
            "The value provided was not found in the value set {url}|4.0.1, and a code from it is required"
        )
    } else {
        format!("No code provided, and a code from the value set {url}|4.0.1 is required")
    };
    report.add(IssueCode::CodeInvalid, at, words);
}
