//! Invariants: what the standard demands of elements in FHIRPath (R4 conformance rules, section 5.1.0.9).

use std::sync::OnceLock;

use super::contained;
use super::path::At;
use super::report::Report;
use crate::definitions::TypeDefinition;
use crate::path::narrative;
use crate::profile::ConstraintLine;
use crate::{Element, FhirPath, IssueCode, Json, NoSurroundings, PathContext, PathError, Severity, Time};

/// Invariants that structure proves already: the walk looks at the content of every object and extension, at what is
/// contained and what refers to it, and at narratives once for both of theirs.
pub const PROVED_INVARIANTS: [&str; 7] =
    ["dom-2", contained::KEY, "ele-1", "ext-1", "ref-1", "txt-1", "txt-2"];

/// Expressions that R4 has wrong, with what its words say: an entry need not have a fullUrl, a maximum that is no number
/// is not at least 0, two are more than one, and `answer` is FHIR's boolean and no `System.Boolean`.
const CORRECTED: [(&str, &str); 4] = [
    ("bdl-8", "fullUrl.exists() implies fullUrl.contains('/_history/').not()"),
    ("eld-3", "empty() or ($this = '*') or toInteger().exists($this >= 0)"),
    ("que-12", "enableWhen.count() > 1 implies enableBehavior.exists()"),
    ("que-7", "operator = 'exists' implies (answer is boolean)"),
];

/// One invariant, ready to be asked.
pub(super) struct Invariant {
    key: &'static str,
    is_error: bool,
    /// Whether it may hold if nothing can be said: where there is nothing to compare, or what there is cannot be
    /// compared, like a day with its month. Otherwise a rule must be said to hold: an empty document has no Composition
    /// that comes first.
    may_be_unsure: bool,
    human: &'static str,
    path: Result<FhirPath, PathError>,
}

/// The invariants of a type or an element, compiled when they are first asked.
#[derive(Default)]
pub(super) struct Invariants {
    lines: Vec<&'static ConstraintLine>,
    compiled: OnceLock<Vec<Invariant>>,
}

impl Invariants {
    /// Those of these lines that structure does not prove.
    pub(super) fn of_lines(lines: impl Iterator<Item = &'static ConstraintLine>) -> Invariants {
        let lines = lines
            .filter(|line| !line.expression.is_empty() && !PROVED_INVARIANTS.contains(&line.key))
            .collect();
        Invariants { lines, compiled: OnceLock::new() }
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn compiled(&self, of: &'static TypeDefinition) -> &[Invariant] {
        self.compiled.get_or_init(|| self.lines.iter().map(|line| Invariant::of_line(line, of)).collect())
    }
}

impl Invariant {
    fn of_line(line: &ConstraintLine, of: &'static TypeDefinition) -> Invariant {
        let corrected = CORRECTED.iter().find(|(key, _)| *key == line.key);
        let expression = corrected.map_or(line.expression, |(_, expression)| expression);
        Invariant {
            key: line.key,
            is_error: line.is_error,
            // Advice is often worded so that it says nothing of what is absent.
            may_be_unsure: !line.is_error || expression.contains(['<', '>']),
            human: line.human,
            path: FhirPath::invariant(expression, of),
        }
    }
}

/// What invariants are asked within.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The resource that the element stands in, and its type.
    pub(super) resource: Element<'a>,
    /// The resource that contains that one, or that one itself.
    pub(super) root: Element<'a>,
    /// Whether those are asked too whose breach is a warning.
    pub(super) with_warnings: bool,
}

/// Asks all invariants of an element.
pub(super) fn check(
    report: &mut Report,
    at: &At<'_>,
    invariants: &'static Invariants,
    focus: Element<'_>,
    around: &Around<'_>,
) {
    let context = PathContext {
        resource: around.resource,
        root: around.root,
        // No invariant of the standard asks for the time.
        now: Time(0),
        variables: &[],
        surroundings: &NoSurroundings,
    };
    for invariant in invariants.compiled(focus.of) {
        if invariant.is_error || around.with_warnings {
            ask(report, at, invariant, focus, &context);
        }
    }
}

fn ask<'a>(
    report: &mut Report,
    at: &At<'_>,
    invariant: &'a Invariant,
    focus: Element<'a>,
    context: &'a PathContext<'a>,
) {
    let answer = match &invariant.path {
        Ok(path) => path.holds(focus, context),
        Err(error) => Err(error.clone()),
    };
    match answer {
        Ok(Some(true)) => {}
        Ok(None) if invariant.may_be_unsure => {}
        Ok(Some(false) | None) => report.broken(at, invariant.severity(), invariant.key, invariant.human),
        Err(error @ PathError::Limit { .. }) => {
            let words = format!("Constraint {} cannot be checked: {error}", invariant.key);
            report.add(IssueCode::TooCostly, at, words);
        }
        Err(error) => {
            let words = format!("Constraint {} cannot be checked: {error}", invariant.key);
            report.add(IssueCode::Processing, at, words);
        }
    }
}

impl Invariant {
    fn severity(&self) -> Severity {
        if self.is_error { Severity::Error } else { Severity::Warning }
    }
}

/// Checks that what a resource contains belongs to it.
pub(super) fn check_contained(report: &mut Report, at: &At<'_>, resource: Element<'_>) {
    if !contained::all_are_referred_to(resource) {
        report.broken(at, Severity::Error, contained::KEY, contained::HUMAN);
    }
}

/// Checks the XHTML of a narrative: txt-1 and txt-2.
pub(super) fn check_narrative(report: &mut Report, at: &At<'_>, value: Json<'_>) {
    let Some(text) = value.as_str() else { return };
    let (key, human) = match narrative(&text) {
        Some(true) => return,
        Some(false) => ("txt-2", "The narrative SHALL have some non-whitespace content"),
        None => (
            "txt-1",
            "The narrative SHALL contain only the basic html formatting elements and attributes described in \
             chapters 7-11 (except section 4 of chapter 9) and 15 of the HTML 4.0 standard, <a> elements (either \
             name or href), images and internally contained style attributes",
        ),
    };
    report.broken(at, Severity::Error, key, human);
}
