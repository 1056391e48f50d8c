//! The verdict on a resource that somebody wants stored, at the level of validation asked for.

use super::{Guides, ISSUES_MAX, Level, Wanted, review_claims, validate};
use crate::document::push_json_string;
use crate::{Kind, Outcome, Resource, Severity, Time};

/// The extension that says what is wrong with a resource stored all the same: `valueString` is an OperationOutcome
/// in JSON (HealthLake, validation level `minimal`).
pub const VALIDATION_ISSUE: &str =
    "http://healthlake.amazonaws.com/fhir/StructureDefinition/validation-issue";

/// What a resource is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// How much is demanded.
    pub level: Level,
    /// The profiles that there are.
    pub guides: &'a Guides,
    /// The versions of guides that canonicals without a version mean (`us-core-6.1.0`, HealthLake's
    /// ProfileConfiguration); where they do not tell, [`DEFAULT_VERSIONS`](crate::package::DEFAULT_VERSIONS) do.
    pub defaults: &'a [String],
    /// What invariants of profiles mean by now.
    pub now: Time,
}

/// What is to become of a resource.
pub enum Verdict {
    /// It is valid.
    Valid(Resource),
    /// It is not, and is stored all the same: with the extension [`VALIDATION_ISSUE`] that holds this outcome.
    Noted(Resource, Outcome),
    /// It is not to be stored, for these reasons.
    Invalid(Outcome),
}

/// Decides about a resource. At [`Level::Minimal`] whatever can carry the extension may be stored.
#[must_use]
pub fn judge(resource: Resource, rules: &Rules<'_>) -> Verdict {
    let level = rules.level;
    let mut outcome = Outcome(validate(&resource, level));
    if level == Level::Strict {
        outcome.0.extend(review_claims(&resource, rules, rules.guides.bindings(), Wanted::Errors));
        outcome.0.truncate(ISSUES_MAX);
    }
    if level == Level::Minimal {
        // What is let pass is said as what it is.
        outcome.0.iter_mut().for_each(|issue| issue.severity = Severity::Error);
    }
    if !outcome.has_errors() {
        return Verdict::Valid(resource);
    }
    match level {
        Level::Strict | Level::StructureOnly => Verdict::Invalid(outcome),
        Level::Minimal => match with_note(&resource, &outcome) {
            Some(noted) => Verdict::Noted(noted, outcome),
            None => Verdict::Invalid(outcome),
        },
    }
}

/// The resource with the extension that tells what is wrong; `None` where none can be added.
fn with_note(resource: &Resource, outcome: &Outcome) -> Option<Resource> {
    let document = resource.document();
    let mut note = b"{\"url\":".to_vec();
    push_json_string(&mut note, VALIDATION_ISSUE);
    note.extend_from_slice(b",\"valueString\":");
    push_json_string(&mut note, &String::from_utf8_lossy(&outcome.to_json()));
    note.push(b'}');
    let (at, before, after): (usize, &[u8], &[u8]) = match document.root().get("extension") {
        None => (document.root().span().end - 1, b",\"extension\":[", b"]"),
        Some(list) if list.kind() == Kind::Array && list.is_empty() => (list.span().end - 1, b"", b""),
        Some(list) if list.kind() == Kind::Array => (list.span().end - 1, b",", b""),
        Some(_) => return None,
    };
    let (head, tail) = document.bytes().split_at_checked(at)?;
    Resource::parse([head, before, &note, after, tail].concat()).ok()
}
