//! Which conversion turns an element of a type into the values of a search parameter's kind.

use fhir::{CodeSet, ParameterKind, TypeDefinition};

/// A conversion, chosen when the expressions are compiled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A `code`, whose system its required binding implies.
    Code(Option<&'static CodeSet>),
    /// A string-like primitive as a token without a system.
    PlainToken,
    /// `true` or `false` as a token.
    Boolean,
    /// A Coding.
    Coding,
    /// A CodeableConcept as tokens.
    Concept,
    /// An Identifier.
    Identifier,
    /// A ContactPoint as a token.
    Contact,
    /// A string-like primitive.
    Text,
    /// A HumanName: each part and its text.
    HumanName,
    /// An Address: each part and its text.
    Address,
    /// A CodeableConcept as strings: its text and displays.
    ConceptText,
    /// A date or dateTime.
    Date,
    /// An instant.
    Instant,
    /// A Period.
    Period,
    /// A Timing, by its outer bounds.
    Timing,
    /// A number.
    Number,
    /// A Range as numbers.
    NumberRange,
    /// A Quantity or a type built on it.
    Quantity,
    /// A Money.
    Money,
    /// A Range as a quantity.
    QuantityRange,
    /// A SampledData, by its origin.
    SampledData,
    /// A Reference.
    Reference,
    /// A canonical as a reference.
    CanonicalReference,
    /// A uri as a reference.
    UriReference,
    /// A resource that stands inside another.
    Inline,
    /// A contained resource, by its type.
    Contained,
    /// A uri, url, oid or uuid.
    Uri,
    /// A canonical, with and without its version.
    Canonical,
    /// A position on the Earth.
    Position,
}

impl Form {
    /// The conversion from `of` to `kind`; `None` if the standard's search page has none.
    pub(super) fn of(
        kind: ParameterKind,
        of: &TypeDefinition,
        binding: Option<&'static CodeSet>,
    ) -> Option<Form> {
        Some(match kind {
            ParameterKind::Token => token(of.name, binding)?,
            ParameterKind::String => string(of.name)?,
            ParameterKind::Date => match of.name {
                "date" | "dateTime" => Form::Date,
                "instant" => Form::Instant,
                "Period" => Form::Period,
                "Timing" => Form::Timing,
                _ => return None,
            },
            ParameterKind::Number => match of.name {
                "decimal" | "integer" | "positiveInt" | "unsignedInt" => Form::Number,
                "Range" => Form::NumberRange,
                _ => return None,
            },
            ParameterKind::Quantity => quantity(of)?,
            ParameterKind::Reference => match of.name {
                "Reference" => Form::Reference,
                "canonical" => Form::CanonicalReference,
                "uri" | "url" => Form::UriReference,
                "Resource" => Form::Inline,
                _ => return None,
            },
            ParameterKind::Uri => match of.name {
                "uri" | "url" | "oid" | "uuid" => Form::Uri,
                "canonical" => Form::Canonical,
                _ => return None,
            },
            ParameterKind::Special => (of.name == "Location.position").then_some(Form::Position)?,
            ParameterKind::Composite => return None,
        })
    }
}

fn token(of: &str, binding: Option<&'static CodeSet>) -> Option<Form> {
    Some(match of {
        "code" => Form::Code(binding),
        "boolean" => Form::Boolean,
        "Coding" => Form::Coding,
        "CodeableConcept" => Form::Concept,
        "Identifier" => Form::Identifier,
        "ContactPoint" => Form::Contact,
        "id" | "string" | "uri" | "url" | "canonical" | "oid" | "uuid" => Form::PlainToken,
        _ => return None,
    })
}

fn string(of: &str) -> Option<Form> {
    Some(match of {
        "string" | "markdown" | "code" | "id" | "uri" | "url" => Form::Text,
        "HumanName" => Form::HumanName,
        "Address" => Form::Address,
        "CodeableConcept" => Form::ConceptText,
        _ => return None,
    })
}

fn quantity(of: &TypeDefinition) -> Option<Form> {
    Some(match of.name {
        "Money" => Form::Money,
        "Range" => Form::QuantityRange,
        "SampledData" => Form::SampledData,
        _ if of.is("Quantity") => Form::Quantity,
        _ => return None,
    })
}
