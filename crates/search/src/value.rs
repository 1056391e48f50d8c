//! One indexed fact about a resource, borrowed from its [`Entries`](crate::Entries).

use fhir::{ResourceType, Span};

/// The value of one entry. Texts are as written in the resource; normalisation belongs to the tests.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// A code, identifier, contact point, boolean or id. `system` is absent where the resource names none.
    Token {
        /// The code system or identifier namespace.
        system: Option<&'a str>,
        /// The code or value.
        code: Option<&'a str>,
    },
    /// The human text of a token (`display`, `text`), for `:text`.
    TokenText(&'a str),
    /// The type of an identifier with its value, for `:of-type`.
    TypedIdentifier {
        /// System of `Identifier.type.coding`.
        system: Option<&'a str>,
        /// Code of `Identifier.type.coding`.
        code: &'a str,
        /// `Identifier.value`.
        value: &'a str,
    },
    /// A string, or one part of a name or address.
    String(&'a str),
    /// The time that a date, instant, period or timing covers, half open.
    Date(Span),
    /// A number; `low == high` for a plain one, infinite where a range is open.
    Number {
        /// Lower bound, inclusive.
        low: f64,
        /// Upper bound, inclusive.
        high: f64,
    },
    /// A quantity, as written and in canonical units.
    Quantity(QuantityValue<'a>),
    /// What a reference points at.
    Reference(Target<'a>),
    /// The identifier of a logical reference, for `:identifier`.
    ReferenceIdentifier {
        /// `Reference.identifier.system`.
        system: Option<&'a str>,
        /// `Reference.identifier.value`.
        value: Option<&'a str>,
    },
    /// A uri, url or oid; for a canonical without its version.
    Uri(&'a str),
    /// Component values that stand in one element, in the order of the definition's components.
    Composite(Parts<'a>),
}

/// A quantity, as written and, where the unit is UCUM, in canonical units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QuantityValue<'a> {
    /// Lower bound, inclusive, in the written unit.
    pub low: f64,
    /// Upper bound, inclusive, in the written unit.
    pub high: f64,
    /// `Quantity.system`; for Money `urn:iso:std:iso:4217`.
    pub system: Option<&'a str>,
    /// `Quantity.code`; for Money its currency.
    pub code: Option<&'a str>,
    /// `Quantity.unit`.
    pub unit: Option<&'a str>,
    /// The same in canonical units, if the unit is a UCUM unit.
    pub canonical: Option<Canonical<'a>>,
}

/// A range in canonical units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Canonical<'a> {
    /// Lower bound, inclusive.
    pub low: f64,
    /// Upper bound, inclusive.
    pub high: f64,
    /// The canonical unit with its dimension, comparable as text.
    pub unit: &'a str,
}

/// What a reference points at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Target<'a> {
    /// A resource of this data store, whether it exists or not.
    Local {
        /// Its type.
        of: ResourceType,
        /// Its id.
        id: &'a str,
        /// The version, if the reference names one.
        version: Option<&'a str>,
    },
    /// Anything else that has an address: another server's resource, a urn, a canonical with its version.
    Url(&'a str),
}

/// The component values of a composite.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub(crate) entries: &'a crate::Entries,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl<'a> Parts<'a> {
    /// The component values in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Value<'a>> {
        (self.first..self.first + self.count).map(move |at| self.entries.part(at))
    }

    /// How many components there are.
    pub fn len(self) -> usize {
        self.count as usize
    }

    /// Whether there are none; extraction never makes such a composite.
    pub fn is_empty(self) -> bool {
        self.count == 0
    }
}

impl PartialEq for Parts<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}
