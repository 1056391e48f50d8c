//! The walk over a resource's document, each object by its type's plan.

use std::sync::LazyLock;

use super::bundle::{self, EntryTypes};
use super::ids::ElementIds;
use super::invariant::{self, Around, Invariants};
use super::path::At;
use super::plan::{Form, PLANS, Plan, Plans, Rule, Special};
use super::primitive::Format;
use super::reference::Container;
use super::report::Report;
use super::{bound, reference};
use crate::document::{Json, Kind};
use crate::{Element, Issue, IssueCode, Resource, ResourceType, Symbol, TypeDefinition};

static RESOURCE_TYPE: LazyLock<Symbol> =
    LazyLock::new(|| Symbol::of("resourceType").expect("the list of names has resourceType"));

/// What is wrong with the resource. With invariants, those of R4 are asked too, and of warnings those that are
/// wanted.
pub(super) fn walk(resource: &Resource, invariants: Asked) -> Vec<Issue> {
    let root = resource.root();
    let whole = Element::resource(resource);
    let mut walk = Walk {
        plans: &PLANS,
        resource_type: *RESOURCE_TYPE,
        report: Report::default(),
        container: Container::new(root),
        entries: entry_types(root, resource.of()),
        ids: ElementIds::default(),
        asked: invariants,
        around: Around { resource: whole, root: whole, with_warnings: invariants == Asked::WithWarnings },
    };
    let plan = walk.plans.resource(resource.of());
    walk.object(root, plan, &At::root(resource.of().name()), Holds::Resource);
    walk.report.into_issues()
}

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Element,
    Resource,
}

struct Walk<'a> {
    plans: &'static Plans,
    resource_type: Symbol,
    report: Report,
    /// The resource that holds what is contained: the nearest that is not contained itself.
    container: Container<'a>,
    /// What the entries of the Bundle are that the walk is in.
    entries: EntryTypes<'a>,
    /// The ids of elements of the resource that the walk is in.
    ids: ElementIds<'a>,
    /// Which invariants are asked.
    asked: Asked,
    around: Around<'a>,
}

/// Which invariants are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    None,
    Errors,
    WithWarnings,
}

impl<'a> Walk<'a> {
    /// Checks an object and all in it.
    fn object(&mut self, object: Json<'a>, plan: &'static Plan, at: &At<'_>, holds: Holds) {
        let mut seen = 0_u128;
        for (name, value) in object.members() {
            let (rule, is_twin) = match (name.symbol(), name.twin()) {
                (Some(symbol), _) => (plan.rule(symbol), false),
                (None, Some(symbol)) => (plan.rule(symbol).filter(|rule| is_primitive(rule)), true),
                (None, None) => (None, false),
            };
            let Some(rule) = rule else {
                if holds != Holds::Resource || name.symbol() != Some(self.resource_type) {
                    self.report.unknown(at, &name.as_str());
                }
                continue;
            };
            let at = &at.element(rule);
            if seen & rule.bit != 0 {
                self.seen_before(object, plan, rule, at);
            }
            seen |= rule.bit;
            if is_twin {
                self.twin(object, rule, value, at)
            } else {
                self.value(object, rule, value, at)
            }
            if self.report.is_full() {
                return;
            }
        }
        let missing = plan.required & !seen;
        if missing != 0 {
            self.report.missing(at, plan, missing);
        }
        if let Special::Extension { value, extension } = plan.special {
            self.extension(at, seen & value != 0, seen & extension != 0);
        }
        if seen == 0 && missing == 0 && holds == Holds::Element {
            self.report.add(IssueCode::Structure, at, "An object must have some content");
        }
        self.ask(&plan.invariants, object, plan.definition, at);
        if holds == Holds::Resource && self.asked != Asked::None {
            invariant::check_contained(&mut self.report, at, self.around.resource);
            if let Special::Bundle { entry } = plan.special
                && let Some(entry) = plan.rule(entry)
            {
                bundle::check(&mut self.report, at, entry, object);
            }
        }
    }

