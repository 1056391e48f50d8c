//! Which codes a value set holds: the one meaning behind `:in`, `$expand` and `$validate-code`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::code_system::CodeSystem;
use super::concept_set::ConceptSet;
use super::value_set::{Part, ValueSet};
use super::{Vocabulary, VocabularyError, VocabularyFault};
use crate::limits::{VALUE_SET_CODES_MAX, VALUE_SET_NESTING_MAX, VALUE_SET_WORK_MAX};
use crate::{Codes, TokenSet};

type Result<T> = std::result::Result<T, VocabularyError>;

/// Works value sets out; what was worked out once is known while it lives.
pub(crate) struct Evaluation<'v> {
    pub(crate) vocabulary: &'v Vocabulary,
    composed: RefCell<HashMap<String, Rc<Composed<'v>>>>,
    sets: RefCell<HashMap<String, Rc<TokenSet>>>,
    depth: Cell<usize>,
    work_left: Cell<usize>,
}

/// A value set whose parts are worked out, each for itself.
pub(crate) struct Composed<'v> {
    pub(crate) value_set: &'v ValueSet,
    pub(crate) includes: Vec<Chosen<'v>>,
    excludes: Vec<Chosen<'v>>,
}

/// What a part of a value set chooses.
pub(crate) struct Chosen<'v> {
    pub(crate) part: &'v Part,
    /// The code system, if it is known.
    pub(crate) system: Option<&'v CodeSystem>,
    /// The concepts that pass its filters, if it has filters.
    pub(crate) concepts: Option<ConceptSet>,
    pub(crate) imports: Vec<Rc<TokenSet>>,
}

impl<'v> Evaluation<'v> {
    pub(crate) fn of(vocabulary: &'v Vocabulary) -> Self {
        Evaluation {
            vocabulary,
            composed: RefCell::default(),
            sets: RefCell::default(),
            depth: Cell::new(0),
            work_left: Cell::new(VALUE_SET_WORK_MAX),
        }
    }

    /// Counts a step of work, so that value sets that import each other many times over end.
    pub(crate) fn step(&self, of: &str) -> Result<()> {
        let left = self.work_left.get().checked_sub(1);
        let too_much = || VocabularyFault::Limit("VALUE_SET_WORK_MAX", VALUE_SET_WORK_MAX).of(of);
        self.work_left.set(left.ok_or_else(too_much)?);
        Ok(())
    }

    /// The value set of this name with its parts.
    pub(crate) fn composed(&self, name: &str) -> Result<Rc<Composed<'v>>> {
        if let Some(known) = self.composed.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        if self.depth.get() > VALUE_SET_NESTING_MAX {
            return Err(VocabularyFault::Limit("VALUE_SET_NESTING_MAX", VALUE_SET_NESTING_MAX).of(name));
        }
        self.depth.set(self.depth.get() + 1);
        let value_set = self.vocabulary.value_set(name)?;
        let parts = |parts: &'v [Part]| {
            let needed = parts.iter().filter(|_| value_set.ready.is_none());
            needed.map(|part| self.chosen(part)).collect::<Result<Vec<_>>>()
        };
        let (includes, excludes) = (parts(&value_set.includes)?, parts(&value_set.excludes)?);
        self.depth.set(self.depth.get() - 1);
        let composed = Rc::new(Composed { value_set, includes, excludes });
        self.composed.borrow_mut().insert(name.to_owned(), Rc::clone(&composed));
        Ok(composed)
    }

    fn chosen(&self, part: &'v Part) -> Result<Chosen<'v>> {
        let canonical = part.canonical().unwrap_or_default();
        let system = self.vocabulary.code_system(&canonical).map_err(|error| error.fault);
        let mut chosen = Chosen::of_system(part, system).map_err(|fault| fault.of(&canonical))?;
        chosen.imports = part.imports.iter().map(|name| self.token_set(name)).collect::<Result<_>>()?;
        Ok(chosen)
    }

    /// The codes of a value set without asking for code systems whose codes it takes all.
    pub(crate) fn token_set(&self, name: &str) -> Result<Rc<TokenSet>> {
        if let Some(known) = self.sets.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        let composed = self.composed(name)?;
        let set = Rc::new(composed.token_set(name)?);
        self.sets.borrow_mut().insert(name.to_owned(), Rc::clone(&set));
        Ok(set)
    }
}

