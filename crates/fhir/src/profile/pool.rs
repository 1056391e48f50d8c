//! Strings and constraints held once, however many definitions have them.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Constraint, Slicing, TypeRule};

/// What definitions share. Profiles of one type repeat each other's paths, constraints and types; read through one
/// pool they hold each once. What nothing else holds any more is let go by [`Pool::sweep`].
#[derive(Debug, Default)]
pub struct Pool {
    strings: HashSet<Arc<str>>,
    constraints: HashSet<Arc<Constraint>>,
    constraint_lists: HashSet<Arc<[Arc<Constraint>]>>,
    types: HashSet<Arc<[TypeRule]>>,
    slicings: HashSet<Arc<Slicing>>,
}

impl Pool {
    /// A pool that holds nothing.
    #[must_use]
    pub fn new() -> Pool {
        Pool::default()
    }

    /// The shared string of this text.
    pub fn string(&mut self, text: &str) -> Arc<str> {
        if let Some(found) = self.strings.get(text) {
            return Arc::clone(found);
        }
        let new: Arc<str> = text.into();
        self.strings.insert(Arc::clone(&new));
        new
    }

    pub(super) fn constraint(&mut self, constraint: Constraint) -> Arc<Constraint> {
        shared(&mut self.constraints, Arc::new(constraint))
    }

    pub(super) fn constraints(&mut self, list: Vec<Arc<Constraint>>) -> Arc<[Arc<Constraint>]> {
        shared(&mut self.constraint_lists, list.into())
    }

    pub(super) fn types(&mut self, list: Vec<TypeRule>) -> Arc<[TypeRule]> {
        shared(&mut self.types, list.into())
    }

    pub(super) fn slicing(&mut self, slicing: Slicing) -> Arc<Slicing> {
        shared(&mut self.slicings, Arc::new(slicing))
    }

    /// Lets go of everything that no definition holds any more.
    pub fn sweep(&mut self) {
        self.constraint_lists.retain(|list| Arc::strong_count(list) > 1);
        self.constraints.retain(|constraint| Arc::strong_count(constraint) > 1);
        self.types.retain(|list| Arc::strong_count(list) > 1);
        self.slicings.retain(|slicing| Arc::strong_count(slicing) > 1);
        self.strings.retain(|string| Arc::strong_count(string) > 1);
    }
}

fn shared<T: ?Sized + Eq + std::hash::Hash>(all: &mut HashSet<Arc<T>>, one: Arc<T>) -> Arc<T> {
    if let Some(found) = all.get(&one) {
        return Arc::clone(found);
    }
    all.insert(Arc::clone(&one));
    one
}
