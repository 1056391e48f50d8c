//! The value sets, code systems and concept maps that a search or a terminology operation asks of: fetched
//! beforehand, so that understanding stays pure (R4 search §3.1.1.4.10, modifiers `:in`, `:not-in`, `:above` and
//! `:below` of tokens; R4 terminology-service).

mod code_system;
mod compose;
mod concept_map;
mod concept_set;
mod expansion;
mod fault;
mod json;
mod needed;
mod packaged;
mod validation;
mod value_set;

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::{Id, Reference, Resource, ResourceKey, ResourceType};

use crate::limits::{VOCABULARY_BYTES_MAX, VOCABULARY_RESOURCES_MAX};
use crate::{Codes, Direction, Filter, ParameterSet, SystemTest, Test, TokenSet, UriTest};
use code_system::Supplement;
pub use code_system::{CodeSystem, Concept, ConceptProperty, Designation, PropertyKind, Subsumption};
use compose::Evaluation;
pub use concept_map::{ConceptMap, Dependency, Mapping, Product, TranslationAsked};
pub use expansion::{ExpandedCode, Expansion, ExpansionAsked};
pub use fault::{VocabularyError, VocabularyFault};
pub(crate) use needed::system_of;
pub use needed::vocabulary_needed;
pub use packaged::{PACKAGED_CODES_BYTES_MAX, PackagedCodes};
pub use validation::{Checked, Coded};
use value_set::ValueSet;

/// What was fetched of the data store, or comes with the standard.
#[derive(Clone, Default, Debug)]
pub struct Vocabulary {
    found: BTreeMap<VocabularyNeed, Result<Definition, VocabularyFault>>,
    /// The supplements among them, by the URL of the code system that they supplement.
    supplements: BTreeMap<String, Vec<Supplement>>,
    bytes: usize,
    /// Whether codes are shown to people, for which every code system is needed.
    is_shown: bool,
}

/// A value set, code system or concept map as it was read: cheap to clone and to keep.
#[derive(Clone, Debug)]
pub struct Definition(Kind);

#[derive(Clone, Debug)]
enum Kind {
    ValueSet(Arc<ValueSet>),
    CodeSystem(Arc<CodeSystem>),
    ConceptMap(Arc<ConceptMap>),
}

/// A value set, code system or concept map that must be looked for before a search or operation is understood, by the
/// name that it or another value set uses: `url`, `url|version`, or `ValueSet/1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VocabularyNeed {
    /// A ValueSet.
    ValueSet(String),
    /// A CodeSystem.
    CodeSystem(String),
    /// A ConceptMap.
    ConceptMap(String),
}

impl VocabularyNeed {
    /// The type of the resource looked for.
    pub fn of(&self) -> ResourceType {
        let name = match self {
            VocabularyNeed::ValueSet(_) => "ValueSet",
            VocabularyNeed::CodeSystem(_) => "CodeSystem",
            VocabularyNeed::ConceptMap(_) => "ConceptMap",
        };
        ResourceType::parse(name).expect("the standard has ValueSet, CodeSystem and ConceptMap")
    }

