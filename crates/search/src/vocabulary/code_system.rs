//! A code system in little memory: all texts in one piece, concepts by number, and which subsumes which (R4
//! codesystem).

mod build;
mod concept;
mod links;
mod select;
mod supplement;
mod words;

use std::sync::OnceLock;

pub use concept::{Concept, ConceptProperty, Designation, PropertyKind};

use crate::Direction;
use crate::vocabulary::concept_set::ConceptSet;
use links::Links;
pub(crate) use supplement::Supplement;
use words::Words;
pub(crate) use words::folded_words;

/// The concepts of a code system.
#[derive(Debug)]
pub struct CodeSystem {
    /// Its canonical URL.
    pub url: String,
    /// Its version.
    pub version: Option<String>,
    /// Its name for computers, or else its title.
    pub name: Option<String>,
    /// Whether codes that differ in case only are different.
    pub is_case_sensitive: bool,
    /// How much of the code system is here, as `CodeSystem.content` says it.
    pub content: String,
    /// The language of its displays, if said.
    pub language: Option<String>,
    /// The canonical of the code system that it supplements, if it is a supplement.
    pub supplements: Option<String>,
    texts: String,
    concepts: Vec<Row>,
    /// The numbers of the concepts, in the order of their codes.
    by_code: Vec<u32>,
    parents: Links,
    children: Links,
    property_names: Vec<PropertyName>,
    properties: Rows<PropertyRow>,
    designations: Rows<DesignationRow>,
    words: OnceLock<Words>,
}

/// Which of two concepts subsumes the other (R4 `CodeSystem/$subsumes`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subsumption {
    /// They are the same.
    Equivalent,
    /// The first subsumes the second.
    Subsumes,
    /// The second subsumes the first.
    SubsumedBy,
    /// Neither subsumes the other.
    NotSubsumed,
}

impl Subsumption {
    /// Its code in `concept-subsumption-outcome`.
    pub fn code(self) -> &'static str {
        match self {
            Subsumption::Equivalent => "equivalent",
            Subsumption::Subsumes => "subsumes",
            Subsumption::SubsumedBy => "subsumed-by",
            Subsumption::NotSubsumed => "not-subsumed",
        }
    }
}

/// A stretch of the texts.
#[derive(Clone, Copy, Default, Debug)]
struct Text {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy, Default, Debug)]
struct Row {
    code: Text,
    display: Text,
    definition: Text,
    is_abstract: bool,
    is_inactive: bool,
}

#[derive(Clone, Debug)]
struct PropertyName {
    code: String,
    /// What it is, if the code system says so.
    description: Option<String>,
    /// Whether it names concepts above or below.
    direction: Option<Direction>,
}

#[derive(Clone, Copy, Debug)]
struct PropertyRow {
    name: u16,
    kind: PropertyKind,
    value: Text,
}

#[derive(Clone, Copy, Debug)]
struct DesignationRow {
    language: Text,
    /// The Coding as JSON.
    usage: Text,
    value: Text,
}

/// Rows of each concept, one concept after the other.
#[derive(Debug)]
struct Rows<T> {
    /// Where those of a concept begin; one more than there are concepts.
    starts: Vec<u32>,
    rows: Vec<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Rows { starts: vec![0], rows: Vec::new() }
    }
}

impl<T> Rows<T> {
    fn of(&self, number: u32) -> &[T] {
        let at = number as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(start), Some(end)) => &self.rows[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// Ends the rows of the concept whose turn it is.
    fn end(&mut self) {
        self.starts.push(self.rows.len() as u32);
    }
}

impl CodeSystem {
    /// How many concepts there are.
    pub fn len(&self) -> usize {
        self.concepts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.concepts.is_empty()
    }

    /// The canonical URL, with the version if it has one.
    pub fn canonical(&self) -> String {
        match &self.version {
            Some(version) => format!("{}|{version}", self.url),
            None => self.url.clone(),
        }
    }

    /// Whether a code that is not here is none of the code system.
    pub fn is_complete(&self) -> bool {
        self.content == "complete"
    }

    /// Whether it only adds to another code system and has no codes of its own.
    pub fn is_supplement(&self) -> bool {
        self.content == "supplement"
    }

    /// The concept with this code; if case does not count, whatever the case.
    pub fn find(&self, code: &str) -> Option<Concept<'_>> {
        let mut all = 0..self.concepts.len() as u32;
        let number = self.number(code).or_else(|| {
            let is_it = |number: &u32| self.concept(*number).code().eq_ignore_ascii_case(code);
            all.find(|number| !self.is_case_sensitive && is_it(number))
        })?;
        Some(self.concept(number))
    }

    /// The number of the concept with exactly this code.
    pub(crate) fn number(&self, code: &str) -> Option<u32> {
        let code_of = |number: u32| self.text(self.concepts[number as usize].code);
        let at = self.by_code.partition_point(|number| code_of(*number) < code);
        self.by_code.get(at).copied().filter(|number| code_of(*number) == code)
    }

    pub(crate) fn concept(&self, number: u32) -> Concept<'_> {
        Concept { system: self, number, supplements: &[] }
    }

    /// Which of two of its concepts subsumes the other.
    pub fn subsumption(&self, a: Concept<'_>, b: Concept<'_>) -> Subsumption {
        if a.number == b.number {
            Subsumption::Equivalent
        } else if self.is_above(a.number, b.number) {
            Subsumption::Subsumes
        } else if self.is_above(b.number, a.number) {
            Subsumption::SubsumedBy
        } else {
            Subsumption::NotSubsumed
        }
    }

    /// Whether `a` is above `b`: there are fewer above a concept than below one, as a rule.
    fn is_above(&self, a: u32, b: u32) -> bool {
        let mut seen = std::collections::HashSet::new();
        let mut open = self.parents.of(b).to_vec();
        while let Some(number) = open.pop() {
            if number == a {
                return true;
            }
            if seen.insert(number) {
                open.extend(self.parents.of(number));
            }
        }
        false
    }

    /// All above or below a concept, without itself unless the hierarchy is a circle.
    pub(crate) fn beyond(&self, number: u32, direction: Direction) -> ConceptSet {
        let links = match direction {
            Direction::Above => &self.parents,
            Direction::Below => &self.children,
        };
        let mut found = ConceptSet::none(self.len());
        let mut open = links.of(number).to_vec();
        while let Some(number) = open.pop() {
            if found.insert(number) {
                open.extend(links.of(number));
            }
        }
        found
    }

    /// About how much memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let links = self.parents.memory_bytes() + self.children.memory_bytes();
        let rows = size_of_val(&*self.concepts) + size_of_val(&*self.by_code);
        let properties = size_of_val(&*self.properties.rows) + size_of_val(&*self.properties.starts);
        let designations = size_of_val(&*self.designations.rows) + size_of_val(&*self.designations.starts);
        let words = self.words.get().map_or(0, Words::memory_bytes);
        self.texts.len() + links + rows + properties + designations + words
    }

    fn text(&self, text: Text) -> &str {
        &self.texts[text.start as usize..][..text.len as usize]
    }
}
