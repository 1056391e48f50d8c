//! A value set in the form in which a code is found in it at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::bounds::Bounds;
use crate::vocabulary::code_system::{CodeSystem, Subsumption};
use crate::{Codes, TokenSet};

/// Which codes a value set has.
#[derive(Debug)]
pub(super) struct Membership {
    systems: HashMap<Box<str>, OfSystem>,
    /// Whether codes of systems that are not among these may be in it.
    is_open: bool,
}

/// Which codes of a code system it has.
#[derive(Debug)]
struct OfSystem {
    /// Codes that differ from the rest.
    listed: HashMap<Box<str>, Answer>,
    /// About how much memory these take, in bytes.
    listed_bytes: usize,
    rest: Answer,
}

/// Whether it has a code.
#[derive(Clone, Debug)]
enum Answer {
    Yes,
    No,
    Unknown,
    /// If the code system has it.
    IfItExists(Arc<CodeSystem>),
}

/// About how much memory a listed code takes beside its text, in bytes.
const LISTED_BYTES: usize = size_of::<Box<str>>() + size_of::<Answer>() + 16;

impl Membership {
    /// That of a value set of which nothing is known.
    pub(super) fn unknown() -> Self {
        Membership { systems: HashMap::new(), is_open: true }
    }

    /// That of a set of codes; `system` finds the code system of which it has codes that need to exist.
    pub(super) fn of(bounds: &Bounds, system: &mut dyn FnMut(&str) -> Option<Arc<CodeSystem>>) -> Self {
        let Bounds { named, surely, maybe } = bounds;
        let all = [Some(named), Some(surely), maybe.as_ref()].into_iter().flatten();
        let mut listed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (url, Codes::Only(codes) | Codes::AllBut(codes)) in all.flat_map(TokenSet::systems) {
            listed.entry(url).or_default().extend(codes.iter().map(|code| &**code));
        }
        let systems = listed.into_iter().map(|(url, codes)| {
            let known = if takes_all(surely, url) { system(url) } else { None };
            (url.into(), OfSystem::of(bounds, url, &codes, known))
        });
        Membership { systems: systems.collect(), is_open: maybe.is_none() }
    }

    /// Whether it has a code; without a system: of any of its systems.
    pub(super) fn has(&self, system: Option<&str>, code: &str) -> Option<bool> {
        let no = if self.is_open { None } else { Some(false) };
        if let Some(system) = system {
            return self.systems.get(system).map_or(no, |of_system| of_system.has(code));
        }
        let mut answer = no;
        for of_system in self.systems.values() {
            match of_system.has(code) {
                Some(true) => return Some(true),
                None => answer = None,
                Some(false) => {}
            }
        }
        answer
    }

    /// Whether a code of a code system that it has whole is the other or subsumes it.
    pub(super) fn is_above(&self, system: &str, code: &str, other: &str) -> Option<bool> {
        let Answer::IfItExists(known) = &self.systems.get(system)?.rest else { return None };
        let (code, other) = (known.find(code)?, known.find(other)?);
        Some(matches!(known.subsumption(code, other), Subsumption::Equivalent | Subsumption::Subsumes))
    }

    /// About how much memory it takes, in bytes, without the code systems counted already.
    pub(super) fn memory_bytes(&self, counted: &mut HashSet<*const CodeSystem>) -> usize {
        let mut bytes = 0;
        for (url, of_system) in &self.systems {
            bytes += url.len() + size_of::<OfSystem>() + of_system.listed_bytes;
            if let Answer::IfItExists(system) = &of_system.rest
                && counted.insert(Arc::as_ptr(system))
            {
                bytes += system.memory_bytes();
            }
        }
        bytes
    }
}

impl OfSystem {
    /// What a set of codes has of this code system; `codes` are those that it says something of.
    fn of(bounds: &Bounds, url: &str, codes: &BTreeSet<&str>, known: Option<Arc<CodeSystem>>) -> Self {
        let Bounds { named, surely, maybe } = bounds;
        let existing = || known.clone().map_or(Answer::Unknown, Answer::IfItExists);
        let answer = |code: &str| {
            let has = |set: &TokenSet| set.contains(Some(url), Some(code));
            match (has(named), has(surely), maybe.as_ref().is_none_or(has)) {
                (true, ..) => Answer::Yes,
                (_, true, _) => existing(),
                (.., true) => Answer::Unknown,
                (.., false) => Answer::No,
            }
        };
        let rest = match maybe.as_ref().is_none_or(|maybe| takes_all(maybe, url)) {
            _ if takes_all(surely, url) => existing(),
            true => Answer::Unknown,
            false => Answer::No,
        };
        OfSystem {
            listed: codes.iter().map(|code| (Box::from(*code), answer(code))).collect(),
            listed_bytes: codes.iter().map(|code| code.len() + LISTED_BYTES).sum(),
            rest,
        }
    }

    fn has(&self, code: &str) -> Option<bool> {
        match self.listed.get(code).unwrap_or(&self.rest) {
            Answer::Yes => Some(true),
            Answer::No => Some(false),
            Answer::Unknown => None,
            Answer::IfItExists(system) => {
                let is_there = system.find(code).is_some();
                (is_there || system.is_complete()).then_some(is_there)
            }
        }
    }
}

/// Whether a set has all codes of a code system but some.
fn takes_all(set: &TokenSet, url: &str) -> bool {
    set.systems().any(|(of, codes)| of == url && matches!(codes, Codes::AllBut(_)))
}
