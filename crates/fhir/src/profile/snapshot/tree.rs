//! Elements as a tree: what lies below an element, and its slices beside it.

use std::sync::Arc;

use super::{SNAPSHOT_DEPTH_MAX, SnapshotError};
use crate::profile::{DiscriminatorType, Element, Pool, SlicedBy, Slicing, SlicingRules, TypeRule};

/// An element of a snapshot with all that lies below it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The last step of its path.
    pub(super) name: Arc<str>,
    /// The name of the slice that it is.
    pub(super) slice: Option<Arc<str>>,
    /// The element; its id and path are those it was read with until the tree is flattened.
    pub(super) element: Arc<Element>,
    /// What lies below it, in order.
    pub(super) children: Vec<Node>,
    /// Its slices, in order; those of a slice stand after it.
    pub(super) slices: Vec<Node>,
}

/// What a differential says of an element and of what lies below it.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    /// The last step of its path.
    pub(super) name: Arc<str>,
    /// The name of the slice that it is.
    pub(super) slice: Option<Arc<str>>,
    /// Its id.
    pub(super) id: String,
    /// What is said of it; nothing if only something below is spoken of.
    pub(super) element: Option<Arc<Element>>,
    /// What lies below it.
    pub(super) children: Vec<Changes>,
    /// Its slices.
    pub(super) slices: Vec<Changes>,
}

/// The steps of an id: name, and slice if it has one.
fn steps(id: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    id.split('.').map(|step| match step.split_once(':') {
        Some((name, slice)) => (name, Some(slice)),
        None => (step, None),
    })
}

fn check_depth(id: &str) -> Result<(), SnapshotError> {
    if id.split('.').count() > SNAPSHOT_DEPTH_MAX {
        return Err(SnapshotError::TooDeep(id.to_owned()));
    }
    Ok(())
}

impl Node {
    fn new(name: &str, slice: Option<&str>, element: &Arc<Element>) -> Node {
        Node {
            name: name.into(),
            slice: slice.map(Arc::from),
            element: Arc::clone(element),
            children: Vec::new(),
            slices: Vec::new(),
        }
    }

    /// The tree of a snapshot.
    pub(super) fn of_snapshot(elements: &[Arc<Element>]) -> Result<Node, SnapshotError> {
        let (first, rest) = elements.split_first().ok_or(SnapshotError::NoBase)?;
        let mut root = Node::new(&first.path, None, first);
        for element in rest {
            check_depth(&element.id)?;
            root.insert(element)?;
        }
        Ok(root)
    }

    fn insert(&mut self, element: &Arc<Element>) -> Result<(), SnapshotError> {
        let no_parent = || SnapshotError::NoSuchElement(element.id.to_string());
        let mut node = self;
        let mut steps = steps(&element.id).skip(1).peekable();
        while let Some((name, slice)) = steps.next() {
            let at = node.children.iter().rposition(|child| *child.name == *name);
            if steps.peek().is_none() {
                match (at, slice) {
                    (None, _) => node.children.push(Node::new(name, slice, element)),
                    (Some(at), Some(_)) => node.children[at].slices.push(Node::new(name, slice, element)),
                    (Some(_), None) => return Err(no_parent()),
                }
                return Ok(());
            }
            node = &mut node.children[at.ok_or_else(no_parent)?];
            if let Some(slice) = slice {
                // A slice whose unsliced element is not there stands in its place.
                if node.slice.as_deref() != Some(slice) {
                    let at = node.slices.iter().rposition(|known| known.slice.as_deref() == Some(slice));
                    node = &mut node.slices[at.ok_or_else(no_parent)?];
                }
            }
        }
        Err(no_parent())
    }

    /// The element of this id, which has no slices in it, below this root.
    pub(super) fn find(&self, id: &str) -> Option<&Node> {
        steps(id)
            .skip(1)
            .try_fold(self, |node, (name, _)| node.children.iter().find(|child| *child.name == *name))
    }

    /// A copy from which slices are made: without slices of its own.
    pub(super) fn template(&self) -> Node {
        Node {
            name: Arc::clone(&self.name),
            slice: self.slice.clone(),
            element: Arc::clone(&self.element),
            children: self.children.clone(),
            slices: Vec::new(),
        }
    }

    /// Makes a copy of an unsliced element its slice of this name, which nobody needs to have.
    pub(super) fn become_slice(&mut self, name: &str) {
        self.slice = Some(name.into());
        let element = Arc::make_mut(&mut self.element);
        element.slicing = None;
        element.slice_name.clone_from(&self.slice);
        element.min = Some(0);
        if self.name.ends_with("[x]") {
            let of = super::choice_type(&self.name, name, &element.types).cloned();
            element.types = of.map_or_else(|| Arc::clone(&element.types), |of| Arc::from([of]));
        }
    }

