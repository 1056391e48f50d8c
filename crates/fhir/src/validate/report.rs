//! What the walk says when something is wrong: the sentences, which never hold a value.

use super::path::At;
use super::plan::{Plan, Rule};
use super::{ISSUES_MAX, primitive::Fault};
use crate::document::Kind;
use crate::{Issue, IssueCode, Severity};

/// The issues found so far.
#[derive(Default)]
pub(super) struct Report(Vec<Issue>);

impl Report {
    pub(super) fn into_issues(self) -> Vec<Issue> {
        self.0
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= ISSUES_MAX
    }

    pub(super) fn add(&mut self, code: IssueCode, at: &At<'_>, diagnostics: impl Into<String>) {
        if !self.is_full() {
            self.0.push(Issue::error(code, diagnostics).at(at.expression()));
        }
    }

    /// An invariant that does not hold.
    #[cold]
    pub(super) fn broken(&mut self, at: &At<'_>, severity: Severity, key: &str, human: &str) {
        if !self.is_full() {
            let words = format!("Constraint failed: {key}: '{human}'");
            let issue = Issue { severity, ..Issue::error(IssueCode::Invariant, words) };
            self.0.push(issue.at(at.expression()));
        }
    }

    /// A member that the type does not have.
    #[cold]
    pub(super) fn unknown(&mut self, at: &At<'_>, name: &str) {
        let is_name = name.len() <= 64
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        // Anything else may be a value that slipped into a name.
        let name = if is_name { name } else { "…" };
        self.add(IssueCode::Structure, at, format!("Unrecognised property '{name}'"));
    }

    /// A value of the wrong JSON kind.
    #[cold]
    pub(super) fn kind(&mut self, at: &At<'_>, rule: &Rule, expected: &str, found: Kind) {
        let (name, found) = (rule.symbol.name(), words(found));
        self.add(IssueCode::Structure, at, format!("The property {name} must be {expected}, not {found}"));
    }

    /// A primitive that does not have its type's format.
    #[cold]
    pub(super) fn format(&mut self, at: &At<'_>, rule: &Rule, fault: &Fault) {
        let name = rule.symbol.name();
        self.add(fault.code, at, format!("The value of {name} ({}) {}", rule.of.name, fault.words));
    }

    /// The elements of `missing` that should be there.
    #[cold]
    pub(super) fn missing(&mut self, at: &At<'_>, plan: &Plan, missing: u128) {
        for (number, element) in plan.definition.elements.iter().enumerate() {
            if missing >> number & 1 == 1 {
                let choice = if element.is_choice { "[x]" } else { "" };
                let (of, min) = (plan.definition.name, element.min);
                let profile = of.split('.').next().unwrap_or(of);
                self.add(
                    IssueCode::Required,
                    at,
                    format!(
                        "{of}.{}{choice}: minimum required = {min}, but only found 0 (from \
                         http://hl7.org/fhir/StructureDefinition/{profile}|4.0.1)",
                        element.name
                    ),
                );
            }
        }
    }
}

pub(super) fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Boolean => "a Boolean",
        Kind::Number => "a Number",
        Kind::String => "a String",
        Kind::Array => "an Array",
        Kind::Object => "an Object",
    }
}
