//! Elements as FHIRPath sees them: a JSON value, the object beside it, and its type.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::convert;
use super::quantity::{Quantity, Unit};
use super::temporal::{Temporal, TemporalKind};
use super::value::Value;
use crate::definitions::{ElementDefinition, JsonForm, TypeDefinition, TypeKind, definitions};
use crate::{Json, Kind, Resource, ResourceType, Symbol, UCUM};

/// An element of a resource, or a resource.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// Its value; a primitive may have none, but extensions.
    pub value: Option<Json<'a>>,
    /// The object beside a primitive, with its id and extensions (`_birthDate`).
    pub twin: Option<Json<'a>>,
    /// Its type.
    pub of: &'static TypeDefinition,
    /// Which element it is of what holds it; a resource is none.
    pub definition: Option<&'static ElementDefinition>,
}

impl<'a> Element<'a> {
    /// A resource as an element.
    pub fn resource(resource: &'a Resource) -> Element<'a> {
        let of = definitions().resource(resource.of());
        Element { value: Some(resource.root()), twin: None, of, definition: None }
    }

    /// A value of the type `of`.
    pub fn new(value: Json<'a>, of: &'static TypeDefinition) -> Element<'a> {
        Element { value: Some(value), twin: None, of: actual(value, of), definition: None }
    }

