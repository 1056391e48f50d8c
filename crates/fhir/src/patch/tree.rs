//! A document that can be changed: a tree over the texts it came from, and pointers into it (RFC 6901).

use std::collections::HashMap;

use crate::document::push_json_string;
use crate::{DEPTH_MAX, Decimal, Json, Kind};

/// A value. Scalars are the text as written, somewhere in a document.
#[derive(Clone)]
pub(super) enum Tree<'a> {
    Scalar(Json<'a>),
    Array(Vec<Tree<'a>>),
    Object(Vec<(String, Tree<'a>)>),
}

/// A place in a tree: the names and numbers on the way from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

/// How much work is left.
pub(super) struct Work(usize);

const MISSING: &str = "there is nothing at the path";
const NO_PARENT: &str = "there is no array or object that the path leads into";
const NO_INDEX: &str = "the path does not name an item of the array";
const TOO_DEEP: &str = "the document would be nested too deeply";

impl Work {
    pub(super) fn up_to(most: usize) -> Work {
        Work(most)
    }

    pub(super) fn spend(&mut self, work: usize) {
        self.0 = self.0.saturating_sub(work);
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.0 == 0
    }
}

impl Pointer {
    /// The pointer that is written like this.
    pub(super) fn parse(text: &str) -> Option<Pointer> {
        if text.is_empty() {
            return Some(Pointer::default());
        }
        let steps = text.strip_prefix('/')?.split('/').map(|step| {
            let mut parts = step.split('~');
            let mut name = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                name.push(match part.as_bytes().first()? {
                    b'0' => '~',
                    b'1' => '/',
                    _ => return None,
                });
                name.push_str(&part[1..]);
            }
            Some(name)
        });
        steps.collect::<Option<_>>().map(Pointer)
    }

    /// Whether `other` lies within what this points at.
    pub(super) fn is_before(&self, other: &Pointer) -> bool {
        other.0.len() > self.0.len() && other.0.starts_with(&self.0)
    }
}

/// The place in an array of `len` items.
fn index(step: &str, len: usize) -> Result<usize, &'static str> {
    let is_number = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_number && (step == "0" || !step.starts_with('0'));
    let number = is_plain.then(|| step.parse().ok()).flatten();
    number.filter(|number| *number < len).ok_or(NO_INDEX)
}

impl<'a> Tree<'a> {
    /// The tree of a value. As deep as documents may be, and no deeper.
    pub(super) fn of(value: Json<'a>) -> Tree<'a> {
        match value.kind() {
            Kind::Array => Tree::Array(value.items().map(Tree::of).collect()),
            Kind::Object => {
                let members = value.members();
                Tree::Object(
                    members.map(|(name, value)| (name.as_str().into_owned(), Tree::of(value))).collect(),
                )
            }
            _ => Tree::Scalar(value),
        }
    }

    /// The value at a place.
    pub(super) fn at(&self, place: &Pointer) -> Result<&Tree<'a>, &'static str> {
        place.0.iter().try_fold(self, |tree, step| match tree {
            Tree::Array(items) => index(step, items.len()).map(|at| &items[at]),
            Tree::Object(members) => {
                members.iter().find(|(name, _)| name == step).map(|(_, value)| value).ok_or(MISSING)
            }
            Tree::Scalar(_) => Err(MISSING),
        })
    }

    pub(super) fn at_mut(&mut self, steps: &[String]) -> Result<&mut Tree<'a>, &'static str> {
        steps.iter().try_fold(self, |tree, step| match tree {
            Tree::Array(items) => index(step, items.len()).map(|at| &mut items[at]),
            Tree::Object(members) => {
                members.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value).ok_or(MISSING)
            }
            Tree::Scalar(_) => Err(MISSING),
        })
    }

    /// Sets the value at a place, whose parent is there; in an array what follows makes room.
    pub(super) fn add(
        &mut self,
        place: &Pointer,
        value: Tree<'a>,
        work: &mut Work,
    ) -> Result<(), &'static str> {
        check_depth(place, &value)?;
        let Some((last, parent)) = place.0.split_last() else {
            *self = value;
            return Ok(());
        };
        match self.at_mut(parent).map_err(|_| NO_PARENT)? {
            Tree::Array(items) => {
                let at = if last == "-" { items.len() } else { index(last, items.len() + 1)? };
                work.spend(items.len() - at);
                items.insert(at, value);
            }
            Tree::Object(members) => match members.iter_mut().find(|(name, _)| name == last) {
                Some((_, old)) => *old = value,
                None => members.push((last.clone(), value)),
            },
            Tree::Scalar(_) => return Err(NO_PARENT),
        }
        Ok(())
    }

    /// Sets the value at a place where there is one.
    pub(super) fn replace(&mut self, place: &Pointer, value: Tree<'a>) -> Result<(), &'static str> {
        check_depth(place, &value)?;
        *self.at_mut(&place.0)? = value;
        Ok(())
    }

    /// Takes the value at a place out of the tree.
    pub(super) fn take(&mut self, place: &Pointer, work: &mut Work) -> Result<Tree<'a>, &'static str> {
        let (last, parent) = place.0.split_last().ok_or("the whole document cannot be removed")?;
        match self.at_mut(parent)? {
            Tree::Array(items) => {
                let at = index(last, items.len())?;
                work.spend(items.len() - at);
                Ok(items.remove(at))
            }
            Tree::Object(members) => {
                let at = members.iter().position(|(name, _)| name == last).ok_or(MISSING)?;
                work.spend(members.len() - at);
                Ok(members.remove(at).1)
            }
            Tree::Scalar(_) => Err(MISSING),
        }
    }

    /// How many values it holds, itself among them.
    pub(super) fn size(&self) -> usize {
        match self {
            Tree::Scalar(value) => 1 + value.raw().len() / 64,
            Tree::Array(items) => 1 + items.iter().map(Tree::size).sum::<usize>(),
            Tree::Object(members) => 1 + members.iter().map(|(_, value)| value.size()).sum::<usize>(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Tree::Scalar(_) => 0,
            Tree::Array(items) => 1 + items.iter().map(Tree::depth).max().unwrap_or(0),
            Tree::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
        }
    }

    /// Whether both mean the same: members in any order, numbers by value, strings by their characters
    /// (RFC 6902, section 4.6).
    pub(super) fn equals(&self, other: &Tree<'_>) -> bool {
        match (self, other) {
            (Tree::Scalar(one), Tree::Scalar(other)) => same_scalar(*one, *other),
            (Tree::Array(one), Tree::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.equals(other))
            }
            (Tree::Object(one), Tree::Object(other)) => {
                let named: HashMap<&str, &Tree<'_>> =
                    other.iter().map(|(name, value)| (name.as_str(), value)).collect();
                one.len() == other.len()
                    && one.iter().all(|(name, value)| {
                        named.get(name.as_str()).is_some_and(|other| value.equals(other))
                    })
            }
            _ => false,
        }
    }

    /// Appends the value as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Tree::Scalar(value) => out.extend_from_slice(value.raw()),
            Tree::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Tree::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    push_json_string(out, name);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Refuses what would nest deeper than a document may: trees are walked by recursion.
fn check_depth(place: &Pointer, value: &Tree<'_>) -> Result<(), &'static str> {
    if place.0.len() + value.depth() > DEPTH_MAX { Err(TOO_DEEP) } else { Ok(()) }
}

fn same_scalar(one: Json<'_>, other: Json<'_>) -> bool {
    if one.kind() != other.kind() {
        return false;
    }
    match one.kind() {
        Kind::Number => same_number(one, other),
        Kind::String => one.as_str() == other.as_str(),
        _ => one.raw() == other.raw(),
    }
}

fn same_number(one: Json<'_>, other: Json<'_>) -> bool {
    let numbers = [one, other].map(|number| number.as_number().and_then(Decimal::parse));
    matches!(numbers, [Some(one), Some(other)] if one.is_numerically(&other))
}
