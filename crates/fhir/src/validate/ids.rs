//! The ids of elements: each is there once in a resource (R4 Element, section 2.30.0).

use std::borrow::Cow;
use std::collections::HashSet;

/// The ids of elements met so far in one resource; one alone needs no memory.
#[derive(Default)]
pub(super) struct ElementIds<'a> {
    first: Option<Cow<'a, str>>,
    others: HashSet<Cow<'a, str>>,
}

impl<'a> ElementIds<'a> {
    /// Notes an id; `false` if it was there before.
    pub(super) fn note(&mut self, id: Cow<'a, str>) -> bool {
        match &self.first {
            None => {
                self.first = Some(id);
                true
            }
            Some(first) => *first != id && self.others.insert(id),
        }
    }
}
