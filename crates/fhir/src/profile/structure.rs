//! A StructureDefinition: what it defines, what it builds on, and its elements.

use std::sync::Arc;

use super::{Element, Pool, ProfileError, read};
use crate::Resource;

/// The extension by which a profile says that what meets it must meet another profile too.
pub const IMPOSE_PROFILE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile";

/// A StructureDefinition (R4 section 5.4) without its texts for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureDefinition {
    /// Its canonical URL.
    pub url: Arc<str>,
    /// Its business version.
    pub version: Option<Arc<str>>,
    /// Its name for machines.
    pub name: Arc<str>,
    /// What kind of structure it is.
    pub kind: StructureKind,
    /// Whether nothing can be only this.
    pub is_abstract: bool,
    /// The type that it defines or constrains (`Patient`).
    pub of: Arc<str>,
    /// The canonical URL of the definition that it builds on.
    pub base: Option<Arc<str>>,
    /// How it builds on it.
    pub derivation: Option<Derivation>,
    /// Of an extension, where it may be used; empty means nothing was said.
    pub contexts: Box<[ExtensionContext]>,
    /// Of an extension, FHIRPath expressions that must hold where it is used.
    pub context_invariants: Box<[Arc<str>]>,
    /// The profiles that must be met too ([`IMPOSE_PROFILE`]).
    pub imposed: Box<[Arc<str>]>,
    /// All elements in order; in each, `min` and `max` are there. Empty if the definition has only a differential.
    pub snapshot: Vec<Arc<Element>>,
    /// The elements that it changes, in order.
    pub differential: Vec<Arc<Element>>,
}

/// What kind of structure a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StructureKind {
    /// A single value.
    PrimitiveType,
    /// A data type with elements.
    ComplexType,
    /// A resource.
    Resource,
    /// Something that is no FHIR instance.
    Logical,
}

/// How a definition builds on its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Derivation {
    /// It is a new type.
    Specialization,
    /// It is a profile of the same type.
    Constraint,
}

/// Where an extension may be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExtensionContext {
    /// How the expression is meant.
    pub of: ContextType,
    /// The place.
    pub expression: Arc<str>,
}

/// How the expression of an extension's context is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextType {
    /// A FHIRPath expression that selects the elements.
    Fhirpath,
    /// An element id, perhaps below the URL of a profile (`Patient.contact`).
    Element,
    /// The URL of the extension that it stands in.
    Extension,
}

impl StructureDefinition {
    /// Reads a StructureDefinition, sharing its strings through `pool`.
    ///
    /// # Errors
    /// What [`ProfileError`] names: not a StructureDefinition, a required member missing or of the wrong form, an
    /// element that does not belong, too many elements.
    pub fn read(resource: &Resource, pool: &mut Pool) -> Result<StructureDefinition, ProfileError> {
        read::structure_definition(resource, pool)
    }

    /// The element of this id in the snapshot.
    #[must_use]
    pub fn element(&self, id: &str) -> Option<&Arc<Element>> {
        self.snapshot.iter().find(|element| *element.id == *id)
    }

    /// The canonical with its version, as `url|version`; the URL alone if there is no version.
    #[must_use]
    pub fn canonical(&self) -> String {
        match &self.version {
            Some(version) => format!("{}|{version}", self.url),
            None => self.url.to_string(),
        }
    }
}
