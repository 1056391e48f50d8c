//! JSON Patch (RFC 6902): its six operations on a document, all of them or none.

use super::error::PatchError;
use super::tree::{Pointer, Tree, Work};
use super::{PATCH_OPERATIONS_MAX, PATCH_WORK_MAX};
use crate::{Document, Json, Kind};

/// A JSON Patch that is well formed.
#[derive(Clone, Debug)]
pub struct JsonPatch {
    document: Document,
}

/// One operation.
struct Operation<'a> {
    verb: Verb,
    path: Pointer,
    from: Option<Pointer>,
    value: Option<Json<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl JsonPatch {
    /// Reads a patch.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] if it is none; [`PatchError::Limit`] beyond [`PATCH_OPERATIONS_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<JsonPatch, PatchError> {
        let document = Document::parse_slice(bytes)
            .map_err(|error| PatchError::Malformed(None, error.reason.as_str()))?;
        if document.root().kind() != Kind::Array {
            return Err(PatchError::Malformed(None, "it is not an array of operations"));
        }
        if document.root().len() > PATCH_OPERATIONS_MAX {
            return Err(PatchError::Limit("PATCH_OPERATIONS_MAX"));
        }
        operations(&document).try_for_each(|operation| operation.map(drop))?;
        Ok(JsonPatch { document })
    }

    /// The text of `document` after all operations. What they do not touch keeps its order, and numbers and
    /// strings stay as they were written.
    ///
    /// # Errors
    /// [`PatchError::Unfit`] for the first operation that cannot be applied, [`PatchError::Limit`] beyond
    /// [`PATCH_WORK_MAX`].
    pub fn apply(&self, document: &Document) -> Result<Vec<u8>, PatchError> {
        let mut tree = Tree::of(document.root());
        let mut work = Work::up_to(PATCH_WORK_MAX);
        for (at, operation) in operations(&self.document).enumerate() {
            operation?.apply(&mut tree, &mut work).map_err(|what| PatchError::Unfit(at, what))?;
            if work.is_exhausted() {
                return Err(PatchError::Limit("PATCH_WORK_MAX"));
            }
        }
        let mut out = Vec::with_capacity(document.bytes().len() + 256);
        tree.write(&mut out);
        Ok(out)
    }
}

fn operations(patch: &Document) -> impl Iterator<Item = Result<Operation<'_>, PatchError>> {
    let items = patch.root().items().enumerate();
    items.map(|(at, item)| Operation::read(item).map_err(|what| PatchError::Malformed(Some(at), what)))
}

impl<'a> Operation<'a> {
    fn read(of: Json<'a>) -> Result<Operation<'a>, &'static str> {
        if of.kind() != Kind::Object {
            return Err("it is not an object");
        }
        let verb = match of.get("op").and_then(Json::as_str).ok_or("it has no op")?.as_ref() {
            "add" => Verb::Add,
            "remove" => Verb::Remove,
            "replace" => Verb::Replace,
            "move" => Verb::Move,
            "copy" => Verb::Copy,
            "test" => Verb::Test,
            _ => return Err("its op is none of add, remove, replace, move, copy, test"),
        };
        let pointer = |name| match of.get(name).map(Json::as_str) {
            None => Ok(None),
            Some(None) => Err("a path is not a string"),
            Some(Some(text)) => Pointer::parse(&text).map(Some).ok_or("a path is not a JSON Pointer"),
        };
        let path = pointer("path")?.ok_or("it has no path")?;
        let (from, value) = (pointer("from")?, of.get("value"));
        match verb {
            Verb::Move | Verb::Copy if from.is_none() => Err("it has no from"),
            Verb::Add | Verb::Replace | Verb::Test if value.is_none() => Err("it has no value"),
            _ => Ok(Operation { verb, path, from, value }),
        }
    }

    fn apply(self, tree: &mut Tree<'a>, work: &mut Work) -> Result<(), &'static str> {
        let Operation { verb, path, from, value } = self;
        let from = from.unwrap_or_default();
        let value = value.map(Tree::of);
        match (verb, value) {
            (Verb::Remove, _) => tree.take(&path, work).map(drop),
            (Verb::Move, _) if from == path => tree.at(&path).map(drop),
            (Verb::Move, _) if from.is_before(&path) => Err("it moves a value into itself"),
            (Verb::Move, _) => {
                let moved = tree.take(&from, work)?;
                tree.add(&path, moved, work)
            }
            (Verb::Copy, _) => {
                let original = tree.at(&from)?;
                work.spend(original.size());
                if work.is_exhausted() {
                    return Ok(());
                }
                let copy = original.clone();
                tree.add(&path, copy, work)
            }
            (Verb::Add, Some(value)) => tree.add(&path, value, work),
            (Verb::Replace, Some(value)) => tree.replace(&path, value),
            (Verb::Test, Some(value)) => {
                let found = tree.at(&path)?;
                work.spend(found.size());
                if found.equals(&value) { Ok(()) } else { Err("the value is not the one it tests for") }
            }
            (Verb::Add | Verb::Replace | Verb::Test, None) => Err("it has no value"),
        }
    }
}
