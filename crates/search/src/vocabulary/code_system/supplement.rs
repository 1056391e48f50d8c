//! What a supplement adds to the concepts of a code system: designations and properties (R4 codesystem, `supplements`).

use std::sync::Arc;

use super::{CodeSystem, Concept, Designation};
use crate::vocabulary::canonical;
use crate::vocabulary::concept_set::ConceptSet;

/// A code system that adds to another and has no codes of its own.
#[derive(Clone, Debug)]
pub(crate) struct Supplement {
    system: Arc<CodeSystem>,
    /// The version of the code system that it is meant for, if it says one.
    version: Option<String>,
}

impl Supplement {
    /// A code system as a supplement, with the URL of what it supplements; nothing if it is none.
    pub(crate) fn of(system: &Arc<CodeSystem>) -> Option<(String, Self)> {
        let (url, version) = canonical(system.supplements.as_deref().filter(|_| system.is_supplement())?);
        let supplement = Supplement { system: Arc::clone(system), version: version.map(str::to_owned) };
        Some((url.to_owned(), supplement))
    }

    /// Its own URL and version.
    pub(crate) fn canonical(&self) -> String {
        self.system.canonical()
    }

    /// Whether it is meant for this version of what it supplements.
    pub(crate) fn is_for(&self, base: &CodeSystem) -> bool {
        self.version.is_none() || self.version == base.version
    }

    /// What it has of a concept.
    pub(super) fn concept(&self, base: Concept<'_>) -> Option<Concept<'_>> {
        let system = self.is_for(base.system).then_some(&*self.system)?;
        Some(system.concept(system.number(base.code())?))
    }

    /// How it shows a concept, as a designation in its language.
    pub(super) fn display<'a>(&'a self, concept: Concept<'a>) -> Option<Designation<'a>> {
        let value = concept.display()?;
        Some(Designation { language: self.system.language.as_deref(), usage: None, value })
    }

    /// The concepts of a code system that it calls by all these words, which are folded.
    pub(crate) fn called(&self, base: &CodeSystem, words: &[String]) -> ConceptSet {
        let mut found = ConceptSet::none(base.len());
        if self.is_for(base) {
            let codes = self.system.called(words);
            let numbers = codes.iter().map(|number| self.system.concept(number).code());
            numbers.filter_map(|code| base.number(code)).for_each(|number| {
                found.insert(number);
            });
        }
        found
    }
}
