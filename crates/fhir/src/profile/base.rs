//! The standard's own types as StructureDefinitions with snapshots, made from the tables on first use.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::rules::{Rules, rules};
use super::{
    Binding, BindingStrength, Constraint, Derivation, Element, Max, Pool, SlicedBy, StructureDefinition,
    StructureKind, TypeRule, Value,
};
use crate::{ElementDefinition, TypeDefinition, TypeKind, definitions};

/// Where the standard's own definitions live.
pub(super) const STANDARD: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Where value sets of the standard live.
pub(crate) const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

/// The types of FHIRPath, which the values of primitive types have.
const FHIRPATH_TYPES: &str = "http://hl7.org/fhirpath/System.";

static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Made {
    by_name: HashMap<&'static str, Arc<StructureDefinition>>,
    pool: Pool,
}

/// The definition of a resource type or data type of R4 (`Patient`, `HumanName`, `date`) with its snapshot; `None`
/// for any other name. It is made once and kept.
#[must_use]
pub fn base_definition(name: &str) -> Option<Arc<StructureDefinition>> {
    let of = definitions().type_named(name).filter(|of| of.kind != TypeKind::Backbone)?;
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = made.by_name.get(of.name) {
        return Some(Arc::clone(found));
    }
    let definition = Arc::new(make(of, &mut made.pool));
    made.by_name.insert(of.name, Arc::clone(&definition));
    Some(definition)
}

fn make(of: &'static TypeDefinition, pool: &mut Pool) -> StructureDefinition {
    let kind = match of.kind {
        TypeKind::Primitive => StructureKind::PrimitiveType,
        _ if of.is("Resource") => StructureKind::Resource,
        _ => StructureKind::ComplexType,
    };
    let mut maker = Maker { pool, elements: Vec::new() };
    maker.root(of);
    maker.children(of, of.name);
    StructureDefinition {
        url: maker.pool.string(&format!("{STANDARD}{}", of.name)),
        version: Some(maker.pool.string("4.0.1")),
        name: maker.pool.string(of.name),
        kind,
        is_abstract: of.kind == TypeKind::Abstract,
        of: maker.pool.string(of.name),
        base: of.base().map(|base| maker.pool.string(&format!("{STANDARD}{}", base.name))),
        derivation: Some(Derivation::Specialization),
        contexts: Box::default(),
        context_invariants: Box::default(),
        imposed: Box::default(),
        snapshot: maker.elements,
        differential: Vec::new(),
    }
}

struct Maker<'a> {
    pool: &'a mut Pool,
    elements: Vec<Arc<Element>>,
}