    /// Whether it comes with the standard.
    pub fn is_of_standard(&self) -> bool {
        let (url, version) = canonical(self.name());
        let found = match self {
            VocabularyNeed::ValueSet(_) => fhir::value_set(url).map(|set| set.version),
            VocabularyNeed::CodeSystem(_) => fhir::code_system(url).map(|system| system.version),
            VocabularyNeed::ConceptMap(_) => None,
        };
        found.is_some_and(|found| version.is_none_or(|version| version == found))
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

    /// The name by which it is looked for.
    pub fn name(&self) -> &str {
        match self {
            VocabularyNeed::ValueSet(name)
            | VocabularyNeed::CodeSystem(name)
            | VocabularyNeed::ConceptMap(name) => name,
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

    /// No vocabulary yet, of what is shown to people: every code system that a value set names is needed.
    pub fn shown() -> Self {
        Vocabulary { is_shown: true, ..Vocabulary::default() }
    }

    /// Whether it is known already what there is of a need.
    pub fn knows(&self, need: &VocabularyNeed) -> bool {
        self.found.contains_key(need)
    }

    /// Keeps what was fetched for a need: the resource that passes its filter and was written last, if there is
    /// one. Without one the standard's own definition is taken. Answers what that needs in turn.
    pub fn add(&mut self, need: VocabularyNeed, fetched: Option<&Resource>) -> Vec<VocabularyNeed> {
        let found = match fetched {
            Some(resource) => {
                let room = self.make_room(resource.document().bytes().len());
                room.and_then(|()| Definition::read(resource))
            }
            None => Definition::of_standard(&need),
        };
        self.keep(need, found)
    }

    /// Counts a resource of this many bytes that is to be read.
    ///
    /// # Errors
    /// [`VocabularyFault::Limit`] if that is too much: then it is not to be read, but kept as this fault.
    pub fn make_room(&mut self, bytes: usize) -> Result<(), VocabularyFault> {
        self.bytes = self.bytes.saturating_add(bytes);
        let is_too_much = self.bytes > VOCABULARY_BYTES_MAX;
        let fault = VocabularyFault::Limit("VOCABULARY_BYTES_MAX", VOCABULARY_BYTES_MAX);
        if is_too_much { Err(fault) } else { Ok(()) }
    }

    /// Keeps what was read for a need, before or just now.
    pub fn add_read(
        &mut self,
        need: VocabularyNeed,
        read: Result<Definition, VocabularyFault>,
    ) -> Vec<VocabularyNeed> {
        self.keep(need, read)
    }

    fn keep(
        &mut self,
        need: VocabularyNeed,
        mut found: Result<Definition, VocabularyFault>,
    ) -> Vec<VocabularyNeed> {
        if self.found.len() >= VOCABULARY_RESOURCES_MAX {
            found = Err(VocabularyFault::Limit("VOCABULARY_RESOURCES_MAX", VOCABULARY_RESOURCES_MAX));
        }
        let more = match &found {
            Ok(Definition(Kind::ValueSet(set))) => set.needs(self.is_shown),
            Ok(Definition(Kind::ConceptMap(map))) => map.needs(),
            Ok(Definition(Kind::CodeSystem(_))) | Err(_) => Vec::new(),
        };
        if let Ok(Definition(Kind::CodeSystem(system))) = &found
            && let Some((url, supplement)) = Supplement::of(system)
        {
            self.supplements.entry(url).or_default().push(supplement);
        }
        self.found.insert(need, found);
        more.into_iter().filter(|need| !self.knows(need)).collect()
    }

    /// What was kept for a need, if it could be read.
    pub fn definition(&self, need: &VocabularyNeed) -> Option<&Definition> {
        self.found.get(need)?.as_ref().ok()
    }

    /// The codes of a value set.
    pub(crate) fn codes(&self, value_set: &str) -> Result<TokenSet, VocabularyFault> {
        let set = Evaluation::of(self).token_set(value_set).map_err(|error| error.fault)?;
        Ok((*set).clone())
    }

    /// A code with all that it subsumes, or is subsumed by.
    pub(crate) fn related(
        &self,
        system: &str,
        code: &str,
        direction: Direction,
    ) -> Result<TokenSet, VocabularyFault> {
        let (url, _) = canonical(system);
        let known = self.code_system(system).map_err(|error| error.fault)?;
        let related = known.related(code, direction);
        compose::limited(related.count(), system).map_err(|error| error.fault)?;
        let codes = related.iter().map(|number| known.concept(number).code().into());
        let mut set = TokenSet::new();
        set.add(url, Codes::Only(codes.collect()));
        set.add_code(url, code);
        Ok(set)
    }

    pub(crate) fn value_set(&self, name: &str) -> Result<&ValueSet, VocabularyError> {
        match self.found.get(&VocabularyNeed::ValueSet(name.to_owned())) {
            Some(Ok(Definition(Kind::ValueSet(set)))) => Ok(set),
            Some(Err(fault)) => Err(fault.clone().of(name)),
            _ => Err(VocabularyFault::NoValueSet.of(name)),
        }
    }

    /// The code system of this name.
    ///
    /// # Errors
    /// [`VocabularyError`] if it was not found or cannot be used.
    pub fn code_system(&self, name: &str) -> Result<&CodeSystem, VocabularyError> {
        match self.found.get(&VocabularyNeed::CodeSystem(name.to_owned())) {
            Some(Ok(Definition(Kind::CodeSystem(system)))) if system.is_supplement() => {
                Err(VocabularyFault::Supplement.of(name))
            }
            Some(Ok(Definition(Kind::CodeSystem(system)))) => Ok(system),
            Some(Err(fault)) => Err(fault.clone().of(name)),
            _ => Err(VocabularyFault::NoCodeSystem.of(name)),
        }
    }

    /// Makes sure of a supplement that somebody wants to be used: it is, if it was found.
    ///
    /// # Errors
    /// [`VocabularyError`] if it was not found, or is a code system of its own.
    pub fn check_supplement(&self, name: &str) -> Result<(), VocabularyError> {
        match self.found.get(&VocabularyNeed::CodeSystem(name.to_owned())) {
            Some(Ok(Definition(Kind::CodeSystem(system)))) if system.is_supplement() => Ok(()),
            Some(Err(fault @ VocabularyFault::Limit(..))) => Err(fault.clone().of(name)),
            _ => Err(VocabularyFault::NoSupplement.of(name)),
        }
    }

    /// The supplements that were found of a code system.
    pub(crate) fn supplements(&self, of: &CodeSystem) -> &[Supplement] {
        self.supplements.get(&of.url).map_or(&[], Vec::as_slice)
    }

    /// A concept with what supplements that were found add to it.
    pub fn supplemented<'v>(&'v self, concept: Concept<'v>) -> Concept<'v> {
        concept.supplemented(self.supplements(concept.system()))
    }

    /// The concept map of this name.
    ///
    /// # Errors
    /// [`VocabularyError`] if it was not found or cannot be used.
    pub fn concept_map(&self, name: &str) -> Result<&ConceptMap, VocabularyError> {
        match self.found.get(&VocabularyNeed::ConceptMap(name.to_owned())) {
            Some(Ok(Definition(Kind::ConceptMap(map)))) => Ok(map),
            Some(Err(fault)) => Err(fault.clone().of(name)),
            _ => Err(VocabularyFault::NoConceptMap.of(name)),
        }
    }
}

impl Definition {
    /// Of a ValueSet, CodeSystem or ConceptMap resource.
    ///
    /// # Errors
    /// [`VocabularyFault`] if it cannot be used.
    pub fn read(resource: &Resource) -> Result<Self, VocabularyFault> {
        let root = resource.root();
        Ok(Definition(match resource.of().name() {
            "CodeSystem" => Kind::CodeSystem(Arc::new(CodeSystem::read(root)?)),
            "ConceptMap" => Kind::ConceptMap(Arc::new(ConceptMap::read(root))),
            _ => Kind::ValueSet(Arc::new(ValueSet::read(root))),
        }))
    }

    /// What the standard has of a need.
    fn of_standard(need: &VocabularyNeed) -> Result<Self, VocabularyFault> {
        let (url, version) = canonical(need.name());
        let is_meant = |found: &str| version.is_none_or(|version| version == found);
        match need {
            VocabularyNeed::ValueSet(_) => match fhir::value_set(url).filter(|set| is_meant(set.version)) {
                Some(set) => Ok(Definition(Kind::ValueSet(Arc::new(ValueSet::of_definition(set))))),
                None => Err(VocabularyFault::NoValueSet),
            },
            VocabularyNeed::CodeSystem(_) => {
                match fhir::code_system(url).filter(|system| is_meant(system.version)) {
                    Some(system) => {
                        Ok(Definition(Kind::CodeSystem(Arc::new(CodeSystem::of_definition(system)))))
                    }
                    None => Err(VocabularyFault::NoCodeSystem),
                }
            }
            VocabularyNeed::ConceptMap(_) => Err(VocabularyFault::NoConceptMap),
        }
    }

    /// About how much memory it takes, in bytes; of value sets and concept maps nothing, for they are small.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Kind::CodeSystem(system) => system.memory_bytes(),
            Kind::ValueSet(_) | Kind::ConceptMap(_) => 0,
        }
    }
}

#[cfg(test)]
mod terminology_tests;
#[cfg(test)]
mod tests;
