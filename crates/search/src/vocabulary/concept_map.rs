//! What a concept map makes of a code (R4 conceptmap and `ConceptMap/$translate`).

use std::borrow::Cow;

use fhir::Json;

use super::json::{list, string};
use super::{Vocabulary, VocabularyError, VocabularyFault, VocabularyNeed, canonical};
use crate::limits::VALUE_SET_NESTING_MAX;

/// A concept map.
#[derive(Debug)]
pub struct ConceptMap {
    /// Its canonical URL, with the version if it has one.
    pub canonical: Option<String>,
    source: Option<String>,
    target: Option<String>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    source: Option<String>,
    source_version: Option<String>,
    target: Option<String>,
    target_version: Option<String>,
    elements: Vec<Element>,
    unmapped: Option<Unmapped>,
}

#[derive(Debug)]
struct Element {
    code: String,
    display: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    code: Option<String>,
    display: Option<String>,
    equivalence: String,
    depends_on: Vec<Product>,
    products: Vec<Product>,
}

#[derive(Debug)]
enum Unmapped {
    Provided,
    Fixed(Option<String>, Option<String>),
    OtherMap(String),
}

/// A value of another element that a mapping gives, or relies on.
#[derive(Clone, Debug)]
pub struct Product {
    /// The element.
    pub property: String,
    /// The code system of the value.
    pub system: Option<String>,
    /// The value.
    pub value: String,
    /// How it is shown.
    pub display: Option<String>,
}

/// A value of another element, as the caller knows it.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The element.
    pub element: String,
    /// Codes that it has.
    pub codes: Vec<String>,
}

/// What is to be translated, and into what.
#[derive(Clone, Copy, Debug)]
pub struct TranslationAsked<'a> {
    /// The code system of the code.
    pub system: &'a str,
    /// Its version, if that matters.
    pub version: Option<&'a str>,
    /// The code.
    pub code: &'a str,
    /// The value set that the code was chosen of, if that matters.
    pub source: Option<&'a str>,
    /// The value set of the translation, if that matters.
    pub target: Option<&'a str>,
    /// The code system of the translation, if that matters.
    pub target_system: Option<&'a str>,
    /// Whether to go from targets to sources.
    pub is_reverse: bool,
    /// What else the caller knows.
    pub dependencies: &'a [Dependency],
}

/// One translation.
#[derive(Clone, Debug)]
pub struct Mapping<'v> {
    /// How it relates to what was translated (`concept-map-equivalence`).
    pub equivalence: &'v str,
    /// Its code system.
    pub system: Option<&'v str>,
    /// The version of that.
    pub version: Option<&'v str>,
    /// Its code; without one it is said that there is none.
    pub code: Option<Cow<'v, str>>,
    /// How it is shown.
    pub display: Option<&'v str>,
    /// Values of other elements that come with it.
    pub products: &'v [Product],
    /// The concept map that says so.
    pub map: &'v ConceptMap,
}

impl Mapping<'_> {
    /// Whether it is a translation, and does not say that there is none.
    pub fn is_translation(&self) -> bool {
        self.code.is_some() && !matches!(self.equivalence, "unmatched" | "disjoint")
    }
}

impl ConceptMap {
    /// Of a ConceptMap resource.
    pub fn read(root: Json<'_>) -> Self {
        let either = |a: &str, b: &str| string(root, a).or_else(|| string(root, b));
        let url = string(root, "url");
        let version = string(root, "version");
        ConceptMap {
            canonical: url.map(|url| match version {
                Some(version) => format!("{url}|{version}"),
                None => url,
            }),
            source: either("sourceUri", "sourceCanonical"),
            target: either("targetUri", "targetCanonical"),
            groups: list(root, "group").map(Group::read).collect(),
        }
    }

    /// The concept maps that it goes on to.
    pub(crate) fn needs(&self) -> Vec<VocabularyNeed> {
        let unmapped = self.groups.iter().filter_map(|group| group.unmapped.as_ref());
        unmapped
            .filter_map(|unmapped| match unmapped {
                Unmapped::OtherMap(url) => Some(VocabularyNeed::ConceptMap(url.clone())),
                _ => None,
            })
            .collect()
    }

    /// Whether it is for these value sets, as far as it says for which it is.
    fn is_for(&self, asked: &TranslationAsked<'_>) -> bool {
        let fits = |own: &Option<String>, asked: Option<&str>| match (own, asked) {
            (Some(own), Some(asked)) => canonical(own).0 == canonical(asked).0,
            _ => true,
        };
        let (from, to) =
            if asked.is_reverse { (&self.target, &self.source) } else { (&self.source, &self.target) };
        fits(from, asked.source) && fits(to, asked.target)
    }
}

impl Group {
    fn read(json: Json<'_>) -> Self {
        Group {
            source: string(json, "source"),
            source_version: string(json, "sourceVersion"),
            target: string(json, "target"),
            target_version: string(json, "targetVersion"),
            elements: list(json, "element").filter_map(Element::read).collect(),
            unmapped: json.get("unmapped").and_then(Unmapped::read),
        }
    }

    /// Whether it leads from the system asked to the one wanted.
    fn is_for(&self, asked: &TranslationAsked<'_>) -> bool {
        let ends = [(&self.source, &self.source_version), (&self.target, &self.target_version)];
        let [(from, version), (to, _)] = if asked.is_reverse { [ends[1], ends[0]] } else { ends };
        let is_version = match (version, asked.version) {
            (Some(own), Some(asked)) => own == asked,
            _ => true,
        };
        from.as_deref() == Some(asked.system)
            && is_version
            && asked.target_system.is_none_or(|wanted| to.as_deref() == Some(wanted))
    }
}

