//! A snapshot as a tree that the walk follows: children by name, slices beside what they slice.

use std::collections::HashMap;
use std::sync::Arc;

use super::bound::Bound;
use crate::definitions::{ElementDefinition, TypeDefinition, TypeReference, definitions};
use crate::profile::{
    Binding, BindingStrength, Constraint, ContextType, Element, ExtensionContext, Max, Slicing,
    StructureDefinition, TypeRule, Value, base_definition,
};
use crate::{Document, FhirPath, PathError, ResourceType};

/// Where the standard's own definitions live.
pub(super) const STANDARD: &str = "http://hl7.org/fhir/StructureDefinition/";

/// A profile, ready to judge by.
pub(super) struct CompiledProfile {
    pub(super) definition: Arc<StructureDefinition>,
    /// The package that it is in: what it refers to is asked for from there.
    pub(super) package: Option<u32>,
    pub(super) nodes: Vec<Node>,
    /// Of an extension, where it may be used.
    pub(super) contexts: Vec<Context>,
    /// Of an extension, what must hold where it is used.
    pub(super) context_invariants: Vec<Result<FhirPath, PathError>>,
}

/// A place where an extension may be used.
pub(super) enum Context {
    /// What this selects in the resource.
    Path(Result<FhirPath, PathError>),
    /// An element, by its path or its type.
    Element(Arc<str>),
    /// An extension, by its URL.
    Extension(Arc<str>),
}

/// An element of a profile.
pub(super) struct Node {
    pub(super) element: Arc<Element>,
    /// The name in a path, of a choice without `[x]`.
    pub(super) name: String,
    /// The elements below it, but for slices.
    pub(super) children: Vec<usize>,
    /// Of these, those of which something is demanded that is not demanded anyway.
    pub(super) demanding: Vec<usize>,
    /// The slices of it.
    pub(super) slices: Vec<usize>,
    /// What it must be, or contain.
    pub(super) fixed: Option<Document>,
    pub(super) pattern: Option<Document>,
    /// The constraints that its base type or element does not have.
    pub(super) constraints: Vec<Demand>,
    /// The least and the greatest value.
    pub(super) bounds: Vec<Bound>,
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
                Place::Slice { of, outer } => {
                    let of = outer.and_then(|outer| by_id.get(&*outer)).or_else(|| by_id.get(&*of));
                    nodes[*of?].slices.push(number);
                }
            }
        }
        if nodes.is_empty() {
            return None;
        }
        find_demanding(&mut nodes, 0, None, &definition.of);
        let contexts = definition.contexts.iter().map(Context::of).collect();
        let invariants = definition.context_invariants.iter();
        let context_invariants = invariants.map(|expression| FhirPath::parse(expression)).collect();
        Some(CompiledProfile { definition, package, nodes, contexts, context_invariants })
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

    /// The slices of this name; several elements may have one.
    pub(super) fn slices_named(&self, name: &str) -> Vec<usize> {
        let is_it = |number: &usize| self.node(*number).element.slice_name.as_deref() == Some(name);
        (0..self.nodes.len()).filter(is_it).collect()
    }

    /// The element that a slice is one of.
    pub(super) fn sliced_by(&self, slice: usize) -> Option<usize> {
        self.nodes.iter().position(|node| node.slices.contains(&slice))
    }

    pub(super) fn node(&self, number: usize) -> &Node {
        &self.nodes[number]
    }
}

impl Context {
    fn of(context: &ExtensionContext) -> Context {
        match context.of {
            ContextType::Fhirpath => Context::Path(FhirPath::parse(&context.expression)),
            ContextType::Element => Context::Element(Arc::clone(&context.expression)),
            ContextType::Extension => Context::Extension(Arc::clone(&context.expression)),
        }
    }
}