    /// A resource of which nothing is known but its type.
    pub(super) fn of_type(of: ResourceType) -> Element<'a> {
        Element { value: None, twin: None, of: definitions().resource(of), definition: None }
    }

    /// Whether it is a primitive.
    pub fn is_primitive(&self) -> bool {
        self.of.kind == TypeKind::Primitive
    }

    /// Whether it is a resource, one inside another too.
    pub fn is_resource(&self) -> bool {
        self.of.kind == TypeKind::Resource
    }

    /// The text of a primitive's value as it was written, if it has one.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let value = self.value?;
        value
            .as_str()
            .or_else(|| value.as_number().map(Cow::Borrowed))
            .or_else(|| value.as_bool().map(|value| Cow::Borrowed(if value { "true" } else { "false" })))
    }

    /// The value of a primitive as one of FHIRPath's types; nothing for others, and for a primitive without one.
    /// What does not have its type's form is a string.
    pub(super) fn to_system(self) -> Option<Value<'a>> {
        if !self.is_primitive() {
            return None;
        }
        let text = self.text()?;
        let temporal = |kind| Temporal::parse(kind, &text).map(Value::Temporal);
        let value = match (self.of.json, self.of.name) {
            (JsonForm::Boolean, _) => self.value?.as_bool().map(Value::Boolean),
            (JsonForm::Number, "decimal") => convert::decimal(&text).map(Value::Decimal),
            (JsonForm::Number, _) => text.parse().ok().map(Value::Integer),
            (_, "date") => temporal(TemporalKind::Date),
            (_, "dateTime" | "instant") => temporal(TemporalKind::DateTime),
            (_, "time") => temporal(TemporalKind::Time),
            _ => None,
        };
        Some(value.unwrap_or(Value::String(text)))
    }

    /// A FHIR Quantity as FHIRPath's (R4 fhirpath, "Use of FHIR Quantity"): without a comparator, with a UCUM code
    /// or no unit at all.
    pub(super) fn to_quantity(self) -> Option<Quantity> {
        if !self.of.is("Quantity") {
            return None;
        }
        let json = self.value?;
        if json.get("comparator").is_some() {
            return None;
        }
        let value: Decimal = convert::decimal(json.get("value")?.as_number()?)?;
        let text = |name| json.get(name).and_then(Json::as_str);
        let unit = match (text("system").as_deref(), text("code"), text("unit")) {
            (Some(UCUM), Some(code), _) => Unit::of_code(&code),
            (None, None, None) => Unit::plain(),
            (_, Some(code), _) => Unit::foreign(&code),
            (_, None, Some(unit)) => Unit::foreign(&unit),
            (Some(_), None, None) => Unit::plain(),
        };
        Some(Quantity { value, unit })
    }

    /// The value of a named child that is a string, without looking at its type.
    pub(super) fn string_child(&self, name: &str) -> Option<Cow<'a, str>> {
        self.value?.get(name)?.as_str()
    }

    /// Calls `take` with each value of the element of this name, of a choice by its stem, with its number if there may
    /// be several.
    pub(crate) fn each_named(self, name: &str, take: &mut dyn FnMut(Option<usize>, Element<'a>)) {
        let holder = if self.is_primitive() { self.twin } else { self.value };
        let (Some(holder), Some(definition)) = (holder, self.of.element(name)) else { return };
        for reference in &definition.types {
            let of = reference.definition();
            let value = holder.member(reference.symbol());
            let twin =
                if of.kind == TypeKind::Primitive { twin_of(holder, reference.symbol()) } else { None };
            if value.is_none() && twin.is_none() {
                continue;
            }
            let mut number = 0;
            let _ = each_item::<std::convert::Infallible>((value, twin), of, definition, &mut |element| {
                take(definition.is_array().then_some(number), element);
                number += 1;
                Ok(std::ops::ControlFlow::Continue(()))
            });
        }
    }

    /// Calls `take` with each child in the document's order.
    pub(crate) fn each_child<E>(
        self,
        take: &mut dyn FnMut(Element<'a>) -> Result<std::ops::ControlFlow<()>, E>,
    ) -> Result<std::ops::ControlFlow<()>, E> {
        let holder = if self.is_primitive() { self.twin } else { self.value };
        let Some(holder) = holder else { return Ok(std::ops::ControlFlow::Continue(())) };
        for (name, value) in holder.members() {
            let written = name.as_str();
            // The object beside a primitive is seen with its value; if there is no value, by itself.
            let (bare, is_twin) = written.strip_prefix('_').map_or((&*written, false), |bare| (bare, true));
            let Some(member) = self.of.member(bare) else { continue };
            if is_twin && holder.get(bare).is_some() {
                continue;
            }
            let found = match (is_twin, name.symbol().filter(|_| member.of.kind == TypeKind::Primitive)) {
                (true, _) => (None, Some(value)),
                (false, Some(symbol)) => (Some(value), twin_of(holder, symbol)),
                (false, None) => (Some(value), None),
            };
            if each_item(found, member.of, member.element, take)?.is_break() {
                return Ok(std::ops::ControlFlow::Break(()));
            }
        }
        Ok(std::ops::ControlFlow::Continue(()))
    }
}

fn twin_of(holder: Json<'_>, symbol: Symbol) -> Option<Json<'_>> {
    holder.members().find(|(name, _)| name.twin() == Some(symbol)).map(|(_, value)| value)
}

/// Calls `take` with each value of an element: of its values and of the objects beside them those that belong
/// together (R4 json, section 2.6.2.3).
pub(super) fn each_item<'a, E>(
    (value, twin): (Option<Json<'a>>, Option<Json<'a>>),
    of: &'static TypeDefinition,
    definition: &'static ElementDefinition,
    take: &mut dyn FnMut(Element<'a>) -> Result<std::ops::ControlFlow<()>, E>,
) -> Result<std::ops::ControlFlow<()>, E> {
    let is_array = |json: Option<Json<'a>>| json.is_some_and(|json| json.kind() == Kind::Array);
    let item = |value: Option<Json<'a>>, twin: Option<Json<'a>>| {
        let of = value.map_or(of, |value| actual(value, of));
        Element { value, twin, of, definition: Some(definition) }
    };
    if !is_array(value) && !is_array(twin) {
        return take(item(value, twin));
    }
    let mut values = value.into_iter().flat_map(Json::items);
    let mut twins = twin.into_iter().flat_map(Json::items);
    let is_there = |json: &Json<'_>| json.kind() != Kind::Null;
    loop {
        let (value, twin) = (values.next(), twins.next());
        if value.is_none() && twin.is_none() {
            return Ok(std::ops::ControlFlow::Continue(()));
        }
        let (value, twin) = (value.filter(is_there), twin.filter(is_there));
        if (value.is_some() || twin.is_some()) && take(item(value, twin))?.is_break() {
            return Ok(std::ops::ControlFlow::Break(()));
        }
    }
}

/// The type of a value where the definition says `of`: of a resource inside another, its own.
fn actual(value: Json<'_>, of: &'static TypeDefinition) -> &'static TypeDefinition {
    if of.kind != TypeKind::Abstract {
        return of;
    }
    let named = value.get("resourceType").and_then(Json::as_str);
    named.and_then(|name| ResourceType::parse(&name)).map_or(of, |of| definitions().resource(of))
}
