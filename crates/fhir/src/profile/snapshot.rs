//! Makes a snapshot: a differential merged into the snapshot of its base (R4 section 5.3.2).

mod merge;
mod tree;

use std::sync::Arc;

use super::{
    Element, Pool, ProfileError, SNAPSHOT_ELEMENTS_MAX, SlicedBy, StructureDefinition, base_definition,
};
use merge::{choice_type, merge};
use tree::{Changes, Node};

/// The deepest that elements may lie below each other.
pub const SNAPSHOT_DEPTH_MAX: usize = 48;

/// The most definitions without snapshots that build on each other.
pub const BASES_MAX: usize = 32;

/// Where the definitions are found that a snapshot needs: the base, and profiles that types name.
pub trait DefinitionSource {
    /// The definition with its snapshot; nothing if it is unknown.
    ///
    /// # Errors
    /// If it is known and has no snapshot, and none can be made of it.
    fn definition(&mut self, canonical: &str) -> Result<Option<Arc<StructureDefinition>>, SnapshotError>;
}

/// Why no snapshot can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// It names no base, and is no type of the standard.
    NoBase,
    /// A definition that it needs is not known: this canonical.
    Unknown(String),
    /// It needs itself, by way of this canonical.
    Cycle(String),
    /// It builds on more than [`BASES_MAX`] definitions that have no snapshots, one on the other.
    TooFar(String),
    /// The differential names an element that the base does not have: this id.
    NoSuchElement(String),
    /// It says something below an element whose type has nothing below, or that has several types: this id.
    NoContent(String),
    /// It lies deeper than [`SNAPSHOT_DEPTH_MAX`]: this id.
    TooDeep(String),
    /// There would be more elements than [`SNAPSHOT_ELEMENTS_MAX`].
    TooMany,
    /// A definition that it needs cannot be read.
    Malformed(ProfileError),
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::NoBase => f.write_str("the definition names no baseDefinition"),
            SnapshotError::Unknown(canonical) => write!(f, "the definition {canonical} is not known"),
            SnapshotError::Cycle(canonical) => write!(f, "the definition {canonical} builds on itself"),
            SnapshotError::TooFar(canonical) => {
                write!(
                    f,
                    "the definition {canonical} is the base of more than {BASES_MAX} others, one on the other"
                )
            }
            SnapshotError::NoSuchElement(id) => write!(f, "element {id}: the base has no such element"),
            SnapshotError::NoContent(id) => write!(f, "element {id}: its type has no such content"),
            SnapshotError::TooDeep(id) => {
                write!(f, "element {id}: deeper than {SNAPSHOT_DEPTH_MAX} steps")
            }
            SnapshotError::TooMany => write!(f, "more than {SNAPSHOT_ELEMENTS_MAX} elements"),
            SnapshotError::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// The snapshot of `definition`: its differential merged into its base's snapshot. What it has of a snapshot of its
/// own is not looked at.
///
/// Elements below a data type appear where the differential says something about them; slices have their own copy of
/// what lies below. Minima and maxima are never looser than the base's. Extensions are sliced by URL and choices by
/// type where the differential does not say how.
///
/// # Errors
/// What [`SnapshotError`] names.
pub fn generate(
    definition: &StructureDefinition,
    definitions: &mut dyn DefinitionSource,
    pool: &mut Pool,
) -> Result<Vec<Arc<Element>>, SnapshotError> {
    let base = definition.base.as_deref().ok_or(SnapshotError::NoBase)?;
    let base = definitions.definition(base)?.ok_or_else(|| SnapshotError::Unknown(base.to_owned()))?;
    let mut root = Node::of_snapshot(&base.snapshot)?;
    let changes = Changes::of(&definition.differential)?;
    let mut generator = Generator { definitions, elements: base.snapshot.len(), slice_depth: 0 };
    if let Some(changes) = &changes {
        generator.apply(&mut root, changes)?;
    }
    let mut out = Vec::with_capacity(generator.elements);
    root.flatten(&mut out, pool);
    Ok(out)
}

struct Generator<'a> {
    definitions: &'a mut dyn DefinitionSource,
    /// How many elements were made so far; a bound on those that there are.
    elements: usize,
    /// How many slices the element lies in that is looked at.
    slice_depth: usize,
}

