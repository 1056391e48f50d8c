//! An element of a StructureDefinition, reduced to the rules that instances are judged by.

use std::sync::Arc;

/// An ElementDefinition (R4 section 2.27.1) without its texts for people. In a snapshot `min` and `max` are there and
/// everything else is as it applies; in a differential only what changes is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Element {
    /// Its id: the path with the slice names in it (`Patient.extension:race.url`).
    pub id: Arc<str>,
    /// Its path (`Patient.extension.url`).
    pub path: Arc<str>,
    /// The name of the slice that it is; with a `/` for a slice of a slice.
    pub slice_name: Option<Arc<str>>,
    /// How many values there must be.
    pub min: Option<u32>,
    /// How many values there may be.
    pub max: Option<Max>,
    /// The types that a value may have; empty for a whole resource or type, and beside `content_reference`.
    pub types: Arc<[TypeRule]>,
    /// The id of the element whose content this one has too (`Questionnaire.item`).
    pub content_reference: Option<Arc<str>>,
    /// The value that it must be exactly.
    pub fixed: Option<Value>,
    /// The value that it must contain.
    pub pattern: Option<Value>,
    /// The value set that its codes come from.
    pub binding: Option<Binding>,
    /// The invariants that hold for it.
    pub constraints: Arc<[Arc<Constraint>]>,
    /// How its values are told apart into slices.
    pub slicing: Option<Arc<Slicing>>,
    /// The most characters of a string.
    pub max_length: Option<u32>,
    /// The least value.
    pub min_value: Option<Value>,
    /// The greatest value.
    pub max_value: Option<Value>,
    /// Whether it changes the meaning of what holds it.
    pub is_modifier: Option<bool>,
}

/// How many values there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Max {
    /// At most this many.
    Count(u32),
    /// Any number (`*`).
    Unbounded,
}

/// A type that an element may have, and what narrows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeRule {
    /// The type's name. Where the standard names a type of FHIRPath for the ids and URLs, this is the type that its
    /// pages show; the values of primitive types keep the URL of FHIRPath's type.
    pub code: Arc<str>,
    /// Canonicals of profiles of which a value must meet one.
    pub profiles: Box<[Arc<str>]>,
    /// Canonicals of profiles of which the target of a reference or canonical must meet one.
    pub targets: Box<[Arc<str>]>,
    /// How a reference may reach its target; empty if it does not matter.
    pub aggregation: Box<[Aggregation]>,
    /// Whether a reference names a version.
    pub versioning: Option<Versioning>,
}

/// How a reference may reach its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// It is contained.
    Contained,
    /// It is elsewhere.
    Referenced,
    /// It is in the same Bundle.
    Bundled,
}

/// Whether a reference names a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Versioning {
    /// It may.
    Either,
    /// It must not.
    Independent,
    /// It must.
    Specific,
}

/// A value that a definition holds, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    /// Its type (`CodeableConcept`).
    pub of: Arc<str>,
    /// Its JSON text.
    pub json: Arc<str>,
}

/// A binding to a value set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// How strictly it is meant.
    pub strength: BindingStrength,
    /// The canonical of the value set, if one is named.
    pub value_set: Option<Arc<str>>,
}

/// How strictly a binding is meant (R4 section 4.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingStrength {
    /// It only illustrates.
    Example,
    /// It is recommended.
    Preferred,
    /// A code from it if one fits.
    Extensible,
    /// A code from it.
    Required,
}

/// An invariant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Constraint {
    /// Its key, by which it is known (`ele-1`).
    pub key: Arc<str>,
    /// Whether to break it is an error; otherwise it is a warning.
    pub is_error: bool,
    /// What it says, for people.
    pub human: Arc<str>,
    /// The FHIRPath expression that must be true; some have none.
    pub expression: Option<Arc<str>>,
}

/// How the values of an element are told apart into slices (R4 section 5.3.9).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slicing {
    /// What tells them apart; empty if only the order or the text of the definition does.
    pub discriminators: Box<[Discriminator]>,
    /// What may stand beside the slices.
    pub rules: SlicingRules,
    /// Whether the slices come in the order of their definitions.
    pub is_ordered: bool,
}

/// What tells slices apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Discriminator {
    /// What is looked at.
    pub of: DiscriminatorType,
    /// Where, as a restricted FHIRPath (`coding.code`, `$this`).
    pub path: Arc<str>,
}

/// What of an element tells slices apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiscriminatorType {
    /// Its value: fixed, a pattern, or a required binding.
    Value,
    /// Whether it is there.
    Exists,
    /// Its value, which has a pattern.
    Pattern,
    /// Its type.
    Type,
    /// Which profile it meets.
    Profile,
}

/// What may stand beside the slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlicingRules {
    /// Nothing.
    Closed,
    /// Anything.
    Open,
    /// Anything, after the slices.
    OpenAtEnd,
}

/// The kinds of slicing that the standard itself prescribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlicedBy {
    /// Extensions, by their URL.
    Url,
    /// A choice of types, by the type.
    Type,
}

impl SlicedBy {
    /// The slicing: open, without order.
    #[must_use]
    pub fn slicing(self) -> Slicing {
        let (of, path) = match self {
            SlicedBy::Url => (DiscriminatorType::Value, "url"),
            SlicedBy::Type => (DiscriminatorType::Type, "$this"),
        };
        Slicing {
            discriminators: Box::new([Discriminator { of, path: path.into() }]),
            rules: SlicingRules::Open,
            is_ordered: false,
        }
    }
}

impl Element {
    /// An element of which nothing is said.
    #[must_use]
    pub fn new(id: Arc<str>, path: Arc<str>) -> Element {
        Element {
            id,
            path,
            slice_name: None,
            min: None,
            max: None,
            types: Arc::default(),
            content_reference: None,
            fixed: None,
            pattern: None,
            binding: None,
            constraints: Arc::default(),
            slicing: None,
            max_length: None,
            min_value: None,
            max_value: None,
            is_modifier: None,
        }
    }

    /// The last step of its path (`value[x]`).
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// Whether it must not occur.
    #[must_use]
    pub fn is_prohibited(&self) -> bool {
        self.max == Some(Max::Count(0))
    }
}

impl TypeRule {
    /// A type that nothing narrows.
    #[must_use]
    pub fn new(code: Arc<str>) -> TypeRule {
        TypeRule {
            code,
            profiles: Box::default(),
            targets: Box::default(),
            aggregation: Box::default(),
            versioning: None,
        }
    }
}
