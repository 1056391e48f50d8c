//! The value sets and code systems that a search asks of: fetched beforehand, so that understanding a search
//! stays pure (R4 search §3.1.1.4.10, modifiers `:in`, `:not-in`, `:above` and `:below` of tokens).

mod code_system;
mod needed;
mod value_set;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fhir::{Id, Reference, Resource, ResourceKey, ResourceType};

use crate::limits::{VALUE_SET_NESTING_MAX, VOCABULARY_BYTES_MAX, VOCABULARY_RESOURCES_MAX};
use crate::{Codes, Direction, Filter, ParameterSet, SystemTest, Test, TokenSet, UriTest};
pub(crate) use code_system::CodeSystem;
pub(crate) use needed::system_of;
pub use needed::vocabulary_needed;
use value_set::ValueSet;

/// What was fetched of the data store, or comes with the standard.
#[derive(Clone, Default, Debug)]
pub struct Vocabulary {
    found: BTreeMap<VocabularyNeed, Found>,
    bytes: usize,
}

#[derive(Clone, Debug)]
enum Found {
    ValueSet(Arc<ValueSet>),
    CodeSystem(Arc<CodeSystem>),
    Fault(VocabularyFault),
}

/// A value set or code system that must be looked for before a search is understood, by the name that the
/// search or another value set uses: `url`, `url|version`, or for a value set `ValueSet/1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VocabularyNeed {
    /// A ValueSet.
    ValueSet(String),
    /// A CodeSystem.
    CodeSystem(String),
}

/// Why a value set or code system cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VocabularyFault {
    /// There is no such value set.
    NoValueSet,
    /// There is no such code system.
    NoCodeSystem,
    /// The codes of the code system are not known: it is stored without them.
    NoCodes,
    /// A filter of the value set is not understood.
    Filter,
    /// A limit of this name and size was exceeded.
    Limit(&'static str, usize),
}

impl fmt::Display for VocabularyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VocabularyFault::NoValueSet => {
                f.write_str("a ValueSet that is neither stored here nor defined by FHIR R4")
            }
            VocabularyFault::NoCodeSystem => {
                f.write_str("a CodeSystem that is neither stored here nor defined by FHIR R4")
            }
            VocabularyFault::NoCodes => f.write_str("a CodeSystem whose codes are not stored with it"),
            VocabularyFault::Filter => f.write_str("a ValueSet with a filter that is not supported"),
            VocabularyFault::Limit(name, size) => {
                write!(f, "more vocabulary than the limit {name} of {size} allows")
            }
        }
    }
}

impl VocabularyNeed {
    /// The type of the resource looked for.
    pub fn of(&self) -> ResourceType {
        let name = match self {
            VocabularyNeed::ValueSet(_) => "ValueSet",
            VocabularyNeed::CodeSystem(_) => "CodeSystem",
        };
        ResourceType::parse(name).expect("the standard has ValueSet and CodeSystem")
    }

    /// What the resource looked for passes, in the data store at `base`. If several do, the one that was
    /// written last is meant.
    pub fn filter(&self, parameters: &ParameterSet, base: &str) -> Filter {
        let name = self.name();
        if let Some(key) = self.literal(base) {
            return Filter::Ids(vec![key.id]);
        }
        let (url, version) = canonical(name);
        let has = |code: &str, test: Test| match parameters.named(self.of(), code) {
            Some((param, _)) => Filter::Has(param, test),
            None => Filter::Nothing,
        };
        let is_url = has("url", Test::Uri(UriTest::Is(url.into())));
        let Some(version) = version else { return is_url };
        let code = Some(version.into());
        is_url.and(has("version", Test::Token { system: SystemTest::Any, code }))
    }

    fn name(&self) -> &str {
        match self {
            VocabularyNeed::ValueSet(name) | VocabularyNeed::CodeSystem(name) => name,
        }
    }

    fn literal(&self, base: &str) -> Option<ResourceKey> {
        let (of, id) = match Reference::parse(self.name()) {
            Reference::Relative { of, id, .. } => (of, id),
            Reference::Absolute { base: other, of, id, .. }
                if other.trim_end_matches('/') == base.trim_end_matches('/') =>
            {
                (of, id)
            }
            _ => return None,
        };
        (of == self.of()).then(|| Some(ResourceKey { of, id: Id::parse(id)? }))?
    }
}

/// The parts of a canonical URL: `url|version`.
fn canonical(name: &str) -> (&str, Option<&str>) {
    name.split_once('|').map_or((name, None), |(url, version)| (url, Some(version)))
}

impl Vocabulary {
    /// No vocabulary.
    pub fn new() -> Self {
        Self::default()
    }

