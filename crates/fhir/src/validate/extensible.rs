//! Bindings of R4 that only somebody who asks hears of (R4 terminologies, section 4.1.5): extensible ones, from which a
//! code should come if one fits, and required ones whose value sets cannot be listed, as far as something is known.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use super::Bindings;
use crate::definitions::{ElementDefinition, TypeDefinition};
use crate::path::Flow;
use crate::profile::{BindingStrength, VALUE_SETS, rules};
use crate::{
    Element, ISSUES_MAX, Issue, IssueCode, Json, Kind, Resource, Severity, UCUM, definitions, is_unit,
};

const MORE: Result<Flow, Infallible> = Ok(Flow::Continue(()));
const ENOUGH: Result<Flow, Infallible> = Ok(Flow::Break(()));

/// A binding that the walk over a resource passes over.
struct Bound {
    value_set: Cow<'static, str>,
    is_required: bool,
}

/// Of elements, by where their definitions lie.
static OF_ELEMENTS: LazyLock<HashMap<usize, Bound>> = LazyLock::new(|| {
    let of_type = |of: &'static TypeDefinition| {
        of.elements
            .iter()
            .filter_map(move |element| Some((address(element), Bound::of_element(of, element)?)))
    };
    definitions().types().iter().flat_map(of_type).collect()
});

/// Of types (`Age`), by their names.
static OF_TYPES: LazyLock<HashMap<&'static str, Bound>> = LazyLock::new(|| {
    let all = definitions().types().iter();
    all.filter_map(|of| Some((of.name, Bound::extensible(of.name)?))).collect()
});

/// What is to be said of a resource's codes that are not from the value sets from which they should come, or must come
/// though these cannot be listed. What `bindings` cannot tell is passed over.
#[must_use]
pub fn review_bindings(resource: &Resource, bindings: &dyn Bindings) -> Vec<Issue> {
    let mut review = Review { bindings, issues: Vec::new() };
    review.below(
        Element::resource(resource),
        &Here { parent: None, name: resource.of().name(), of: None, index: None },
    );
    review.issues
}

struct Review<'b> {
    bindings: &'b dyn Bindings,
    issues: Vec<Issue>,
}

/// Where the review stands.
struct Here<'h> {
    parent: Option<&'h Here<'h>>,
    name: &'static str,
    /// Of a choice, the type that it has.
    of: Option<&'static str>,
    index: Option<usize>,
}

impl Here<'_> {
    fn expression(&self) -> String {
        let before = self.parent.map(|parent| parent.expression() + ".").unwrap_or_default();
        let of = self.of.map(|of| format!(".ofType({of})")).unwrap_or_default();
        let index = self.index.map(|index| format!("[{index}]")).unwrap_or_default();
        format!("{before}{}{of}{index}", self.name)
    }
}

/// What is known of a value's codes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// One is in the value set, or it cannot be known that none is.
    Fine,
    /// There is none.
    NoCode,
    /// None is in the value set.
    NotThere,
    /// None has the form that all codes of the value set have.
    Malformed,
}

impl Review<'_> {
    fn below(&mut self, holder: Element<'_>, at: &Here<'_>) {
        let mut last: Option<(&str, usize)> = None;
        let _ = holder.each_child(&mut |child| {
            let Some(definition) = child.definition else { return MORE };
            let number =
                last.filter(|(name, _)| *name == definition.name).map_or(0, |(_, number)| number + 1);
            last = Some((definition.name, number));
            let here = Here {
                parent: Some(at),
                name: definition.name,
                of: definition.is_choice.then_some(child.of.name),
                index: definition.is_array().then_some(number),
            };
            let bound = OF_ELEMENTS.get(&address(definition)).or_else(|| OF_TYPES.get(child.of.name));
            if let Some(bound) = bound {
                self.judge(bound, child, &here);
            }
            self.below(child, &here);
            if self.issues.len() < ISSUES_MAX { MORE } else { ENOUGH }
        });
    }

    fn judge(&mut self, bound: &Bound, value: Element<'_>, at: &Here<'_>) {
        let verdict = self.verdict(bound, value);
        let set = &bound.value_set;
        let (severity, words) = match (verdict, bound.is_required) {
            (Verdict::Fine, _) => return,
            (Verdict::NoCode, true) => (
                Severity::Error,
                format!("A code from the value set {set}|4.0.1 is required, and there is none"),
            ),
            (Verdict::NoCode, false) => (
                Severity::Warning,
                format!("There is no code; one from the value set {set}|4.0.1 should be used if it fits"),
            ),
            (Verdict::NotThere, true) => {
                (Severity::Error, format!("No code is from the value set {set}|4.0.1, as is required"))
            }
            (Verdict::NotThere, false) => (
                Severity::Warning,
                format!(
                    "No code is from the value set {set}|4.0.1; one from it should be used unless none fits"
                ),
            ),
            (Verdict::Malformed, _) => (
                Severity::Warning,
                format!("The code does not have the form of those of the value set {set}|4.0.1"),
            ),
        };
        self.issues
            .push(Issue { severity, ..Issue::error(IssueCode::CodeInvalid, words) }.at(at.expression()));
    }

    fn verdict(&self, bound: &Bound, value: Element<'_>) -> Verdict {
        let Some(json) = value.value else { return Verdict::Fine };
        let codes = codes(value, json);
        if codes.is_empty() {
            // Text alone is how to say what no code fits; what is bound otherwise says nothing without a code.
            let is_silent =
                value.of.name == "CodeableConcept" && (bound.is_required || json.get("text").is_none());
            return if is_silent { Verdict::NoCode } else { Verdict::Fine };
        }
        let mut verdict = Verdict::NotThere;
        for (system, code) in &codes {
            match self.bindings.member_of(system.as_deref(), code, &bound.value_set, None) {
                Some(true) => return Verdict::Fine,
                Some(false) => {}
                None if bound.is_required && !has_form(system.as_deref(), code) => {
                    verdict = Verdict::Malformed
                }
                None => return Verdict::Fine,
            }
        }
        verdict
    }
}

