//! What a value set says: a ready expansion, or what its compose includes and excludes (R4 valueset).

use std::collections::HashMap;

use fhir::{Json, ValueSetDefinition, ValueSetPart};

use super::VocabularyNeed;
use super::json::{list, string};
use crate::TokenSet;

/// The extension by which a value set depends on a supplement.
const VALUE_SET_SUPPLEMENT: &str = "http://hl7.org/fhir/StructureDefinition/valueset-supplement";

/// A value set.
#[derive(Debug)]
pub(crate) struct ValueSet {
    /// A ready expansion, if it is whole.
    pub(crate) ready: Option<Ready>,
    /// Whether codes that are no longer for use are left out.
    pub(crate) is_without_inactive: bool,
    /// The supplements that it depends on.
    pub(crate) supplements: Vec<String>,
    pub(crate) includes: Vec<Part>,
    pub(crate) excludes: Vec<Part>,
}

/// A ready expansion.
#[derive(Debug)]
pub(crate) struct Ready {
    /// What is in it.
    pub(crate) set: TokenSet,
    /// Its codes as it lists them, the abstract ones too.
    pub(crate) listed: Vec<ReadyCode>,
}

/// A code of a ready expansion.
#[derive(Debug)]
pub(crate) struct ReadyCode {
    pub(crate) system: String,
    pub(crate) version: Option<String>,
    pub(crate) is_abstract: bool,
    pub(crate) is_inactive: bool,
    pub(crate) listed: Listed,
}

/// An `include` or `exclude`: what all of these name.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) system: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) codes: Vec<Listed>,
    /// Where each code stands among them.
    pub(crate) by_code: HashMap<String, usize>,
    pub(crate) filters: Vec<ConceptFilter>,
    pub(crate) imports: Vec<String>,
}

/// A code that a value set names itself.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) code: String,
    pub(crate) display: Option<String>,
    /// Its designations, as JSON.
    pub(crate) designations: Option<String>,
}

/// Chooses codes of a code system by a property.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConceptFilter {
    pub(crate) property: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

impl ValueSet {
    /// Of a ValueSet resource.
    pub(crate) fn read(root: Json<'_>) -> Self {
        let compose = root.get("compose");
        let parts = |name: &str| {
            compose.into_iter().flat_map(|compose| list(compose, name)).map(Part::read).collect()
        };
        let inactive = compose.and_then(|compose| compose.get("inactive")).and_then(Json::as_bool);
        ValueSet {
            ready: root.get("expansion").and_then(ready),
            is_without_inactive: inactive == Some(false),
            supplements: supplements(root),
            includes: parts("include"),
            excludes: parts("exclude"),
        }
    }

    /// Of one that comes with the standard.
    pub(crate) fn of_definition(definition: &ValueSetDefinition) -> Self {
        let parts = |parts: &[ValueSetPart]| parts.iter().map(Part::of_definition).collect();
        ValueSet {
            ready: None,
            is_without_inactive: false,
            supplements: Vec::new(),
            includes: parts(&definition.includes),
            excludes: parts(&definition.excludes),
        }
    }

    /// What must be known before its codes can be told; `is_shown` says that they are shown to people.
    pub(crate) fn needs(&self, is_shown: bool) -> Vec<VocabularyNeed> {
        if self.ready.is_some() {
            return Vec::new();
        }
        let asks_all = is_shown || self.is_without_inactive;
        let supplements = self.supplements.iter().cloned().map(VocabularyNeed::CodeSystem);
        let parts = self.includes.iter().chain(&self.excludes).flat_map(|part| part.needs(asks_all));
        parts.chain(supplements).collect()
    }
}