impl Generator<'_> {
    /// Applies what is said of a node itself and of what lies below it, not of its slices.
    fn apply(&mut self, node: &mut Node, changes: &Changes) -> Result<(), SnapshotError> {
        if let Some(element) = &changes.element {
            self.merge_profile(node, element);
            merge(Arc::make_mut(&mut node.element), element);
        }
        let is_closed = node.children.is_empty();
        if !changes.children.is_empty() && is_closed {
            self.open(node, changes)?;
        }
        for child in &changes.children {
            if node.children.iter().any(|known| known.name == child.name) {
                self.apply_child(node, child)?;
            } else {
                self.apply_choice(node, child, &changes.children, is_closed)?;
            }
        }
        Ok(())
    }

    /// Applies what is said of one element below `node`, and of its slices.
    fn apply_child(&mut self, node: &mut Node, changes: &Changes) -> Result<(), SnapshotError> {
        let child = node.children.iter_mut().find(|child| child.name == changes.name);
        let child = child.ok_or_else(|| SnapshotError::NoSuchElement(changes.id.clone()))?;
        let template = child.template();
        self.apply(child, changes)?;
        for slice in &changes.slices {
            self.apply_slice(child, &template, slice)?;
        }
        if !changes.slices.is_empty() {
            child.settle_choice();
        }
        Ok(())
    }

    /// Applies what is said of a choice under the name of one of its types (`valueQuantity`): it is said of the slice
    /// of that name. Inside a slice of a backbone element the choice itself is narrowed instead, unless the differential
    /// slices it or speaks of other types too.
    fn apply_choice(
        &mut self,
        node: &mut Node,
        changes: &Changes,
        siblings: &[Changes],
        is_opened: bool,
    ) -> Result<(), SnapshotError> {
        let is_choice =
            |child: &&mut Node| choice_type(&child.name, &changes.name, &child.element.types).is_some();
        let child = node.children.iter_mut().find(is_choice);
        let child = child.ok_or_else(|| SnapshotError::NoSuchElement(changes.id.clone()))?;
        let of = choice_type(&child.name, &changes.name, &child.element.types).cloned();
        let like =
            siblings.iter().filter(|one| choice_type(&child.name, &one.name, &child.element.types).is_some());
        let is_only = like.count() == 1;
        let is_sliced = siblings.iter().any(|one| {
            one.name == child.name && one.element.as_ref().is_some_and(|one| one.slicing.is_some())
        });
        let is_plain = is_only && !is_sliced && !is_opened && child.slices.is_empty();
        if let (true, true, Some(of)) = (self.slice_depth > 0, is_plain, of) {
            Arc::make_mut(&mut child.element).types = Arc::from([of]);
            return self.apply(child, changes);
        }
        let template = child.template();
        self.apply_slice(child, &template, &changes.as_slice_of_choice(&child.name))?;
        child.settle_choice();
        Ok(())
    }

    fn apply_slice(
        &mut self,
        child: &mut Node,
        template: &Node,
        changes: &Changes,
    ) -> Result<(), SnapshotError> {
        let name = changes.slice.as_deref().unwrap_or_default();
        if child.element.slicing.is_none() {
            let by = if child.name.ends_with("[x]") { Some(SlicedBy::Type) } else { None };
            let by =
                by.or((matches!(&*child.name, "extension" | "modifierExtension")).then_some(SlicedBy::Url));
            if let Some(by) = by {
                Arc::make_mut(&mut child.element).slicing = Some(Arc::new(by.slicing()));
            }
        }
        let at = match child.slices.iter().position(|slice| slice.slice.as_deref() == Some(name)) {
            Some(at) => at,
            None => self.add_slice(child, template, name)?,
        };
        let mut slice = child.slices.swap_remove(at);
        self.slice_depth += 1;
        let applied = self.apply(&mut slice, changes);
        self.slice_depth -= 1;
        child.slices.push(slice);
        let last = child.slices.len() - 1;
        child.slices.swap(at, last);
        applied
    }

    /// Makes a slice of `child`; one of a slice (`a/b`) is made of that slice and stands after its like.
    fn add_slice(&mut self, child: &mut Node, template: &Node, name: &str) -> Result<usize, SnapshotError> {
        let outer = name.rsplit_once('/').and_then(|(outer, _)| {
            let at = child.slices.iter().position(|slice| slice.slice.as_deref() == Some(outer))?;
            Some((at, outer))
        });
        let (mut slice, at) = match outer {
            Some((at, outer)) => {
                let inside = format!("{outer}/");
                let like = child.slices[at + 1..].iter().take_while(|slice| {
                    slice.slice.as_deref().is_some_and(|slice| slice.starts_with(&inside))
                });
                (child.slices[at].template(), at + 1 + like.count())
            }
            None => (template.template(), child.slices.len()),
        };
        self.count(slice.size())?;
        slice.become_slice(name);
        child.slices.insert(at, slice);
        Ok(at)
    }

    /// What the profile that a type names says of its root holds for the element too.
    fn merge_profile(&mut self, node: &mut Node, changes: &Element) {
        let [only] = &*changes.types else { return };
        let [profile] = &*only.profiles else { return };
        // A profile that is unknown or cannot be read is the validator's finding, where it is used.
        if let Ok(Some(profile)) = self.definitions.definition(profile)
            && let Some(root) = profile.snapshot.first()
        {
            merge::profile_root(Arc::make_mut(&mut node.element), root, &only.code);
        }
    }

    /// Gives a node what lies below its type.
    fn open(&mut self, node: &mut Node, changes: &Changes) -> Result<(), SnapshotError> {
        let no_content = || SnapshotError::NoContent(changes.id.clone());
        if let Some(reference) = node.element.content_reference.clone() {
            let of = reference.split('.').next().unwrap_or_default();
            let definition = base_definition(of).ok_or_else(no_content)?;
            let root = Node::of_snapshot(&definition.snapshot)?;
            let content = root.find(&reference).ok_or_else(no_content)?;
            self.count(content.size())?;
            node.children.clone_from(&content.children);
            let element = Arc::make_mut(&mut node.element);
            element.content_reference = None;
            element.types = Arc::clone(&content.element.types);
            return Ok(());
        }
        let (profile, code) = match &*node.element.types {
            [only] => match &*only.profiles {
                [profile] => (Some(profile.to_string()), only.code.to_string()),
                _ => (None, only.code.to_string()),
            },
            // What all types have: id and extensions.
            [_, _, ..] => (None, "Element".to_owned()),
            [] => return Err(no_content()),
        };
        let narrowed = match profile {
            Some(profile) => self.definitions.definition(&profile)?,
            None => None,
        };
        let definition = match narrowed.or_else(|| base_definition(&code)) {
            Some(definition) => definition,
            None => self.definitions.definition(&code)?.ok_or(SnapshotError::Unknown(code))?,
        };
        let root = Node::of_snapshot(&definition.snapshot)?;
        self.count(root.size())?;
        node.children = root.children;
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<(), SnapshotError> {
        self.elements += more;
        if self.elements > SNAPSHOT_ELEMENTS_MAX { Err(SnapshotError::TooMany) } else { Ok(()) }
    }
}