    /// What the slices of a choice by type say of the choice: if one must be there, no other type is left; if there is
    /// one for each type, nothing can stand beside them.
    pub(super) fn settle_choice(&mut self) {
        let is_by_type = self.element.slicing.as_ref().is_some_and(|slicing| {
            matches!(&*slicing.discriminators, [only] if only.of == DiscriminatorType::Type && &*only.path == "$this")
        });
        if !is_by_type || !self.name.ends_with("[x]") {
            return;
        }
        let element = Arc::make_mut(&mut self.element);
        if let Some(must) = self.slices.iter().find(|slice| slice.element.min >= Some(1)) {
            let is_left = |of: &&TypeRule| must.element.types.iter().any(|kept| kept.code == of.code);
            element.types = element.types.iter().filter(is_left).cloned().collect();
            element.min = element.min.max(must.element.min);
        }
        let has_slice = |of: &TypeRule| {
            self.slices.iter().any(|slice| slice.element.types.iter().any(|sliced| sliced.code == of.code))
        };
        if element.types.iter().all(has_slice) {
            let by_type = SlicedBy::Type.slicing();
            element.slicing = Some(Arc::new(Slicing { rules: SlicingRules::Closed, ..by_type }));
        }
    }

    /// How many elements it is.
    pub(super) fn size(&self) -> usize {
        1 + self.children.iter().chain(&self.slices).map(Node::size).sum::<usize>()
    }

    /// Appends the elements in order, with ids and paths of where they are now.
    pub(super) fn flatten(self, out: &mut Vec<Arc<Element>>, pool: &mut Pool) {
        let (id, path) = (self.name.to_string(), self.name.to_string());
        self.flatten_at(&id, &path, out, pool);
    }

    fn flatten_at(mut self, id: &str, path: &str, out: &mut Vec<Arc<Element>>, pool: &mut Pool) {
        if *self.element.id != *id || *self.element.path != *path {
            let element = Arc::make_mut(&mut self.element);
            element.id = pool.string(id);
            element.path = pool.string(path);
        }
        out.push(self.element);
        for child in self.children {
            let path = format!("{path}.{}", child.name);
            let unsliced = format!("{id}.{}", child.name);
            let mut child = child;
            let slices = std::mem::take(&mut child.slices);
            for node in std::iter::once(child).chain(slices) {
                let id = match &node.slice {
                    Some(slice) => format!("{unsliced}:{slice}"),
                    None => unsliced.clone(),
                };
                node.flatten_at(&id, &path, out, pool);
            }
        }
    }
}

impl Changes {
    fn new(name: &str, slice: Option<&str>, id: String) -> Changes {
        Changes {
            name: name.into(),
            slice: slice.map(Arc::from),
            id,
            element: None,
            children: Vec::new(),
            slices: Vec::new(),
        }
    }

    /// The tree of a differential; nothing if it is empty.
    pub(super) fn of(elements: &[Arc<Element>]) -> Result<Option<Changes>, SnapshotError> {
        let Some(first) = elements.first() else { return Ok(None) };
        let root = first.path.split('.').next().unwrap_or_default();
        let mut changes = Changes::new(root, None, root.to_owned());
        for element in elements {
            check_depth(&element.id)?;
            let mut place = &mut changes;
            for (name, slice) in steps(&element.id).skip(1) {
                place = place.child(name);
                if let Some(slice) = slice {
                    place = place.slice(slice);
                }
            }
            place.element = Some(Arc::clone(element));
        }
        Ok(Some(changes))
    }

    fn child(&mut self, name: &str) -> &mut Changes {
        let at = match self.children.iter().rposition(|child| *child.name == *name) {
            Some(at) => at,
            None => {
                self.children.push(Changes::new(name, None, format!("{}.{name}", self.id)));
                self.children.len() - 1
            }
        };
        &mut self.children[at]
    }

    fn slice(&mut self, slice: &str) -> &mut Changes {
        let at = match self.slices.iter().rposition(|known| known.slice.as_deref() == Some(slice)) {
            Some(at) => at,
            None => {
                self.slices.push(Changes::new(&self.name, Some(slice), format!("{}:{slice}", self.id)));
                self.slices.len() - 1
            }
        };
        &mut self.slices[at]
    }

    /// What is said of `valueQuantity`, as said of the slice of that name of `value[x]`.
    pub(super) fn as_slice_of_choice(&self, choice: &Arc<str>) -> Changes {
        let mut slice = self.clone();
        slice.slice = Some(Arc::clone(&self.name));
        slice.name = Arc::clone(choice);
        slice
    }
}
