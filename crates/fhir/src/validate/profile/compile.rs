//! A snapshot as a tree that the walk follows: children by name, slices beside what they slice.

use std::collections::HashMap;
use std::sync::Arc;

use crate::definitions::{TypeDefinition, definitions};
use crate::profile::{
    Binding, Constraint, Element, Max, Slicing, StructureDefinition, TypeRule, Value, base_definition,
};
use crate::{Document, FhirPath, PathError};

/// Where the standard's own definitions live.
pub(super) const STANDARD: &str = "http://hl7.org/fhir/StructureDefinition/";

/// A profile, ready to judge by.
pub(super) struct CompiledProfile {
    pub(super) definition: Arc<StructureDefinition>,
    /// The package that it is in: what it refers to is asked for from there.
    pub(super) package: Option<u32>,
    pub(super) nodes: Vec<Node>,
}

/// An element of a profile.
pub(super) struct Node {
    pub(super) element: Arc<Element>,
    /// The name in a path, of a choice without `[x]`.
    pub(super) name: String,
    /// The elements below it, but for slices.
    pub(super) children: Vec<usize>,
    /// The slices of it.
    pub(super) slices: Vec<usize>,
    /// What it must be, or contain.
    pub(super) fixed: Option<Document>,
    pub(super) pattern: Option<Document>,
    /// The constraints that its base type or element does not have.
    pub(super) constraints: Vec<Demand>,
    /// The discriminators' paths, in the order of the slicing.
    pub(super) discriminators: Vec<Result<FhirPath, PathError>>,
}

/// A constraint of a profile.
pub(super) struct Demand {
    pub(super) constraint: Arc<Constraint>,
    pub(super) path: Result<FhirPath, PathError>,
}

impl std::fmt::Debug for CompiledProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledProfile({})", self.definition.canonical())
    }
}

impl CompiledProfile {
    /// The tree of a definition's snapshot; nothing if the snapshot is empty or is about a type that R4 has not.
    pub(super) fn new(definition: Arc<StructureDefinition>, package: Option<u32>) -> Option<CompiledProfile> {
        definitions().type_named(&definition.of)?;
        let mut nodes: Vec<Node> = Vec::with_capacity(definition.snapshot.len());
        let mut by_id: HashMap<Arc<str>, usize> = HashMap::new();
        for element in &definition.snapshot {
            let number = nodes.len();
            nodes.push(Node::new(element, &definition.of));
            by_id.insert(Arc::clone(&element.id), number);
            match place(&element.id) {
                Place::Root => {}
                Place::Child(parent) => {
                    let parent = *by_id.get(parent)?;
                    nodes[parent].children.push(number);
                }
                Place::Slice(of) => {
                    let of = *by_id.get(&*of)?;
                    nodes[of].slices.push(number);
                }
            }
        }
        (!nodes.is_empty()).then_some(CompiledProfile { definition, package, nodes })
    }

    /// Its canonical with its version.
    pub(super) fn canonical(&self) -> String {
        self.definition.canonical()
    }

    /// The canonicals that its types, references and imposed profiles name, each with the package to ask from. Those of
    /// the standard's own types are left out: they demand nothing that is not demanded anyway.
    pub(super) fn leads_to(&self) -> Vec<(Arc<str>, Option<u32>)> {
        let of_types = self
            .nodes
            .iter()
            .flat_map(|node| node.types())
            .flat_map(|rule| rule.profiles.iter().chain(rule.targets.iter()));
        let all = of_types.chain(self.definition.imposed.iter());
        let is_plain = |url: &str| {
            url.strip_prefix(STANDARD).is_some_and(|name| definitions().type_named(name).is_some())
        };
        let mut named: Vec<_> =
            all.filter(|url| !is_plain(url)).map(|url| (Arc::clone(url), self.package)).collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    pub(super) fn node(&self, number: usize) -> &Node {
        &self.nodes[number]
    }
}

/// Where an element belongs, by its id.
enum Place<'i> {
    Root,
    Child(&'i str),
    /// A slice of the element of this id.
    Slice(String),
}

fn place(id: &str) -> Place<'_> {
    let (parent, last) = match id.rsplit_once('.') {
        None => ("", id),
        Some((parent, last)) => (parent, last),
    };
    let whole = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    match last.split_once(':') {
        // A slice of a slice is called `outer/inner`.
        Some((name, slice)) => match slice.rsplit_once('/') {
            Some((outer, _)) => Place::Slice(whole(&format!("{name}:{outer}"))),
            None => Place::Slice(whole(name)),
        },
        None if parent.is_empty() => Place::Root,
        None => Place::Child(parent),
    }
}

