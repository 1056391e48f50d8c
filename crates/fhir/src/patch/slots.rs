//! The values of one element with the objects beside them (R4 json, section 2.6.2.3), so that both change together.

use std::sync::LazyLock;

use super::tree::Tree;
use crate::{Document, Kind};

static NULL: LazyLock<Document> =
    LazyLock::new(|| Document::parse(b"null".to_vec()).expect("null is a document"));

const NO_HOLDER: &str = "there is no object that the path leads into";
const NO_INDEX: &str = "the list has no such place";

/// A value, and the object beside it if it is a primitive.
#[derive(Clone, Default)]
pub(super) struct Pair<'t> {
    pub(super) value: Option<Tree<'t>>,
    pub(super) twin: Option<Tree<'t>>,
}

/// The values of one element, taken out of the object that holds them until they are stored again.
pub(super) struct Slots<'s, 't> {
    members: &'s mut Vec<(String, Tree<'t>)>,
    /// Where among the members they stood.
    at: usize,
    name: String,
    pairs: Vec<Pair<'t>>,
    is_list: bool,
}

impl<'s, 't> Slots<'s, 't> {
    /// Takes the values of `name` out of the object at `holder`.
    pub(super) fn load(
        tree: &'s mut Tree<'t>,
        holder: &[String],
        name: &str,
        is_list: bool,
    ) -> Result<Slots<'s, 't>, &'static str> {
        let Tree::Object(members) = tree.at_mut(holder).map_err(|_| NO_HOLDER)? else {
            return Err(NO_HOLDER);
        };
        let twin_name = format!("_{name}");
        let place = |wanted: &str, members: &[(String, Tree<'t>)]| {
            members.iter().position(|(found, _)| found == wanted)
        };
        let at = place(name, members).or_else(|| place(&twin_name, members)).unwrap_or(members.len());
        let mut take = |wanted: &str| place(wanted, members).map(|at| members.remove(at).1);
        let (values, twins) = (take(name), take(&twin_name));
        let at = at.min(members.len());
        let is_array = |tree: &Option<Tree<'t>>| matches!(tree, Some(Tree::Array(_)));
        let is_list = is_list || is_array(&values) || is_array(&twins);
        let (values, twins) = (items(values), items(twins));
        let count = values.len().max(twins.len());
        let mut pairs: Vec<Pair<'t>> = Vec::with_capacity(count);
        let (mut values, mut twins) = (values.into_iter(), twins.into_iter());
        for _ in 0..count {
            pairs.push(Pair { value: values.next().flatten(), twin: twins.next().flatten() });
        }
        Ok(Slots { members, at, name: name.to_owned(), pairs, is_list })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether there may be several.
    pub(super) fn is_list(&self) -> bool {
        self.is_list
    }

    pub(super) fn push(&mut self, pair: Pair<'t>) {
        self.pairs.push(pair);
    }

    pub(super) fn remove(&mut self, index: usize) -> Result<(), &'static str> {
        match index < self.pairs.len() {
            true => {
                self.pairs.remove(index);
                Ok(())
            }
            false => Err(NO_INDEX),
        }
    }

    pub(super) fn replace(&mut self, index: usize, pair: Pair<'t>) -> Result<(), &'static str> {
        *self.pairs.get_mut(index).ok_or(NO_INDEX)? = pair;
        Ok(())
    }

    /// Puts a value before the one at `index`, or at the end of the list.
    pub(super) fn insert(&mut self, index: usize, pair: Pair<'t>) -> Result<(), &'static str> {
        if !self.is_list {
            return Err("the path leads to an element that is no list");
        }
        if index > self.pairs.len() {
            return Err(NO_INDEX);
        }
        self.pairs.insert(index, pair);
        Ok(())
    }

    /// Takes a value out of the list and puts it where `destination` is afterwards.
    pub(super) fn shift(&mut self, source: usize, destination: usize) -> Result<(), &'static str> {
        if source.max(destination) >= self.pairs.len() {
            return Err(NO_INDEX);
        }
        let moved = self.pairs.remove(source);
        self.pairs.insert(destination, moved);
        Ok(())
    }

    /// Puts the values back.
    pub(super) fn store(self) {
        let name = self.name.clone();
        self.store_as(&name);
    }

    /// Puts the values back under another name, where they stood.
    pub(super) fn store_as(self, name: &str) {
        let Slots { members, at, pairs, is_list, .. } = self;
        let (values, twins): (Vec<_>, Vec<_>) = pairs.into_iter().map(|pair| (pair.value, pair.twin)).unzip();
        let twins = joined(twins, is_list).map(|twins| (format!("_{name}"), twins));
        let values = joined(values, is_list).map(|values| (name.to_owned(), values));
        for member in [twins, values].into_iter().flatten() {
            members.insert(at, member);
        }
    }
}

/// The items of an array, or the one value; null is none.
fn items<'t>(tree: Option<Tree<'t>>) -> Vec<Option<Tree<'t>>> {
    let some = |tree: Tree<'t>| match &tree {
        Tree::Scalar(value) if value.kind() == Kind::Null => None,
        _ => Some(tree),
    };
    match tree {
        None => Vec::new(),
        Some(Tree::Array(items)) => items.into_iter().map(some).collect(),
        Some(other) => vec![some(other)],
    }
}

/// As an array, with null for what is not there; nothing if nothing is.
fn joined<'t>(items: Vec<Option<Tree<'t>>>, is_list: bool) -> Option<Tree<'t>> {
    if items.iter().all(Option::is_none) {
        return None;
    }
    let null = || Tree::Scalar(NULL.root());
    let mut items = items.into_iter().map(|item| item.unwrap_or_else(null));
    if is_list { Some(Tree::Array(items.collect())) } else { items.next() }
}