impl Element {
    fn read(json: Json<'_>) -> Option<Self> {
        let targets = list(json, "target").map(|target| Target {
            code: string(target, "code"),
            display: string(target, "display"),
            equivalence: string(target, "equivalence").unwrap_or_default(),
            depends_on: list(target, "dependsOn").filter_map(Product::read).collect(),
            products: list(target, "product").filter_map(Product::read).collect(),
        });
        Some(Element {
            code: string(json, "code")?,
            display: string(json, "display"),
            targets: targets.collect(),
        })
    }
}

impl Product {
    fn read(json: Json<'_>) -> Option<Self> {
        Some(Product {
            property: string(json, "property")?,
            system: string(json, "system"),
            value: string(json, "value")?,
            display: string(json, "display"),
        })
    }
}

impl Unmapped {
    fn read(json: Json<'_>) -> Option<Self> {
        Some(match string(json, "mode")?.as_str() {
            "provided" => Unmapped::Provided,
            "fixed" => Unmapped::Fixed(string(json, "code"), string(json, "display")),
            "other-map" => Unmapped::OtherMap(string(json, "url")?),
            _ => return None,
        })
    }
}

impl Target {
    /// Whether all that it relies on is so.
    fn holds(&self, known: &[Dependency]) -> bool {
        self.depends_on.iter().all(|needed| {
            known.iter().any(|known| known.element == needed.property && known.codes.contains(&needed.value))
        })
    }
}

impl Vocabulary {
    /// What a concept map makes of a code, in its own order.
    ///
    /// # Errors
    /// [`VocabularyError`] if it is not known, or one that it goes on to.
    pub fn translate<'v>(
        &'v self,
        map: &str,
        asked: &TranslationAsked<'_>,
    ) -> Result<Vec<Mapping<'v>>, VocabularyError> {
        let mut found = Vec::new();
        self.add_translations(map, asked, 0, &mut found)?;
        Ok(found)
    }

    fn add_translations<'v>(
        &'v self,
        name: &str,
        asked: &TranslationAsked<'_>,
        depth: usize,
        found: &mut Vec<Mapping<'v>>,
    ) -> Result<(), VocabularyError> {
        if depth > VALUE_SET_NESTING_MAX {
            return Err(VocabularyFault::Limit("VALUE_SET_NESTING_MAX", VALUE_SET_NESTING_MAX).of(name));
        }
        let map = self.concept_map(name)?;
        if !map.is_for(asked) {
            return Ok(());
        }
        let mut others = Vec::new();
        for group in map.groups.iter().filter(|group| group.is_for(asked)) {
            let before = found.len();
            if asked.is_reverse {
                group.add_sources(map, asked, found);
                continue;
            }
            group.add_targets(map, asked, found);
            match &group.unmapped {
                Some(unmapped) if found.len() == before => {
                    let other = unmapped.add(map, group, asked, found);
                    others.extend(other.filter(|other| !others.contains(other)));
                }
                _ => {}
            }
        }
        others.into_iter().try_for_each(|other| self.add_translations(other, asked, depth + 1, found))
    }
}

impl Group {
    fn add_targets<'v>(
        &'v self,
        map: &'v ConceptMap,
        asked: &TranslationAsked<'_>,
        found: &mut Vec<Mapping<'v>>,
    ) {
        let elements = self.elements.iter().filter(|element| element.code == asked.code);
        let targets = elements.flat_map(|element| &element.targets);
        found.extend(targets.filter(|target| target.holds(asked.dependencies)).map(|target| Mapping {
            equivalence: &target.equivalence,
            system: self.target.as_deref(),
            version: self.target_version.as_deref(),
            code: target.code.as_deref().map(Cow::Borrowed),
            display: target.display.as_deref(),
            products: &target.products,
            map,
        }));
    }

    fn add_sources<'v>(
        &'v self,
        map: &'v ConceptMap,
        asked: &TranslationAsked<'_>,
        found: &mut Vec<Mapping<'v>>,
    ) {
        for element in &self.elements {
            let is_it = |target: &&Target| {
                target.code.as_deref() == Some(asked.code) && target.holds(asked.dependencies)
            };
            found.extend(element.targets.iter().filter(is_it).map(|target| Mapping {
                equivalence: turned(&target.equivalence),
                system: self.source.as_deref(),
                version: self.source_version.as_deref(),
                code: Some(Cow::Borrowed(&element.code)),
                display: element.display.as_deref(),
                products: &[],
                map,
            }));
        }
    }
}

impl Unmapped {
    /// Adds what stands for a code that nothing maps, or answers the concept map to go on to.
    fn add<'v>(
        &'v self,
        map: &'v ConceptMap,
        group: &'v Group,
        asked: &TranslationAsked<'_>,
        found: &mut Vec<Mapping<'v>>,
    ) -> Option<&'v str> {
        let (equivalence, code, display) = match self {
            Unmapped::OtherMap(url) => return Some(url),
            Unmapped::Provided => ("equal", Some(Cow::Owned(asked.code.to_owned())), None),
            Unmapped::Fixed(code, display) => {
                ("inexact", code.as_deref().map(Cow::Borrowed), display.as_deref())
            }
        };
        let (system, version) = (group.target.as_deref(), group.target_version.as_deref());
        found.push(Mapping { equivalence, system, version, code, display, products: &[], map });
        None
    }
}

/// An equivalence seen from the other side.
fn turned(equivalence: &str) -> &str {
    match equivalence {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        other => other,
    }
}