    /// Asks the invariants of a value.
    #[inline]
    fn ask(
        &mut self,
        invariants: &'static Invariants,
        value: Json<'a>,
        of: &'static TypeDefinition,
        at: &At<'_>,
    ) {
        if self.asked != Asked::None && !invariants.is_empty() {
            let focus = Element { value: Some(value), twin: None, of, definition: None };
            invariant::check(&mut self.report, at, invariants, focus, &self.around);
        }
    }

    /// An element was met by two names: a primitive and its twin, or two types of a choice.
    #[cold]
    fn seen_before(&mut self, object: Json<'a>, plan: &Plan, rule: &Rule, at: &At<'_>) {
        let other = |(symbol, bit): (Symbol, u128)| symbol != rule.symbol && bit == rule.bit;
        let mut rules = object
            .members()
            .filter_map(|(name, _)| plan.rule(name.symbol().or(name.twin())?))
            .map(|rule| (rule.symbol, rule.bit));
        if rules.any(other) {
            let name = rule.element.name;
            self.report.add(IssueCode::Structure, at, format!("Only one type of {name}[x] may be present"));
        }
    }

    fn extension(&mut self, at: &At<'_>, has_value: bool, has_extension: bool) {
        let words = match (has_value, has_extension) {
            (true, true) => "An extension must not have both a value and extensions",
            (false, false) => "An extension must have a value or extensions",
            _ => return,
        };
        self.report.add(IssueCode::Structure, at, words);
    }