impl Composed<'_> {
    fn token_set(&self, name: &str) -> Result<TokenSet> {
        if let Some(ready) = &self.value_set.ready {
            return Ok(ready.set.clone());
        }
        let mut set = TokenSet::new();
        for chosen in &self.includes {
            set.add_all(&chosen.token_set(self.is_without_inactive(), name)?);
            limited(set.len(), name)?;
        }
        for chosen in &self.excludes {
            set.remove(&chosen.token_set(false, name)?);
            limited(set.len(), name)?;
        }
        Ok(set)
    }

    /// Whether codes that are no longer for use are left out.
    pub(crate) fn is_without_inactive(&self) -> bool {
        self.value_set.is_without_inactive
    }

    /// Whether a code is in the value set. A whole code system whose codes are not known here has every code.
    pub(crate) fn contains(&self, system: &str, code: &str) -> bool {
        match &self.value_set.ready {
            Some(ready) => ready.set.contains(Some(system), Some(code)),
            None => {
                let mut includes = self.includes.iter();
                includes.any(|chosen| chosen.takes(system, code, self.is_without_inactive()))
                    && !self.is_excluded(system, code)
            }
        }
    }

    /// Whether a code is taken out again.
    pub(crate) fn is_excluded(&self, system: &str, code: &str) -> bool {
        self.excludes.iter().any(|chosen| chosen.takes(system, code, false))
    }

    /// Whether something is excluded.
    pub(crate) fn has_excludes(&self) -> bool {
        !self.excludes.is_empty()
    }
}

impl<'v> Chosen<'v> {
    /// What a part chooses of its code system, without what it imports.
    pub(crate) fn of_system(
        part: &'v Part,
        system: std::result::Result<&'v CodeSystem, VocabularyFault>,
    ) -> std::result::Result<Self, VocabularyFault> {
        let mut concepts: Option<ConceptSet> = None;
        if part.system.is_some() && part.codes.is_empty() && !part.filters.is_empty() {
            let system = system.clone()?;
            for filter in &part.filters {
                let found = system.select(filter)?;
                match &mut concepts {
                    Some(concepts) => concepts.keep(&found),
                    None => concepts = Some(found),
                }
            }
        }
        Ok(Chosen { part, system: system.ok(), concepts, imports: Vec::new() })
    }

    /// The codes; `name` is the value set's.
    pub(crate) fn token_set(&self, is_without_inactive: bool, name: &str) -> Result<TokenSet> {
        let mut found: Option<TokenSet> = None;
        let mut meet = |set: &TokenSet| match &mut found {
            Some(found) => found.keep(set),
            None => found = Some(set.clone()),
        };
        if let Some(system) = &self.part.system {
            let mut set = TokenSet::new();
            set.add(system, self.codes(name)?);
            if is_without_inactive && let Some(system) = self.system {
                set.remove(&inactive(system));
            }
            meet(&set);
        }
        self.imports.iter().for_each(|import| meet(import));
        Ok(found.unwrap_or_default())
    }

    /// The concepts listed, those that pass all filters, or all of the system.
    fn codes(&self, name: &str) -> Result<Codes> {
        if let (Some(system), Some(concepts)) = (self.system, &self.concepts) {
            limited(concepts.count(), name)?;
            return Ok(Codes::Only(
                concepts.iter().map(|number| system.concept(number).code().into()).collect(),
            ));
        }
        if self.part.codes.is_empty() {
            return Ok(Codes::all());
        }
        let listed = self.part.codes.iter().map(|listed| Arc::<str>::from(&*listed.code));
        Ok(Codes::Only(listed.collect()))
    }

    /// Whether a code is among those chosen.
    fn takes(&self, system: &str, code: &str, is_without_inactive: bool) -> bool {
        let concept = || self.system.and_then(|known| Some(known.concept(known.number(code)?)));
        let is_chosen = match (&self.part.system, &self.concepts) {
            (None, _) => !self.imports.is_empty(),
            (Some(own), _) if own != system => false,
            (Some(_), Some(concepts)) => concept().is_some_and(|concept| concepts.contains(concept.number())),
            (Some(_), None) => self.part.codes.is_empty() || self.part.by_code.contains_key(code),
        };
        let is_left_out = || {
            is_without_inactive
                && self.part.system.is_some()
                && concept().is_some_and(|found| found.is_inactive())
        };
        is_chosen && !is_left_out() && self.is_imported(system, code)
    }

    /// Whether a code is in all value sets imported.
    pub(crate) fn is_imported(&self, system: &str, code: &str) -> bool {
        self.imports.iter().all(|import| import.contains(Some(system), Some(code)))
    }
}

/// The codes of a code system that are no longer for use.
fn inactive(system: &CodeSystem) -> TokenSet {
    let all = (0..system.len() as u32).map(|number| system.concept(number));
    let codes = all.filter(|concept| concept.is_inactive()).map(|concept| concept.code().into());
    let mut set = TokenSet::new();
    set.add(&system.url, Codes::Only(codes.collect()));
    set
}

/// Refuses more codes than a value set may have.
pub(super) fn limited(count: usize, name: &str) -> Result<()> {
    match count > VALUE_SET_CODES_MAX {
        true => Err(VocabularyFault::Limit("VALUE_SET_CODES_MAX", VALUE_SET_CODES_MAX).of(name)),
        false => Ok(()),
    }
}
