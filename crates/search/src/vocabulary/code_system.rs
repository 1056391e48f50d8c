//! The codes of a code system, their properties, and which subsumes which (R4 codesystem).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use fhir::{CodeSystemDefinition, Json};
use regex::RegexBuilder;

use super::VocabularyFault;
use super::value_set::ConceptFilter;
use crate::Direction;
use crate::limits::VALUE_SET_CODES_MAX;

/// How large the automaton of a value set's regular expression may be, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Properties that name a concept above; the others that do so have the standard's address.
const PARENTS: [&str; 2] = ["parent", "subsumedBy"];
const PARENT_URI: &str = "http://hl7.org/fhir/concept-properties#parent";
const CHILD_URI: &str = "http://hl7.org/fhir/concept-properties#child";

/// The concepts of a code system.
#[derive(Default, Debug)]
pub(crate) struct CodeSystem {
    concepts: Vec<Concept>,
    by_code: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Concept {
    code: Arc<str>,
    display: String,
    properties: Vec<(String, String)>,
    parents: Vec<usize>,
    children: Vec<usize>,
}

impl CodeSystem {
    /// Of a CodeSystem resource.
    pub(crate) fn read(root: Json<'_>) -> Result<Self, VocabularyFault> {
        let mut system = CodeSystem::default();
        if let Some(concepts) = root.get("concept") {
            system.read_concepts(concepts, None);
        }
        if system.concepts.is_empty() {
            return Err(VocabularyFault::NoCodes);
        }
        system.relate(
            &property_names(root, PARENT_URI, &PARENTS),
            &property_names(root, CHILD_URI, &["child"]),
        );
        Ok(system)
    }

    /// Of one that comes with the standard.
    pub(crate) fn of_definition(definition: &CodeSystemDefinition) -> Self {
        let mut system = CodeSystem::default();
        for concept in &definition.concepts {
            system.push(concept.code, "", Vec::new());
        }
        for (at, concept) in definition.concepts.iter().enumerate() {
            for parent in &concept.parents {
                if let Some(parent) = system.by_code.get(*parent).copied() {
                    system.link(parent, at);
                }
            }
        }
        system
    }

    fn read_concepts(&mut self, concepts: Json<'_>, parent: Option<usize>) {
        for concept in concepts.items() {
            let Some(code) = string(concept, "code") else { continue };
            let properties = concept.get("property").into_iter().flat_map(Json::items).filter_map(property);
            let display = string(concept, "display").unwrap_or_default();
            let at = self.push(&code, &display, properties.collect());
            if let Some(parent) = parent {
                self.link(parent, at);
            }
            if let Some(inner) = concept.get("concept") {
                self.read_concepts(inner, Some(at));
            }
        }
    }

    fn push(&mut self, code: &str, display: &str, properties: Vec<(String, String)>) -> usize {
        let (at, code) = (self.concepts.len(), Arc::<str>::from(code));
        self.by_code.entry(code.clone()).or_insert(at);
        let (parents, children) = (Vec::new(), Vec::new());
        self.concepts.push(Concept { code, display: display.to_owned(), properties, parents, children });
        at
    }

    fn link(&mut self, parent: usize, child: usize) {
        self.concepts[parent].children.push(child);
        self.concepts[child].parents.push(parent);
    }

    /// Adds the hierarchy that properties say.
    fn relate(&mut self, parents: &[String], children: &[String]) {
        let mut links = Vec::new();
        for (at, concept) in self.concepts.iter().enumerate() {
            for (name, value) in &concept.properties {
                let Some(other) = self.by_code.get(value.as_str()).copied() else { continue };
                if parents.contains(name) {
                    links.push((other, at));
                } else if children.contains(name) {
                    links.push((at, other));
                }
            }
        }
        links.into_iter().for_each(|(parent, child)| self.link(parent, child));
    }

    /// A code and all above or below it; a code that the system does not have is alone.
    pub(crate) fn related(
        &self,
        code: &str,
        direction: Direction,
    ) -> Result<BTreeSet<Arc<str>>, VocabularyFault> {
        let mut codes = self.beyond(code, direction);
        codes.insert(code.into());
        limited(codes)
    }

