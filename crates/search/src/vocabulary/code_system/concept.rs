//! A concept as callers see it: its texts, properties, designations and neighbours.

use super::{CodeSystem, DesignationRow, PropertyRow, Supplement};

/// A concept of a code system.
#[derive(Clone, Copy)]
pub struct Concept<'a> {
    pub(super) system: &'a CodeSystem,
    pub(super) number: u32,
    /// What adds to it.
    pub(super) supplements: &'a [Supplement],
}

/// What kind of value a property has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PropertyKind {
    /// A code, of the same code system unless the property says otherwise.
    Code,
    /// A Coding.
    Coding,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A point in time.
    DateTime,
    /// A decimal number.
    Decimal,
}

impl PropertyKind {
    pub(super) const ALL: [PropertyKind; 7] = [
        PropertyKind::Code,
        PropertyKind::Coding,
        PropertyKind::String,
        PropertyKind::Integer,
        PropertyKind::Boolean,
        PropertyKind::DateTime,
        PropertyKind::Decimal,
    ];

    /// The member of JSON that holds such a value.
    pub fn member(self) -> &'static str {
        match self {
            PropertyKind::Code => "valueCode",
            PropertyKind::Coding => "valueCoding",
            PropertyKind::String => "valueString",
            PropertyKind::Integer => "valueInteger",
            PropertyKind::Boolean => "valueBoolean",
            PropertyKind::DateTime => "valueDateTime",
            PropertyKind::Decimal => "valueDecimal",
        }
    }
}

/// A property of a concept.
#[derive(Clone, Copy, Debug)]
pub struct ConceptProperty<'a> {
    /// Its code.
    pub code: &'a str,
    /// What kind of value it has.
    pub kind: PropertyKind,
    /// The value as text; of a Coding its code.
    pub text: &'a str,
    /// Of a Coding the whole of it as JSON, else empty.
    pub coding: &'a str,
    /// What the property is, if the code system says so.
    pub description: Option<&'a str>,
}

/// Another way to say a concept.
#[derive(Clone, Copy, Debug)]
pub struct Designation<'a> {
    /// Its language, if said.
    pub language: Option<&'a str>,
    /// What it is used for, a Coding as JSON, if said.
    pub usage: Option<&'a str>,
    /// The words.
    pub value: &'a str,
}

impl<'a> Concept<'a> {
    /// Its code.
    pub fn code(self) -> &'a str {
        self.system.text(self.row().code)
    }

    /// How it is shown to people, if that is said.
    pub fn display(self) -> Option<&'a str> {
        said(self.system.text(self.row().display))
    }

    /// What it means, in words, if that is said.
    pub fn definition(self) -> Option<&'a str> {
        let own = said(self.system.text(self.row().definition));
        own.or_else(|| self.supplementing().find_map(|(_, concept)| concept.definition()))
    }

    /// The concept with what these supplements, of its code system, add to it.
    pub(crate) fn supplemented(self, supplements: &'a [Supplement]) -> Self {
        Concept { supplements, ..self }
    }

    /// What each supplement has of it.
    fn supplementing(self) -> impl Iterator<Item = (&'a Supplement, Concept<'a>)> {
        self.supplements.iter().filter_map(move |supplement| Some((supplement, supplement.concept(self)?)))
    }

    /// Whether it only groups others and is not for use itself.
    pub fn is_abstract(self) -> bool {
        self.row().is_abstract
    }

    /// Whether it is no longer for use.
    pub fn is_inactive(self) -> bool {
        self.row().is_inactive
    }

    /// Other ways to say it, those of supplements last.
    pub fn designations(self) -> impl Iterator<Item = Designation<'a>> {
        let added = self.supplementing().flat_map(move |(supplement, concept)| {
            let display = supplement.display(concept).filter(|found| self.display() != Some(found.value));
            display.into_iter().chain(concept.own_designations())
        });
        self.own_designations().chain(added)
    }

    fn own_designations(self) -> impl Iterator<Item = Designation<'a>> {
        let system = self.system;
        system.designations.of(self.number).iter().map(|DesignationRow { language, usage, value }| {
            Designation {
                language: said(system.text(*language)),
                usage: said(system.text(*usage)),
                value: system.text(*value),
            }
        })
    }

    /// How it is said in a language (BCP 47), or in a kind of it.
    pub fn said_in(self, language: &str) -> Option<&'a str> {
        let is_of = |found: &str| {
            let rest = found.get(language.len()..).unwrap_or("?");
            found.get(..language.len()).is_some_and(|start| start.eq_ignore_ascii_case(language))
                && (rest.is_empty() || rest.starts_with('-'))
        };
        self.designations().find(|found| found.language.is_some_and(is_of)).map(|found| found.value)
    }

    /// Its properties, without those that only name concepts above and below; those of supplements last.
    pub fn properties(self) -> impl Iterator<Item = ConceptProperty<'a>> {
        let added = self.supplementing().flat_map(|(_, concept)| concept.own_properties());
        self.own_properties().chain(added)
    }

    fn own_properties(self) -> impl Iterator<Item = ConceptProperty<'a>> {
        let system = self.system;
        system.properties.of(self.number).iter().map(|row| property_of(system, row))
    }

    /// The concepts directly above it.
    pub fn parents(self) -> impl Iterator<Item = Concept<'a>> {
        let system = self.system;
        system.parents.of(self.number).iter().map(|number| system.concept(*number))
    }

    /// The concepts directly below it.
    pub fn children(self) -> impl Iterator<Item = Concept<'a>> {
        let system = self.system;
        system.children.of(self.number).iter().map(|number| system.concept(*number))
    }

    /// Its code system.
    pub fn system(self) -> &'a CodeSystem {
        self.system
    }

    /// Its place in the code system, from zero.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    fn row(self) -> &'a super::Row {
        &self.system.concepts[self.number as usize]
    }
}

impl std::fmt::Debug for Concept<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}|{}", self.system.url, self.code())
    }
}

pub(super) fn property_of<'a>(system: &'a CodeSystem, row: &PropertyRow) -> ConceptProperty<'a> {
    let name = &system.property_names[usize::from(row.name)];
    let text = system.text(row.value);
    let (text, coding) = match row.kind {
        PropertyKind::Coding => text.split_once('\n').unwrap_or((text, "")),
        _ => (text, ""),
    };
    ConceptProperty {
        code: &name.code,
        kind: row.kind,
        text,
        coding,
        description: name.description.as_deref(),
    }
}

fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
