//! What an expression gives: elements of a resource, and values of FHIRPath's own types.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::PathError;
use super::convert;
use super::element::Element;
use super::quantity::Quantity;
use super::temporal::Temporal;
use super::types::{SystemType, TypeInfo};

/// As many digits as a decimal can have after its point.
pub(super) const DECIMAL_DIGITS_MAX: u32 = 28;

/// One value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// An element of a resource, or a resource.
    Element(Element<'a>),
    /// `System.Boolean`.
    Boolean(bool),
    /// `System.Integer`.
    Integer(i32),
    /// `System.Decimal`, as precise as it was written.
    Decimal(Decimal),
    /// `System.String`.
    String(Cow<'a, str>),
    /// `System.Date`, `System.DateTime` or `System.Time`.
    Temporal(Temporal),
    /// `System.Quantity`.
    Quantity(Box<Quantity>),
    /// What `type()` gives.
    Type(TypeInfo),
}

impl<'a> Value<'a> {
    /// A primitive element as a value of FHIRPath's own types; everything else as it is. A `Quantity` stays an
    /// element here; see [`Value::to_quantity`].
    pub(super) fn to_system(&self) -> Cow<'_, Value<'a>> {
        match self {
            Value::Element(element) => element.to_system().map_or(Cow::Borrowed(self), Cow::Owned),
            _ => Cow::Borrowed(self),
        }
    }

    /// The same, where a FHIR Quantity is one of FHIRPath's too.
    pub(super) fn to_operand(&self) -> Cow<'_, Value<'a>> {
        match self {
            Value::Element(element) => match element.to_system() {
                Some(value) => Cow::Owned(value),
                None => element
                    .to_quantity()
                    .map_or(Cow::Borrowed(self), |quantity| Cow::Owned(Value::Quantity(Box::new(quantity)))),
            },
            _ => Cow::Borrowed(self),
        }
    }

    /// The boolean, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        match &*self.to_system() {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i32> {
        match &*self.to_system() {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is a string or an element whose value is one.
    pub fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            Value::String(text) => Some(text.clone()),
            Value::Element(element) => match element.to_system() {
                Some(Value::String(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number as a decimal, if it is one.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match &*self.to_system() {
            Value::Integer(value) => Some(Decimal::from(*value)),
            Value::Decimal(value) => Some(*value),
            _ => None,
        }
    }

    /// Any single value as text, as `toString()` writes it; nothing for an element with children.
    pub fn to_text(&self) -> Option<Cow<'a, str>> {
        match convert::to_text(self) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The element, if it is one.
    pub fn as_element(&self) -> Option<Element<'a>> {
        match self {
            Value::Element(element) => Some(*element),
            _ => None,
        }
    }

    /// The quantity that it is, or that it is without saying so: a number, or an element of type Quantity.
    pub(super) fn to_quantity(&self) -> Option<Quantity> {
        match &*self.to_operand() {
            Value::Quantity(quantity) => Some((**quantity).clone()),
            Value::Integer(value) => Some(Quantity::plain(Decimal::from(*value))),
            Value::Decimal(value) => Some(Quantity::plain(*value)),
            _ => None,
        }
    }

    /// Its type.
    pub(super) fn type_info(&self) -> TypeInfo {
        match self {
            Value::Element(element) => TypeInfo::Fhir(element.of),
            Value::Boolean(_) => TypeInfo::System(SystemType::Boolean),
            Value::Integer(_) => TypeInfo::System(SystemType::Integer),
            Value::Decimal(_) => TypeInfo::System(SystemType::Decimal),
            Value::String(_) => TypeInfo::System(SystemType::String),
            Value::Temporal(temporal) => TypeInfo::System(temporal.kind.system_type()),
            Value::Quantity(_) => TypeInfo::System(SystemType::Quantity),
            Value::Type(_) => TypeInfo::System(SystemType::Any),
        }
    }
}

/// The text of a string argument, or of nothing.
pub(super) fn string_operand<'a>(value: &Value<'a>, of: &'static str) -> Result<Cow<'a, str>, PathError> {
    value.as_string().ok_or(PathError::operand(of, "a string"))
}