impl Maker<'_> {
    fn root(&mut self, of: &'static TypeDefinition) {
        let mut element = self.element(of.name, 0, None);
        let mut bases: Vec<&TypeDefinition> = std::iter::successors(Some(of), |of| of.base()).collect();
        bases.reverse();
        let constraints = bases.iter().filter_map(|base| rules(base.name)).flat_map(|of| &of.constraints);
        let constraints =
            constraints.map(|line| self.constraint(line.key, line.is_error, line.human, line.expression));
        element.constraints = constraints.collect::<Vec<_>>().into();
        element.binding = rules(of.name).and_then(|rules| self.binding(rules));
        element.is_modifier = Some(false);
        self.elements.push(Arc::new(element));
    }

    /// The elements of a type or backbone, below the element of this path.
    fn children(&mut self, of: &'static TypeDefinition, path: &str) {
        for element in &of.elements {
            let choice = if element.is_choice { "[x]" } else { "" };
            let path = format!("{path}.{}{choice}", element.name);
            let own = inherited_rules(of, element.name, choice);
            self.child(of, element, &path, own);
            let below =
                element.types.first().filter(|below| below.name == path).map(|below| below.definition());
            if let Some(below) = below {
                self.children(below, &path);
            }
        }
        if of.kind == TypeKind::Primitive {
            self.value(of, path);
        }
    }

    fn child(
        &mut self,
        of: &'static TypeDefinition,
        definition: &'static ElementDefinition,
        path: &str,
        own: Option<&'static Rules>,
    ) {
        let mut element = self.element(path, definition.min, definition.max);
        element.is_modifier = Some(definition.is_modifier);
        match definition.types.first().filter(|first| first.name.contains('.') && first.name != path) {
            Some(content) => element.content_reference = Some(self.pool.string(content.name)),
            None => element.types = self.types(definition, path, own),
        }
        let required = definition.binding().map(|set| Binding {
            strength: BindingStrength::Required,
            value_set: Some(self.pool.string(&set.url)),
        });
        element.binding = required.or_else(|| own.and_then(|rules| self.binding(rules)));
        element.constraints = self.constraints(definition, own);
        let is_data = match of.kind {
            TypeKind::Complex => true,
            TypeKind::Backbone => !of.is("BackboneElement"),
            TypeKind::Abstract => !of.is("Resource"),
            TypeKind::Primitive | TypeKind::Resource => false,
        };
        if definition.name == "extension" && is_data {
            element.slicing = Some(self.pool.slicing(SlicedBy::Url.slicing()));
        }
        self.elements.push(Arc::new(element));
    }

    /// Whatever holds a value has ele-1; ids, URLs and whole resources have not.
    fn constraints(
        &mut self,
        definition: &'static ElementDefinition,
        own: Option<&'static Rules>,
    ) -> Arc<[Arc<Constraint>]> {
        let mut constraints = Vec::new();
        let first = definition.types.first().map(|of| of.name);
        let is_extension = self.elements.first().is_some_and(|root| &*root.path == "Extension");
        let is_bare = match definition.name {
            "id" => true,
            "url" => is_extension,
            _ => first == Some("Resource"),
        };
        let mut common = Vec::new();
        if !is_bare {
            common.push("Element");
        }
        if first == Some("Extension") {
            common.push("Extension");
        }
        for line in common.iter().filter_map(|name| rules(name)).flat_map(|rules| &rules.constraints) {
            constraints.push(self.constraint(line.key, line.is_error, line.human, line.expression));
        }
        for line in own.into_iter().flat_map(|rules| &rules.constraints) {
            constraints.push(self.constraint(line.key, line.is_error, line.human, line.expression));
        }
        self.pool.constraints(constraints)
    }

    fn types(
        &mut self,
        definition: &'static ElementDefinition,
        path: &str,
        own: Option<&'static Rules>,
    ) -> Arc<[TypeRule]> {
        let mut types = Vec::with_capacity(definition.types.len());
        for of in &definition.types {
            let code = if of.name == path {
                of.definition().base().map_or("Element", |base| base.name)
            } else {
                of.name
            };
            let mut rule = TypeRule::new(self.pool.string(code));
            rule.targets = of
                .targets
                .iter()
                .map(|target| self.pool.string(&format!("{STANDARD}{}", target.name())))
                .collect();
            rule.profiles = own
                .into_iter()
                .flat_map(|rules| &rules.profiles)
                .filter(|(narrowed, _)| *narrowed == of.name)
                .map(|(_, profile)| self.pool.string(profile))
                .collect();
            types.push(rule);
        }
        self.pool.types(types)
    }

    /// The value of a primitive type, which JSON writes without a name.
    fn value(&mut self, of: &'static TypeDefinition, path: &str) {
        let fhirpath = match of.name {
            "boolean" => "Boolean",
            "date" => "Date",
            "dateTime" | "instant" => "DateTime",
            "decimal" => "Decimal",
            "integer" => "Integer",
            "time" => "Time",
            _ => "String",
        };
        let mut element = self.element(&format!("{path}.value"), 0, Some(1));
        let rule = TypeRule::new(self.pool.string(&format!("{FHIRPATH_TYPES}{fhirpath}")));
        element.types = self.pool.types(vec![rule]);
        element.is_modifier = Some(false);
        if let Some(own) = rules(&format!("{}.value", of.name)) {
            element.max_length = own.max_length;
            element.min_value = self.bound(own.min_value);
            element.max_value = self.bound(own.max_value);
        }
        self.elements.push(Arc::new(element));
    }

    fn bound(&mut self, bound: Option<(&str, &str)>) -> Option<Value> {
        bound.map(|(of, json)| Value { of: self.pool.string(of), json: self.pool.string(json) })
    }

    fn element(&mut self, path: &str, min: u32, max: Option<u32>) -> Element {
        let path = self.pool.string(path);
        let mut element = Element::new(Arc::clone(&path), path);
        element.min = Some(min);
        element.max = Some(max.map_or(Max::Unbounded, Max::Count));
        element
    }

    fn binding(&mut self, rules: &Rules) -> Option<Binding> {
        let (strength, value_set) = rules.binding?;
        let url = match value_set {
            "" => None,
            whole if whole.contains(':') => Some(self.pool.string(whole)),
            name => Some(self.pool.string(&format!("{VALUE_SETS}{name}"))),
        };
        Some(Binding { strength, value_set: url })
    }

    fn constraint(&mut self, key: &str, is_error: bool, human: &str, expression: &str) -> Arc<Constraint> {
        let constraint = Constraint {
            key: self.pool.string(key),
            is_error,
            human: self.pool.string(human),
            expression: (!expression.is_empty()).then(|| self.pool.string(expression)),
        };
        self.pool.constraint(constraint)
    }
}

/// The rules of an element: as the type itself has them, or the nearest type that it builds on.
fn inherited_rules(of: &'static TypeDefinition, name: &str, choice: &str) -> Option<&'static Rules> {
    std::iter::successors(Some(of), |of| of.base())
        .find_map(|of| rules(&format!("{}.{name}{choice}", of.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_elements_with_their_rules() {
        let patient = base_definition("Patient").unwrap();
        let element = |id| patient.element(id).unwrap();
        let keys = |id| element(id).constraints.iter().map(|one| &*one.key).collect::<Vec<_>>();
        assert_eq!(keys("Patient"), ["dom-2", "dom-3", "dom-4", "dom-5", "dom-6"]);
        assert_eq!(keys("Patient.contact"), ["ele-1", "pat-1"]);
        assert_eq!(keys("Patient.extension"), ["ele-1", "ext-1"]);
        assert!(keys("Patient.id").is_empty() && keys("Patient.contained").is_empty());
        let language = element("Patient.communication.language").binding.clone().unwrap();
        assert_eq!(language.strength, BindingStrength::Preferred);
        assert_eq!(language.value_set.as_deref(), Some("http://hl7.org/fhir/ValueSet/languages"));
        assert_eq!(element("Patient.contact").types[0].code.as_ref(), "BackboneElement");
        assert_eq!(element("Patient.deceased[x]").types.len(), 2);
        assert!(base_definition("Patient.contact").is_none() && base_definition("patient").is_none());
    }

    #[test]
    fn content_references_and_narrowed_types_are_kept() {
        let questionnaire = base_definition("Questionnaire").unwrap();
        let item = questionnaire.element("Questionnaire.item.item").unwrap();
        assert_eq!(item.content_reference.as_deref(), Some("Questionnaire.item"));
        let low = base_definition("Observation").unwrap();
        let low = low.element("Observation.referenceRange.low").unwrap();
        assert_eq!(&*low.types[0].profiles[0], "http://hl7.org/fhir/StructureDefinition/SimpleQuantity");
    }
}