impl Node {
    fn new(element: &Arc<Element>, root: &str) -> Node {
        let document = |value: &Option<Value>| {
            value.as_ref().and_then(|value| Document::parse_slice(value.json.as_bytes()).ok())
        };
        let of = type_of(element, root);
        let known = known_constraints(element, of);
        let own = element.constraints.iter().filter(|one| !known.contains(&one.key));
        let discriminators = element.slicing.iter().flat_map(|slicing| slicing.discriminators.iter());
        Node {
            name: element.name().trim_end_matches("[x]").to_owned(),
            children: Vec::new(),
            slices: Vec::new(),
            fixed: document(&element.fixed),
            pattern: document(&element.pattern),
            constraints: own.map(|constraint| Demand::new(constraint, of)).collect(),
            discriminators: discriminators.map(|one| FhirPath::parse(&one.path)).collect(),
            element: Arc::clone(element),
        }
    }

    pub(super) fn types(&self) -> &[TypeRule] {
        &self.element.types
    }

    pub(super) fn slicing(&self) -> Option<&Slicing> {
        self.element.slicing.as_deref()
    }

    pub(super) fn binding(&self) -> Option<&Binding> {
        self.element.binding.as_ref()
    }

    pub(super) fn min(&self) -> usize {
        self.element.min.unwrap_or(0) as usize
    }

    pub(super) fn max(&self) -> Option<usize> {
        match self.element.max {
            Some(Max::Count(most)) => Some(most as usize),
            Some(Max::Unbounded) | None => None,
        }
    }
}

impl Demand {
    fn new(constraint: &Arc<Constraint>, of: Option<&'static TypeDefinition>) -> Demand {
        let expression = constraint.expression.as_deref().unwrap_or("true");
        let path = match of {
            Some(of) => FhirPath::invariant(expression, of),
            None => FhirPath::parse(expression),
        };
        Demand { constraint: Arc::clone(constraint), path }
    }
}

/// The only type that values of an element have; nothing if there are several.
fn type_of(element: &Element, root: &str) -> Option<&'static TypeDefinition> {
    if !element.path.contains('.') {
        return definitions().type_named(root);
    }
    if let Some(backbone) = definitions().type_named(&element.path) {
        return Some(backbone);
    }
    match &*element.types {
        [only] => definitions().type_named(&only.code),
        _ => None,
    }
}

/// The keys of the constraints that are asked without any profile: those of the base element and of its type.
fn known_constraints(element: &Element, of: Option<&TypeDefinition>) -> Vec<Arc<str>> {
    let mut keys = Vec::new();
    let mut add = |definition: &StructureDefinition, path: &str| {
        let same = definition.snapshot.iter().filter(|one| *one.path == *path);
        keys.extend(same.flat_map(|one| one.constraints.iter().map(|one| Arc::clone(&one.key))));
    };
    let root = element.path.split('.').next().unwrap_or_default();
    if let Some(base) = base_definition(root) {
        add(&base, &element.path);
    }
    let type_name = of.map(|of| if of.name.contains('.') { "BackboneElement" } else { of.name });
    if let Some((name, base)) = type_name.and_then(|name| Some((name, base_definition(name)?))) {
        add(&base, name);
    }
    keys
}