    /// All above or below a code, without itself unless the hierarchy is a circle.
    fn beyond(&self, code: &str, direction: Direction) -> BTreeSet<Arc<str>> {
        let next = |at: usize| match direction {
            Direction::Below => &self.concepts[at].children,
            Direction::Above => &self.concepts[at].parents,
        };
        let mut seen = HashSet::new();
        let mut open: Vec<usize> =
            self.by_code.get(code).into_iter().flat_map(|at| next(*at)).copied().collect();
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                open.extend(next(at));
            }
        }
        seen.into_iter().map(|at| self.concepts[at].code.clone()).collect()
    }

    /// The codes that pass a filter of a value set.
    pub(super) fn select(&self, filter: &ConceptFilter) -> Result<BTreeSet<Arc<str>>, VocabularyFault> {
        let ConceptFilter { property, operator, value } = filter;
        let is_hierarchical = property == "concept" || property == "code";
        let codes = match operator.as_str() {
            "is-a" if is_hierarchical => self.related(value, Direction::Below)?,
            "descendent-of" if is_hierarchical => self.beyond(value, Direction::Below),
            "generalizes" if is_hierarchical => self.related(value, Direction::Above)?,
            "is-not-a" if is_hierarchical => {
                let below = self.related(value, Direction::Below)?;
                self.codes_where(|concept| !below.contains(&concept.code))
            }
            "=" => self.codes_where(|concept| self.has(concept, property, |text| text == value)),
            "in" | "not-in" => {
                let wanted: HashSet<&str> = value.split(',').map(str::trim).collect();
                let is_in = operator == "in";
                self.codes_where(|concept| is_in == self.has(concept, property, |text| wanted.contains(text)))
            }
            "regex" => {
                let whole = format!("^(?:{value})$");
                let regex = RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build();
                let regex = regex.map_err(|_| VocabularyFault::Filter)?;
                self.codes_where(|concept| self.has(concept, property, |text| regex.is_match(text)))
            }
            "exists" => {
                let wanted = value == "true";
                self.codes_where(|concept| wanted == self.has(concept, property, |_| true))
            }
            _ => return Err(VocabularyFault::Filter),
        };
        limited(codes)
    }

    fn codes_where(&self, passes: impl Fn(&Concept) -> bool) -> BTreeSet<Arc<str>> {
        self.concepts.iter().filter(|concept| passes(concept)).map(|concept| concept.code.clone()).collect()
    }

    /// Whether some value of a property passes.
    fn has(&self, concept: &Concept, property: &str, passes: impl Fn(&str) -> bool) -> bool {
        let code_of = |at: &usize| &*self.concepts[*at].code;
        match property {
            "code" | "concept" => passes(&concept.code),
            "display" => passes(&concept.display),
            "parent" if concept.parents.iter().any(|at| passes(code_of(at))) => true,
            "child" if concept.children.iter().any(|at| passes(code_of(at))) => true,
            _ => concept.properties.iter().any(|(name, value)| name == property && passes(value)),
        }
    }
}

fn limited(codes: BTreeSet<Arc<str>>) -> Result<BTreeSet<Arc<str>>, VocabularyFault> {
    match codes.len() {
        count if count > VALUE_SET_CODES_MAX => {
            Err(VocabularyFault::Limit("VALUE_SET_CODES_MAX", VALUE_SET_CODES_MAX))
        }
        _ => Ok(codes),
    }
}

/// The codes of the properties that mean `uri`, with those that mean it by their name.
fn property_names(root: Json<'_>, uri: &str, known: &[&str]) -> Vec<String> {
    let declared = root.get("property").into_iter().flat_map(Json::items);
    let meant = declared.filter(|property| string(*property, "uri").is_some_and(|found| found == uri));
    let mut names: Vec<String> = meant.filter_map(|property| string(property, "code")).collect();
    names.extend(known.iter().map(|name| (*name).to_owned()));
    names
}

/// The code and the value of a concept's property.
fn property(json: Json<'_>) -> Option<(String, String)> {
    let code = string(json, "code")?;
    let (_, value) = json.members().find(|(name, _)| name.as_str().starts_with("value"))?;
    let text = match (value.as_str(), value.as_bool(), value.as_number()) {
        (Some(text), ..) => text.into_owned(),
        (_, Some(is_true), _) => is_true.to_string(),
        (_, _, Some(number)) => number.to_owned(),
        _ => string(value, "code")?,
    };
    Some((code, text))
}

pub(super) fn string(json: Json<'_>, name: &str) -> Option<String> {
    json.get(name)?.as_str().map(std::borrow::Cow::into_owned)
}