    /// What these parameters name of the standard's own vocabulary: for where nothing can be fetched.
    pub fn standard(parameters: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        let mut vocabulary = Vocabulary::new();
        let mut open = vocabulary_needed(parameters);
        while let Some(need) = open.pop() {
            if !vocabulary.knows(&need) {
                open.extend(vocabulary.add(need, None));
            }
        }
        vocabulary
    }

    /// Whether it is known already what there is of a need.
    pub fn knows(&self, need: &VocabularyNeed) -> bool {
        self.found.contains_key(need)
    }

    /// Keeps what was fetched for a need: the resource that passes its filter and was written last, if there is
    /// one. Without one the standard's own definition is taken. Answers what that needs in turn.
    pub fn add(&mut self, need: VocabularyNeed, fetched: Option<&Resource>) -> Vec<VocabularyNeed> {
        self.bytes += fetched.map_or(0, |resource| resource.document().bytes().len());
        let found = if self.bytes > VOCABULARY_BYTES_MAX {
            Found::Fault(VocabularyFault::Limit("VOCABULARY_BYTES_MAX", VOCABULARY_BYTES_MAX))
        } else if self.found.len() >= VOCABULARY_RESOURCES_MAX {
            Found::Fault(VocabularyFault::Limit("VOCABULARY_RESOURCES_MAX", VOCABULARY_RESOURCES_MAX))
        } else {
            read(&need, fetched)
        };
        let more = match &found {
            Found::ValueSet(set) => set.needs(),
            Found::CodeSystem(_) | Found::Fault(_) => Vec::new(),
        };
        self.found.insert(need, found);
        more.into_iter().filter(|need| !self.knows(need)).collect()
    }

    /// The codes of a value set.
    pub(crate) fn codes(&self, value_set: &str) -> Result<TokenSet, VocabularyFault> {
        self.expansion(value_set, 0)
    }

    /// A code with all that it subsumes, or is subsumed by.
    pub(crate) fn related(
        &self,
        system: &str,
        code: &str,
        direction: Direction,
    ) -> Result<TokenSet, VocabularyFault> {
        let (url, _) = canonical(system);
        let codes = self.code_system(system)?.related(code, direction)?;
        let mut set = TokenSet::new();
        set.add(url, Codes::Only(codes));
        Ok(set)
    }

    fn expansion(&self, name: &str, depth: usize) -> Result<TokenSet, VocabularyFault> {
        if depth > VALUE_SET_NESTING_MAX {
            return Err(VocabularyFault::Limit("VALUE_SET_NESTING_MAX", VALUE_SET_NESTING_MAX));
        }
        match self.found.get(&VocabularyNeed::ValueSet(name.to_owned())) {
            Some(Found::ValueSet(set)) => set.expand(self, depth),
            Some(Found::Fault(fault)) => Err(fault.clone()),
            _ => Err(VocabularyFault::NoValueSet),
        }
    }

    fn code_system(&self, name: &str) -> Result<&CodeSystem, VocabularyFault> {
        match self.found.get(&VocabularyNeed::CodeSystem(name.to_owned())) {
            Some(Found::CodeSystem(system)) => Ok(system),
            Some(Found::Fault(fault)) => Err(fault.clone()),
            _ => Err(VocabularyFault::NoCodeSystem),
        }
    }
}

fn read(need: &VocabularyNeed, fetched: Option<&Resource>) -> Found {
    let (url, version) = canonical(need.name());
    match (need, fetched) {
        (VocabularyNeed::ValueSet(_), Some(resource)) => {
            Found::ValueSet(Arc::new(ValueSet::read(resource.root())))
        }
        (VocabularyNeed::CodeSystem(_), Some(resource)) => match CodeSystem::read(resource.root()) {
            Ok(system) => Found::CodeSystem(Arc::new(system)),
            Err(fault) => Found::Fault(fault),
        },
        (VocabularyNeed::ValueSet(_), None) => match fhir::value_set(url) {
            Some(set) if version.is_none_or(|version| version == set.version) => {
                Found::ValueSet(Arc::new(ValueSet::of_definition(set)))
            }
            _ => Found::Fault(VocabularyFault::NoValueSet),
        },
        (VocabularyNeed::CodeSystem(_), None) => match fhir::code_system(url) {
            Some(system) if version.is_none_or(|version| version == system.version) => {
                Found::CodeSystem(Arc::new(CodeSystem::of_definition(system)))
            }
            _ => Found::Fault(VocabularyFault::NoCodeSystem),
        },
    }
}

#[cfg(test)]
mod tests;
