//! Which codes a value set holds: a ready expansion, or what its compose says (R4 valueset).

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::{Json, ValueSetDefinition, ValueSetPart};

use super::code_system::string;
use super::{Vocabulary, VocabularyFault, VocabularyNeed};
use crate::limits::VALUE_SET_CODES_MAX;
use crate::{Codes, TokenSet};

/// A value set.
#[derive(Debug)]
pub(super) struct ValueSet {
    /// A ready expansion, if it is whole.
    ready: Option<TokenSet>,
    includes: Vec<Part>,
    excludes: Vec<Part>,
}

/// An `include` or `exclude`: what all of these name.
#[derive(Debug)]
struct Part {
    system: Option<String>,
    version: Option<String>,
    codes: Vec<Arc<str>>,
    filters: Vec<ConceptFilter>,
    imports: Vec<String>,
}

/// Chooses codes of a code system by a property.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ConceptFilter {
    pub(super) property: String,
    pub(super) operator: String,
    pub(super) value: String,
}

impl ValueSet {
    /// Of a ValueSet resource.
    pub(super) fn read(root: Json<'_>) -> Self {
        let parts = |name: &str| {
            let list = root.get("compose").and_then(|compose| compose.get(name));
            list.into_iter().flat_map(Json::items).map(Part::read).collect::<Vec<_>>()
        };
        ValueSet {
            ready: root.get("expansion").and_then(ready),
            includes: parts("include"),
            excludes: parts("exclude"),
        }
    }

    /// Of one that comes with the standard.
    pub(super) fn of_definition(definition: &ValueSetDefinition) -> Self {
        let parts = |parts: &[ValueSetPart]| parts.iter().map(Part::of_definition).collect();
        ValueSet { ready: None, includes: parts(&definition.includes), excludes: parts(&definition.excludes) }
    }

    /// What must be known before it can be expanded.
    pub(super) fn needs(&self) -> Vec<VocabularyNeed> {
        if self.ready.is_some() {
            return Vec::new();
        }
        self.includes.iter().chain(&self.excludes).flat_map(Part::needs).collect()
    }

    pub(super) fn expand(&self, vocabulary: &Vocabulary, depth: usize) -> Result<TokenSet, VocabularyFault> {
        if let Some(ready) = &self.ready {
            return Ok(ready.clone());
        }
        let mut set = TokenSet::new();
        for part in &self.includes {
            set.add_all(&part.expand(vocabulary, depth)?);
            limited(&set)?;
        }
        for part in &self.excludes {
            set.remove(&part.expand(vocabulary, depth)?);
            limited(&set)?;
        }
        Ok(set)
    }
}

fn limited(set: &TokenSet) -> Result<(), VocabularyFault> {
    match set.len() {
        count if count > VALUE_SET_CODES_MAX => {
            Err(VocabularyFault::Limit("VALUE_SET_CODES_MAX", VALUE_SET_CODES_MAX))
        }
        _ => Ok(()),
    }
}

impl Part {
    fn read(json: Json<'_>) -> Self {
        let list = |name: &str| json.get(name).into_iter().flat_map(Json::items);
        let filter = |json: Json<'_>| {
            let (property, operator) = (string(json, "property")?, string(json, "op")?);
            Some(ConceptFilter { property, operator, value: string(json, "value")? })
        };
        let imports = list("valueSet").filter_map(|import| import.as_str().map(std::borrow::Cow::into_owned));
        Part {
            system: string(json, "system"),
            version: string(json, "version"),
            codes: list("concept").filter_map(|concept| Some(string(concept, "code")?.into())).collect(),
            filters: list("filter").filter_map(filter).collect(),
            imports: imports.collect(),
        }
    }

    fn of_definition(part: &ValueSetPart) -> Self {
        let filter = |(property, operator, value): &(&str, &str, &str)| ConceptFilter {
            property: (*property).to_owned(),
            operator: (*operator).to_owned(),
            value: (*value).to_owned(),
        };
        Part {
            system: part.system.map(str::to_owned),
            version: None,
            codes: part.codes.iter().map(|code| (*code).into()).collect(),
            filters: part.filters.iter().map(filter).collect(),
            imports: part.imports.iter().map(|import| (*import).to_owned()).collect(),
        }
    }

    /// The code system's canonical URL, with the version if it says one.
    fn canonical(&self) -> Option<String> {
        let system = self.system.as_deref()?;
        Some(self.version.as_ref().map_or_else(|| system.to_owned(), |version| format!("{system}|{version}")))
    }

    fn needs(&self) -> Vec<VocabularyNeed> {
        let mut needs: Vec<VocabularyNeed> =
            self.imports.iter().cloned().map(VocabularyNeed::ValueSet).collect();
        if !self.filters.is_empty() {
            needs.extend(self.canonical().map(VocabularyNeed::CodeSystem));
        }
        needs
    }

    fn expand(&self, vocabulary: &Vocabulary, depth: usize) -> Result<TokenSet, VocabularyFault> {
        let mut found: Option<TokenSet> = None;
        let mut meet = |set: TokenSet| match &mut found {
            Some(found) => found.keep(&set),
            None => found = Some(set),
        };
        if let Some(system) = &self.system {
            let mut set = TokenSet::new();
            set.add(system, self.codes_of_system(vocabulary)?);
            meet(set);
        }
        for import in &self.imports {
            meet(vocabulary.expansion(import, depth + 1)?);
        }
        Ok(found.unwrap_or_default())
    }

    /// The concepts listed, those that pass all filters, or all of the system.
    fn codes_of_system(&self, vocabulary: &Vocabulary) -> Result<Codes, VocabularyFault> {
        if !self.codes.is_empty() {
            return Ok(Codes::Only(self.codes.iter().cloned().collect()));
        }
        if self.filters.is_empty() {
            return Ok(Codes::all());
        }
        let system = vocabulary.code_system(&self.canonical().unwrap_or_default())?;
        let mut found: Option<BTreeSet<Arc<str>>> = None;
        for filter in &self.filters {
            let codes = system.select(filter)?;
            found = Some(
                found.map_or_else(|| codes.clone(), |found| found.intersection(&codes).cloned().collect()),
            );
        }
        Ok(Codes::Only(found.unwrap_or_default()))
    }
}

/// The codes of an expansion, unless it is a page of a larger one.
fn ready(expansion: Json<'_>) -> Option<TokenSet> {
    let mut set = TokenSet::new();
    let mut count = 0;
    add_contained(expansion, &mut set, &mut count);
    let total =
        expansion.get("total").and_then(Json::as_number).and_then(|total| total.parse::<usize>().ok());
    (count > 0 && total.is_none_or(|total| total <= count)).then_some(set)
}

fn add_contained(json: Json<'_>, set: &mut TokenSet, count: &mut usize) {
    for item in json.get("contains").into_iter().flat_map(Json::items) {
        *count += 1;
        let is_abstract = item.get("abstract").and_then(Json::as_bool) == Some(true);
        if let (Some(system), Some(code), false) = (string(item, "system"), string(item, "code"), is_abstract)
        {
            set.add_code(&system, &code);
        }
        add_contained(item, set, count);
    }
}