    /// Checks a member's value: one, or an array of them.
    #[inline]
    fn value(&mut self, object: Json<'a>, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        if !rule.is_array {
            return self.one(rule, value, at);
        }
        if value.kind() != Kind::Array {
            return self.report.kind(at, rule, "a JSON Array", value.kind());
        }
        let mut count = 0;
        let mut has_null = false;
        for item in value.items() {
            if item.kind() == Kind::Null && is_primitive(rule) {
                has_null = true;
            } else {
                self.one(rule, item, &at.item(count));
            }
            count += 1;
        }
        if count == 0 {
            self.report.add(IssueCode::Structure, at, "An array must not be empty");
        }
        if rule.element.max.is_some_and(|max| count > max as usize) {
            let words = format!("The property {} has too many values", rule.symbol.name());
            self.report.add(IssueCode::Structure, at, words);
        }
        if has_null && !has_twin(object, rule.symbol) {
            self.report.add(
                IssueCode::Structure,
                at,
                "null may only stand where the property with _ has an object",
            );
        }
    }

    #[inline]
    fn one(&mut self, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        match rule.form {
            Form::Primitive(format) => self.primitive(rule, format, value, at),
            Form::Object(number) => {
                if value.kind() != Kind::Object {
                    return self.report.kind(at, rule, "an Object", value.kind());
                }
                let plan = self.plans.plan(number);
                self.object(value, plan, at, Holds::Element);
                match plan.special {
                    Special::Reference => {
                        let Walk { report, container, entries, .. } = self;
                        reference::check(report, at, rule, value, container, entries);
                    }
                    Special::Coding | Special::CodeableConcept => {
                        bound::check(&mut self.report, at, rule, plan.special, value);
                    }
                    _ => {}
                }
            }
            Form::Resource => self.embedded(rule, value, at),
            Form::Contained => self.contained(rule, value, at),
        }
        self.ask(&rule.invariants, value, rule.of, at);
    }

    #[inline]
    fn primitive(&mut self, rule: &'static Rule, format: Format, value: Json<'a>, at: &At<'_>) {
        if value.kind() != format.kind() {
            return self.report.kind(at, rule, super::report::words(format.kind()), value.kind());
        }
        if let Err(fault) = format.check(value) {
            return self.report.format(at, rule, &fault);
        }
        if let Some(set) = rule.binding
            && !value.as_str().is_some_and(|code| set.contains(&code))
        {
            bound::refuse(&mut self.report, at, set, true);
        }
        match format {
            Format::Xhtml if self.asked != Asked::None => {
                invariant::check_narrative(&mut self.report, at, value);
            }
            Format::ElementId if !value.as_str().is_none_or(|id| self.ids.note(id)) => {
                self.report.add(IssueCode::Value, at, "Another element of the resource has the same id");
            }
            Format::ExtensionUrl
                if !value.as_str().is_some_and(|url| bundle::has_scheme(&url)) && !at.is_in_extension() =>
            {
                self.report.add(IssueCode::Value, at, "The url of an extension must be an absolute URL");
            }
            _ => {}
        }
    }

    /// A resource in a bundle's entry or a parameter: it stands for itself.
    fn embedded(&mut self, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        let container = std::mem::replace(&mut self.container, Container::new(value));
        let inner = value.get("resourceType").and_then(Json::as_str);
        let is_bundle = inner.is_some_and(|of| of == "Bundle");
        let outer = is_bundle.then(|| std::mem::replace(&mut self.entries, EntryTypes::new(value)));
        self.resource(rule, value, at);
        self.container = container;
        if let Some(outer) = outer {
            self.entries = outer;
        }
    }

    fn contained(&mut self, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        self.resource(rule, value, at);
        if value.kind() != Kind::Object {
            return;
        }
        if value.get("id").is_none() {
            self.report.add(IssueCode::Required, at, "A contained resource must have an id");
        }
        if value.get("contained").is_some() {
            self.report.add(IssueCode::Structure, at, "A contained resource must not contain others");
        }
    }

    fn resource(&mut self, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        if value.kind() != Kind::Object {
            return self.report.kind(at, rule, "an Object", value.kind());
        }
        let Some(name) = value.member(self.resource_type).and_then(Json::as_str) else {
            return self.report.add(IssueCode::Structure, at, "The resource has no resourceType");
        };
        match ResourceType::parse(&name) {
            Some(of) => {
                let plan = self.plans.resource(of);
                let here = Element { value: Some(value), twin: None, of: plan.definition, definition: None };
                let outside = std::mem::replace(&mut self.around.resource, here);
                let ids = std::mem::take(&mut self.ids);
                self.object(value, plan, at, Holds::Resource);
                self.ids = ids;
                self.around.resource = outside;
            }
            None => self.report.add(
                IssueCode::Structure,
                at,
                "The resourceType is not a resource type of FHIR R4",
            ),
        }
    }

    /// Checks the member with `_`: the id and extensions of a primitive, or an array of them.
    fn twin(&mut self, object: Json<'a>, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        if !rule.is_array {
            return self.twin_one(rule, value, at);
        }
        if value.kind() != Kind::Array {
            return self.report.kind(at, rule, "a JSON Array", value.kind());
        }
        if value.is_empty() {
            return self.report.add(IssueCode::Structure, at, "An array must not be empty");
        }
        let base = object.member(rule.symbol);
        let mut values = base.into_iter().flat_map(Json::items);
        for (number, item) in value.items().enumerate() {
            let has_value = values.next().is_some_and(|value| value.kind() != Kind::Null);
            if item.kind() != Kind::Null {
                self.twin_one(rule, item, &at.item(number));
            } else if !has_value {
                let words = "null may only stand where the property without _ has a value";
                self.report.add(IssueCode::Structure, &at.item(number), words);
            }
        }
        if base.is_some_and(|base| base.kind() == Kind::Array && base.len() != value.len()) {
            let name = rule.symbol.name();
            let words = format!("The properties {name} and _{name} must have the same length");
            self.report.add(IssueCode::Structure, at, words);
        }
    }

    fn twin_one(&mut self, rule: &'static Rule, value: Json<'a>, at: &At<'_>) {
        if value.kind() != Kind::Object {
            return self.report.kind(at, rule, "an Object beside its value", value.kind());
        }
        self.object(value, self.plans.plan(self.plans.twin), at, Holds::Element);
    }
}

fn entry_types(resource: Json<'_>, of: ResourceType) -> EntryTypes<'_> {
    if of.name() == "Bundle" { EntryTypes::new(resource) } else { EntryTypes::default() }
}

fn is_primitive(rule: &Rule) -> bool {
    matches!(rule.form, Form::Primitive(_))
}

/// Whether the object has the member with `_` that goes with this one; its own check then looks at each null.
fn has_twin(object: Json<'_>, symbol: Symbol) -> bool {
    object.members().any(|(name, value)| name.twin() == Some(symbol) && value.kind() == Kind::Array)
}
