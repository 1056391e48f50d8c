//! A set of codes by their code systems: what a ValueSet means once it is expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Codes, by code system. A code without a system is in none.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct TokenSet {
    systems: BTreeMap<Arc<str>, Codes>,
}

/// Some of the codes of a code system.
#[derive(Clone, PartialEq, Debug)]
pub enum Codes {
    /// These.
    Only(BTreeSet<Arc<str>>),
    /// All that the code system has, but these; it need not be known which there are.
    AllBut(BTreeSet<Arc<str>>),
}

impl TokenSet {
    /// No code.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a token is in the set. One without a code is where its whole system is.
    pub fn contains(&self, system: Option<&str>, code: Option<&str>) -> bool {
        system.and_then(|system| self.systems.get(system)).is_some_and(|codes| codes.contains(code))
    }

    /// The code systems with what is in the set of each.
    pub fn systems(&self) -> impl Iterator<Item = (&str, &Codes)> {
        self.systems.iter().map(|(system, codes)| (&**system, codes))
    }

    /// How many codes are named, in the set or out of it.
    pub fn len(&self) -> usize {
        self.systems.values().map(Codes::len).sum()
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.systems.values().all(|codes| matches!(codes, Codes::Only(codes) if codes.is_empty()))
    }

    /// Adds codes of a system.
    pub fn add(&mut self, system: &str, codes: Codes) {
        let joined = match self.systems.remove(system) {
            Some(before) => before.union(codes),
            None => codes,
        };
        self.systems.insert(system.into(), joined);
    }

    /// Adds one code of a system.
    pub fn add_code(&mut self, system: &str, code: &str) {
        match self.systems.get_mut(system) {
            Some(Codes::Only(codes)) => {
                codes.insert(code.into());
            }
            _ => self.add(system, Codes::Only([code.into()].into())),
        }
    }

    /// Adds all of another set.
    pub fn add_all(&mut self, other: &TokenSet) {
        for (system, codes) in &other.systems {
            self.add(system, codes.clone());
        }
    }

    /// Keeps what is in the other set too.
    pub fn keep(&mut self, other: &TokenSet) {
        let systems = std::mem::take(&mut self.systems);
        let both = systems.into_iter().filter_map(|(system, codes)| {
            let kept = codes.intersection(other.systems.get(&system)?);
            Some((system, kept))
        });
        self.systems = both.collect();
    }

    /// Takes away what is in the other set.
    pub fn remove(&mut self, other: &TokenSet) {
        for (system, codes) in &mut self.systems {
            if let Some(without) = other.systems.get(system) {
                *codes = codes.clone().intersection(&without.complement());
            }
        }
    }
}

impl Codes {
    /// All codes of a system.
    pub fn all() -> Codes {
        Codes::AllBut(BTreeSet::new())
    }

    fn contains(&self, code: Option<&str>) -> bool {
        match self {
            Codes::Only(codes) => code.is_some_and(|code| codes.contains(code)),
            Codes::AllBut(codes) => code.is_none_or(|code| !codes.contains(code)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Codes::Only(codes) | Codes::AllBut(codes) => codes.len(),
        }
    }

    fn complement(&self) -> Codes {
        match self {
            Codes::Only(codes) => Codes::AllBut(codes.clone()),
            Codes::AllBut(codes) => Codes::Only(codes.clone()),
        }
    }

    fn union(self, other: Codes) -> Codes {
        self.complement().intersection(&other.complement()).complement()
    }

    fn intersection(self, other: &Codes) -> Codes {
        match (self, other) {
            (Codes::Only(a), Codes::Only(b)) => Codes::Only(a.intersection(b).cloned().collect()),
            (Codes::Only(a), Codes::AllBut(b)) => Codes::Only(a.difference(b).cloned().collect()),
            (Codes::AllBut(a), Codes::Only(b)) => Codes::Only(b.difference(&a).cloned().collect()),
            (Codes::AllBut(a), Codes::AllBut(b)) => Codes::AllBut(a.union(b).cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(codes: &str) -> Codes {
        Codes::Only(codes.split_whitespace().map(Into::into).collect())
    }

    fn but(codes: &str) -> Codes {
        Codes::AllBut(codes.split_whitespace().map(Into::into).collect())
    }

    #[test]
    fn sets_of_codes_are_sets() {
        for (a, b, union, intersection) in [
            (only("a b"), only("b c"), only("a b c"), only("b")),
            (only("a b"), but("b c"), but("c"), only("a")),
            (but("a b"), only("b c"), but("a"), only("c")),
            (but("a b"), but("b c"), but("b"), but("a b c")),
        ] {
            assert_eq!(a.clone().union(b.clone()), union, "{a:?} or {b:?}");
            assert_eq!(a.clone().intersection(&b), intersection, "{a:?} and {b:?}");
        }
    }

    #[test]
    fn a_token_is_in_a_set_by_its_system() {
        let mut set = TokenSet::new();
        set.add("s", only("a b"));
        set.add("t", Codes::all());
        let mut without = TokenSet::new();
        without.add("s", only("b"));
        without.add("u", only("x"));
        set.remove(&without);
        for (system, code, expected) in [
            (Some("s"), Some("a"), true),
            (Some("s"), Some("b"), false),
            (Some("t"), Some("anything"), true),
            (Some("t"), None, true),
            (Some("s"), None, false),
            (Some("u"), Some("x"), false),
            (None, Some("a"), false),
        ] {
            assert_eq!(set.contains(system, code), expected, "{system:?} {code:?}");
        }
        set.keep(&without);
        assert!(set.is_empty() && !set.contains(Some("t"), Some("anything")));
    }
}
