//! What is known of a set of codes: those that are surely in it, and those that may be.

use crate::TokenSet;

/// A set of codes, as far as it is known.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Codes in the set that surely exist: they are listed, or were found in their code system.
    pub(super) named: TokenSet,
    /// Codes in the set, if they exist.
    pub(super) surely: TokenSet,
    /// Codes that may be in the set; `None`: any.
    pub(super) maybe: Option<TokenSet>,
}

impl Bounds {
    /// No codes.
    pub(super) fn none() -> Self {
        Bounds { named: TokenSet::new(), surely: TokenSet::new(), maybe: Some(TokenSet::new()) }
    }

    /// A set of which nothing is known.
    pub(super) fn unknown() -> Self {
        Bounds { maybe: None, ..Bounds::none() }
    }

    /// A set of which nothing is known but that these are all that may be in it.
    pub(super) fn at_most(maybe: TokenSet) -> Self {
        Bounds { maybe: Some(maybe), ..Bounds::none() }
    }

    /// A set that is known: these codes, all of which exist if `is_named`.
    pub(super) fn known(set: TokenSet, is_named: bool) -> Self {
        let named = if is_named { set.clone() } else { TokenSet::new() };
        Bounds { named, maybe: Some(set.clone()), surely: set }
    }

    /// How many codes it names.
    pub(super) fn len(&self) -> usize {
        self.named.len() + self.surely.len() + self.maybe.as_ref().map_or(0, TokenSet::len)
    }

    /// Adds all of another set.
    pub(super) fn add(&mut self, other: &Bounds) {
        self.named.add_all(&other.named);
        self.surely.add_all(&other.surely);
        match (&mut self.maybe, &other.maybe) {
            (Some(maybe), Some(other)) => maybe.add_all(other),
            (maybe, _) => *maybe = None,
        }
    }

    /// Keeps what is in the other set too. A code exists that either names.
    pub(super) fn keep(&mut self, other: &Bounds) {
        let mut named = other.named.clone();
        named.keep(&self.surely);
        self.named.keep(&other.surely);
        self.named.add_all(&named);
        self.surely.keep(&other.surely);
        match (&mut self.maybe, &other.maybe) {
            (Some(maybe), Some(other)) => maybe.keep(other),
            (maybe @ None, other) => maybe.clone_from(other),
            (Some(_), None) => {}
        }
    }

    /// Takes away what is in the other set.
    pub(super) fn remove(&mut self, other: &Bounds) {
        match &other.maybe {
            Some(gone) => {
                self.named.remove(gone);
                self.surely.remove(gone);
            }
            None => (self.named, self.surely) = (TokenSet::new(), TokenSet::new()),
        }
        if let Some(maybe) = &mut self.maybe {
            maybe.remove(&other.surely);
        }
    }
}