impl Bound {
    fn of_element(of: &'static TypeDefinition, element: &'static ElementDefinition) -> Option<Bound> {
        if let Some(set) = element.binding() {
            let value_set = Cow::Borrowed(set.url.as_str());
            return set.is_open.then_some(Bound { value_set, is_required: true });
        }
        let choice = if element.is_choice { "[x]" } else { "" };
        let mut lineage = std::iter::successors(Some(of), |of| of.base());
        lineage.find_map(|of| Bound::extensible(&format!("{}.{}{choice}", of.name, element.name)))
    }

    /// The extensible binding that the table has for a path.
    fn extensible(path: &str) -> Option<Bound> {
        let (strength, name) = rules(path)?.binding?;
        let value_set = match name {
            "" => return None,
            whole if whole.contains(':') => Cow::Borrowed(whole),
            name => Cow::Owned(format!("{VALUE_SETS}{name}")),
        };
        (strength == BindingStrength::Extensible).then_some(Bound { value_set, is_required: false })
    }
}

fn address(element: &'static ElementDefinition) -> usize {
    std::ptr::from_ref(element).addr()
}

/// The codes of a value with their systems. A Coding without a system is of none; of a bare code the value set says
/// which it is.
fn codes<'a>(value: Element<'a>, json: Json<'a>) -> Vec<(Option<Cow<'a, str>>, Cow<'a, str>)> {
    let coding = |json: Json<'a>| {
        let code = json.get("code").and_then(Json::as_str)?;
        Some((Some(json.get("system").and_then(Json::as_str).unwrap_or_default()), code))
    };
    match (value.of.name, json.kind()) {
        ("CodeableConcept", _) => {
            json.get("coding").into_iter().flat_map(Json::items).filter_map(coding).collect()
        }
        (_, Kind::Object) => coding(json).into_iter().collect(),
        _ => {
            let system = value.definition.and_then(|of| of.binding()).and_then(|set| set.sole_system());
            // A uri is a code, or the address of something for which there is none.
            let code = json.as_str().filter(|code| value.of.name != "uri" || !code.contains(':'));
            code.map(|code| (system.map(Cow::Borrowed), code)).into_iter().collect()
        }
    }
}

/// Whether a code has the form that the codes of its system have, where a form is known.
fn has_form(system: Option<&str>, code: &str) -> bool {
    match system {
        Some("urn:ietf:bcp:13") => is_media_type(code),
        Some("urn:iso:std:iso:4217") => code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()),
        Some(UCUM) => is_unit(code),
        _ => true,
    }
}

/// Whether a text is `type/subtype`, with parameters or not (RFC 6838, section 4.2). The short names that FHIR itself
/// gives to its formats are let pass.
fn is_media_type(text: &str) -> bool {
    let whole = text.split(';').next().unwrap_or(text).trim_end();
    let is_name = |name: &str| {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        (1..=127).contains(&name.len())
            && name.as_bytes()[0].is_ascii_alphanumeric()
            && name.bytes().all(is_fit)
    };
    match whole.split_once('/') {
        Some((of, subtype)) => is_name(of) && is_name(subtype),
        None => matches!(whole, "xml" | "json" | "ttl"),
    }
}