/// Finds out below which elements something is demanded. Returns whether it is of this one, which stands in a value of
/// the type `holder` if that is known.
fn find_demanding(
    nodes: &mut [Node],
    number: usize,
    holder: Option<&'static TypeDefinition>,
    root: &str,
) -> bool {
    let of = type_of(&nodes[number].element, root);
    let base = holder.and_then(|holder| holder.element(&nodes[number].name));
    let (children, slices) = (nodes[number].children.clone(), nodes[number].slices.clone());
    let mut demanding = Vec::new();
    for child in children {
        if find_demanding(nodes, child, of, root) {
            demanding.push(child);
        }
    }
    for slice in slices {
        find_demanding(nodes, slice, holder, root);
    }
    let node = &mut nodes[number];
    node.demanding = demanding;
    !node.demanding.is_empty() || !node.slices.is_empty() || node.is_demanding(base)
}

/// Where an element belongs, by its id.
enum Place<'i> {
    Root,
    Child(&'i str),
    /// A slice of the element of the id `of`, or of its slice of the id `outer`, if that is there.
    Slice {
        of: String,
        outer: Option<String>,
    },
}

fn place(id: &str) -> Place<'_> {
    let (parent, last) = match id.rsplit_once('.') {
        None => ("", id),
        Some((parent, last)) => (parent, last),
    };
    let whole = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    match last.split_once(':') {
        // A slice of a slice is called `outer/inner`, and so are some that are none.
        Some((name, slice)) => {
            let outer = slice.rsplit_once('/').map(|(outer, _)| whole(&format!("{name}:{outer}")));
            Place::Slice { of: whole(name), outer }
        }
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
            demanding: Vec::new(),
            slices: Vec::new(),
            fixed: document(&element.fixed),
            pattern: document(&element.pattern),
            constraints: own.map(|constraint| Demand::new(constraint, of)).collect(),
            bounds: bounds(element),
            discriminators: discriminators.map(|one| FhirPath::parse(&one.path)).collect(),
            element: Arc::clone(element),
        }
    }

    /// Whether it demands, by itself, more than the type that it constrains.
    fn is_demanding(&self, base: Option<&ElementDefinition>) -> bool {
        let element = &self.element;
        let says_more = self.fixed.is_some()
            || self.pattern.is_some()
            || !self.constraints.is_empty()
            || !self.bounds.is_empty()
            || element.max_length.is_some()
            || element.content_reference.is_some();
        let Some(base) = base else { return true };
        let most = base.max.map(|most| most as usize);
        says_more
            || element.slice_name.is_some()
            || self.min() > base.min as usize
            || self.max() != most
            || self.types().len() != base.types.len()
            || self.types().iter().zip(&base.types).any(|(rule, of)| is_narrower(rule, of))
            || self.is_bound_closer(base)
    }

    fn is_bound_closer(&self, base: &ElementDefinition) -> bool {
        let Some(binding) = self.binding() else { return false };
        let is_strict = matches!(binding.strength, BindingStrength::Required | BindingStrength::Extensible);
        let url = |value_set: &Arc<str>| value_set.split('|').next().map(str::to_owned);
        let of_base = base.binding().map(|set| set.url.to_owned());
        is_strict && binding.value_set.as_ref().and_then(url) != of_base
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

fn bounds(element: &Element) -> Vec<Bound> {
    let both = [(">=", &element.min_value), ("<=", &element.max_value)];
    let both = both.into_iter().filter_map(|(operator, value)| Bound::new(operator, value.as_ref()?));
    // A literal that cannot be compared bounds nothing.
    both.filter_map(Result::ok).collect()
}

/// Whether a type of a profile's element says more than the same of the base.
fn is_narrower(rule: &TypeRule, of: &TypeReference) -> bool {
    let is_same = *rule.code == *of.name || matches!(&*rule.code, "BackboneElement" | "Element");
    let is_plain = |url: &Arc<str>| {
        url.strip_prefix(STANDARD).is_some_and(|name| definitions().type_named(name).is_some())
    };
    let is_target =
        |of: &ResourceType| rule.targets.iter().any(|url| url.strip_prefix(STANDARD) == Some(of.name()));
    let is_any = rule.targets.is_empty() || rule.targets.iter().any(|url| url.ends_with("/Resource"));
    !is_same
        || !rule.profiles.is_empty()
        || !rule.aggregation.is_empty()
        || rule.versioning.is_some()
        || !rule.targets.iter().all(is_plain)
        || !(is_any || rule.targets.len() == of.targets.len() && of.targets.iter().all(is_target))
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
