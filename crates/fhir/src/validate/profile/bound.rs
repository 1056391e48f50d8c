//! Bounds of profiles: the value sets that codes come from, and the least and greatest values (R4 ElementDefinition,
//! `binding`, `minValue[x]` and `maxValue[x]`).

use std::borrow::Cow;

use super::compile::{CompiledProfile, Node};
use super::place::Place;
use super::walk::{ProfileWalk, Wanted};
use crate::profile::{BindingStrength, Value};
use crate::{Document, Element, FhirPath, IssueCode, Json, Kind, PathError, Severity};

/// A least or greatest value.
pub(super) struct Bound {
    /// Whether a value keeps to it.
    path: FhirPath,
    /// What a value must be.
    words: String,
}

impl Bound {
    /// The bound that `value` sets; `operator` is `>=` or `<=`. Nothing for types that have no order.
    pub(super) fn new(operator: &str, value: &Value) -> Option<Result<Bound, PathError>> {
        let literal = literal(value)?;
        let relation = if operator == ">=" { "at least" } else { "at most" };
        let path = FhirPath::parse(&format!("$this {operator} {literal}"));
        Some(path.map(|path| Bound { path, words: format!("{relation} {}", value.json) }))
    }
}

/// A value as a literal of FHIRPath.
fn literal(value: &Value) -> Option<String> {
    let document = Document::parse_slice(value.json.as_bytes()).ok()?;
    let json = document.root();
    let text = json.as_str();
    match &*value.of {
        "date" => Some(format!("@{}", text?)),
        "dateTime" | "instant" => {
            let text = text?;
            Some(if text.contains('T') { format!("@{text}") } else { format!("@{text}T") })
        }
        "time" => Some(format!("@T{}", text?)),
        "decimal" | "integer" | "positiveInt" | "unsignedInt" => Some(json.as_number()?.to_owned()),
        "Quantity" => {
            let unit = json.get("code").and_then(Json::as_str).unwrap_or(Cow::Borrowed("1"));
            let unit = unit.replace('\\', "\\\\").replace('\'', "\\'");
            Some(format!("{} '{unit}'", json.get("value")?.as_number()?))
        }
        _ => None,
    }
}

impl<'w> ProfileWalk<'w> {
    /// Whether a value keeps to a bound; where that is undecided it does.
    pub(super) fn bound(
        &mut self,
        profile: &'w CompiledProfile,
        bound: &'w Bound,
        value: Element<'w>,
        at: &Place<'_>,
    ) {
        if matches!(bound.path.holds(value, self.context), Ok(Some(false))) {
            let words = format!("The value must be {} (from {})", bound.words, profile.canonical());
            self.error(IssueCode::Value, at, words);
        }
    }

    /// Whether one of a value's codes is in the value set that its element is bound to.
    pub(super) fn binding(
        &mut self,
        profile: &'w CompiledProfile,
        node: &'w Node,
        value: Element<'w>,
        at: &Place<'_>,
    ) {
        let Some(binding) = node.binding() else { return };
        let severity = match binding.strength {
            BindingStrength::Required => Severity::Error,
            BindingStrength::Extensible if self.wanted == Wanted::All => Severity::Warning,
            BindingStrength::Extensible | BindingStrength::Preferred | BindingStrength::Example => return,
        };
        let Some(value_set) = binding.value_set.as_deref() else { return };
        let base = value.definition.and_then(|definition| definition.binding());
        let url = value_set.split('|').next().unwrap_or(value_set);
        if base.is_some_and(|base| base.url == url) {
            return;
        }
        let (mut is_known, mut is_coded) = (true, false);
        let is_member = any_code(value, &mut |system, code| {
            is_coded = true;
            let found = self.bindings.member_of(system, code, value_set, profile.package);
            is_known &= found.is_some();
            found == Some(true)
        });
        if is_member || !is_known {
            return;
        }
        if is_coded {
            let words =
                format!("None of the codes is in the value set {value_set} (from {})", profile.canonical());
            self.report(severity, IssueCode::CodeInvalid, at, words);
        } else if severity == Severity::Error && !value.is_primitive() && value.value.is_some() {
            let words =
                format!("A code from the value set {value_set} is required (from {})", profile.canonical());
            self.report(severity, IssueCode::CodeInvalid, at, words);
        }
    }
}

/// Whether one of a value's codes passes, each with its system if it has one.
pub(super) fn any_code(value: Element<'_>, passes: &mut dyn FnMut(Option<&str>, &str) -> bool) -> bool {
    let Some(json) = value.value else { return false };
    let mut coding = |json: Json<'_>| {
        let code = json.get("code").and_then(Json::as_str);
        // A Coding without a system is of none; of a bare code the value set says which it is.
        let system = json.get("system").and_then(Json::as_str).unwrap_or_default();
        code.is_some_and(|code| passes(Some(&system), &code))
    };
    match value.of.name {
        "CodeableConcept" => json.get("coding").into_iter().flat_map(Json::items).any(&mut coding),
        _ if json.kind() == Kind::Object => coding(json),
        _ => {
            let Some(code) = json.as_str() else { return false };
            let bound = value.definition.and_then(|definition| definition.binding());
            passes(bound.and_then(|set| set.system_of(&code)), &code)
        }
    }
}