impl Part {
    fn read(json: Json<'_>) -> Self {
        let filter = |json: Json<'_>| {
            let (property, operator) = (string(json, "property")?, string(json, "op")?);
            Some(ConceptFilter { property, operator, value: string(json, "value")? })
        };
        let imports = list(json, "valueSet").filter_map(|import| Some(import.as_str()?.into_owned()));
        Part {
            system: string(json, "system"),
            version: string(json, "version"),
            codes: list(json, "concept").filter_map(Listed::read).collect(),
            by_code: HashMap::new(),
            filters: list(json, "filter").filter_map(filter).collect(),
            imports: imports.collect(),
        }
        .with_places()
    }

    fn of_definition(part: &ValueSetPart) -> Self {
        let filter = |(property, operator, value): &(&str, &str, &str)| ConceptFilter {
            property: (*property).to_owned(),
            operator: (*operator).to_owned(),
            value: (*value).to_owned(),
        };
        let listed = |(code, display): &(&str, &str)| Listed {
            code: (*code).to_owned(),
            display: Some((*display).to_owned()).filter(|display| !display.is_empty()),
            designations: None,
        };
        Part {
            system: part.system.map(str::to_owned),
            version: None,
            codes: part.codes.iter().map(listed).collect(),
            by_code: HashMap::new(),
            filters: part.filters.iter().map(filter).collect(),
            imports: part.imports.iter().map(|import| (*import).to_owned()).collect(),
        }
        .with_places()
    }

    fn with_places(mut self) -> Self {
        self.by_code = self.codes.iter().zip(0..).map(|(listed, at)| (listed.code.clone(), at)).collect();
        self
    }

    /// The code system's canonical URL, with the version if it says one.
    pub(crate) fn canonical(&self) -> Option<String> {
        let system = self.system.as_deref()?;
        Some(self.version.as_ref().map_or_else(|| system.to_owned(), |version| format!("{system}|{version}")))
    }

    fn needs(&self, asks_all: bool) -> Vec<VocabularyNeed> {
        let mut needs: Vec<VocabularyNeed> =
            self.imports.iter().cloned().map(VocabularyNeed::ValueSet).collect();
        if asks_all || !self.filters.is_empty() {
            needs.extend(self.canonical().map(VocabularyNeed::CodeSystem));
        }
        needs
    }
}

impl Listed {
    fn read(json: Json<'_>) -> Option<Self> {
        let designations = json.get("designation").map(|all| String::from_utf8_lossy(all.raw()).into_owned());
        Some(Listed { code: string(json, "code")?, display: string(json, "display"), designations })
    }
}

/// What the extensions name by which a value set depends on supplements.
fn supplements(root: Json<'_>) -> Vec<String> {
    let of_value_set = list(root, "extension");
    let of_compose = root.get("compose").into_iter().flat_map(|compose| list(compose, "extension"));
    let named = of_value_set.chain(of_compose).filter(|found| {
        found.get("url").and_then(Json::as_str).is_some_and(|url| url == VALUE_SET_SUPPLEMENT)
    });
    named.filter_map(|found| string(found, "valueCanonical").or_else(|| string(found, "valueUri"))).collect()
}

/// An expansion, unless it is a page of a larger one.
fn ready(expansion: Json<'_>) -> Option<Ready> {
    let mut ready = Ready { set: TokenSet::new(), listed: Vec::new() };
    let mut count = 0;
    add_contained(expansion, &mut ready, &mut count);
    let total =
        expansion.get("total").and_then(Json::as_number).and_then(|total| total.parse::<usize>().ok());
    (count > 0 && total.is_none_or(|total| total <= count)).then_some(ready)
}

fn add_contained(json: Json<'_>, ready: &mut Ready, count: &mut usize) {
    for item in list(json, "contains") {
        *count += 1;
        let is = |name: &str| item.get(name).and_then(Json::as_bool) == Some(true);
        if let (Some(system), Some(listed)) = (string(item, "system"), Listed::read(item)) {
            if !is("abstract") {
                ready.set.add_code(&system, &listed.code);
            }
            let (version, is_abstract, is_inactive) =
                (string(item, "version"), is("abstract"), is("inactive"));
            ready.listed.push(ReadyCode { system, version, is_abstract, is_inactive, listed });
        }
        add_contained(item, ready, count);
    }
}
