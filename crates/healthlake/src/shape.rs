//! How a value of the service model is read from JSON and written to it (AWS JSON 1.0).

use crate::constraint::{Bounds, Path, Shown, Text, Violations};
use crate::error::Fault;
use crate::generated::actions::Action;
use serde_json::{Map, Number, Value};
use std::fmt;

/// The input of an action.
pub trait Request: Decode + Encode {
    /// What the action answers with.
    type Response: Decode + Encode;
    /// The action.
    const ACTION: Action;
}

/// Reads a shape. Broken constraints are collected in `found` and a placeholder stands in their place; a value
/// of the wrong JSON type ends the reading.
pub trait Decode: Sized {
    /// The value read at `at`.
    fn decode(value: &Value, at: &Path<'_>, found: &mut Violations) -> Result<Self, Mistyped>;
}

/// Writes a shape as JSON.
pub trait Encode {
    /// The JSON of this value.
    fn encode(&self) -> Value;
}

/// Reads the body of a request or an answer; an empty body counts as `{}`.
/// Fails with SerializationException or, for broken constraints, ValidationException.
pub fn decode<T: Decode>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    let value: Value = serde_json::from_slice(body).map_err(|_| Mistyped::not_json())?;
    let mut found = Violations::new();
    let decoded = T::decode(&value, &Path::Root, &mut found)?;
    if found.is_empty() { Ok(decoded) } else { Err(found.into()) }
}

/// A value whose JSON type is not the shape's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistyped(String);

impl Mistyped {
    fn not_json() -> Self {
        Mistyped("The request body is not valid JSON".to_owned())
    }

    fn at(at: &Path<'_>, value: &Value, wanted: &str) -> Self {
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "a structure",
        };
        match at {
            Path::Root => Mistyped(format!("The request is {is} where {wanted} is expected")),
            _ => Mistyped(format!("The value at '{at}' is {is} where {wanted} is expected")),
        }
    }
}

impl fmt::Display for Mistyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A moment in microseconds since 1970 UTC; on the wire seconds with a fraction of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// A moment of a record as callers see it: whole milliseconds. Lists filter by it too, so that what was
    /// shown can be asked for.
    pub fn shown(micros: i64) -> Self {
        Timestamp(micros.div_euclid(1000) * 1000)
    }
}

/// The members of a structure while it is read. Unknown ones are ignored; null counts as absent.
pub struct Members<'a> {
    object: &'a Map<String, Value>,
    at: &'a Path<'a>,
    found: &'a mut Violations,
}

impl<'a> Members<'a> {
    /// The members of `value`, which must be an object.
    pub fn of(value: &'a Value, at: &'a Path<'a>, found: &'a mut Violations) -> Result<Self, Mistyped> {
        match value {
            Value::Object(object) => Ok(Members { object, at, found }),
            other => Err(Mistyped::at(at, other, "a structure")),
        }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A member that may be absent.
    pub fn optional<T>(&mut self, name: &str, read: impl Reader<T>) -> Result<Option<T>, Mistyped> {
        let at = Path::Member(self.at, name);
        self.value(name).map(|value| read(value, &at, self.found)).transpose()
    }

    /// A member that must be there; its absence is a violation and a placeholder is returned.
    pub fn required<T: Default>(&mut self, name: &str, read: impl Reader<T>) -> Result<T, Mistyped> {
        let read = self.optional(name, read)?;
        if read.is_none() {
            self.found.missing(&Path::Member(self.at, name));
        }
        Ok(read.unwrap_or_default())
    }

    /// Which of a union's members is there. None or several is a violation.
    pub fn exactly_one(&mut self, names: &[&'static str]) -> Option<&'static str> {
        let mut present = names.iter().filter(|name| self.value(name).is_some());
        let first = present.next().copied();
        let several = present.next().is_some();
        if first.is_none() || several {
            let rule = format_args!("Member must have exactly one of: [{}]", names.join(", ")).to_string();
            self.found.add_lost(&Shown::Withheld, self.at, format_args!("{rule}"));
            return None;
        }
        first
    }
}

/// Reads one value; the functions below are the readers of the model's simple shapes.
pub trait Reader<T>: Fn(&Value, &Path<'_>, &mut Violations) -> Result<T, Mistyped> {}
impl<T, F: Fn(&Value, &Path<'_>, &mut Violations) -> Result<T, Mistyped>> Reader<T> for F {}

/// A string under `constraint`.
pub(crate) fn text(constraint: &'static Text) -> impl Reader<String> {
    move |value: &Value, at: &Path<'_>, found: &mut Violations| {
        let text = value.as_str().ok_or_else(|| Mistyped::at(at, value, "a string"))?;
        constraint.check(text, at, found);
        Ok(text.to_owned())
    }
}

/// A list within `bounds`. The items of a list that is too long are not looked at.
pub(crate) fn list<T>(bounds: &'static Bounds, item: impl Reader<T>) -> impl Reader<Vec<T>> {
    move |value: &Value, at: &Path<'_>, found: &mut Violations| {
        let items = value.as_array().ok_or_else(|| Mistyped::at(at, value, "a list"))?;
        bounds.check_items(items, at, found);
        if bounds.is_over(i64::try_from(items.len()).unwrap_or(i64::MAX)) {
            return Ok(Vec::new());
        }
        let mut read = Vec::with_capacity(items.len());
        for (i, value) in items.iter().enumerate() {
            let at = Path::Item(at, i);
            match value {
                Value::Null => found.missing(&at),
                value => read.push(item(value, &at, found)?),
            }
        }
        Ok(read)
    }
}

/// A whole number of 32 bits within `bounds`; one with a zero fraction is taken too.
pub(crate) fn integer(bounds: &'static Bounds) -> impl Reader<i32> {
    move |value: &Value, at: &Path<'_>, found: &mut Violations| {
        let number = whole(value).ok_or_else(|| Mistyped::at(at, value, "an integer"))?;
        bounds.check_value(number, at, found);
        Ok(i32::try_from(number).unwrap_or_default())
    }
}

/// A whole number of 64 bits.
pub(crate) fn long(value: &Value, at: &Path<'_>, _: &mut Violations) -> Result<i64, Mistyped> {
    whole(value).ok_or_else(|| Mistyped::at(at, value, "an integer"))
}

fn whole(value: &Value) -> Option<i64> {
    let exact = |number: f64| number.fract() == 0.0 && number.abs() < 9e15;
    value.as_i64().or_else(|| value.as_f64().filter(|number| exact(*number)).map(|number| number as i64))
}

/// A floating point number.
pub(crate) fn double(value: &Value, at: &Path<'_>, _: &mut Violations) -> Result<f64, Mistyped> {
    value.as_f64().ok_or_else(|| Mistyped::at(at, value, "a number"))
}

/// True or false.
pub(crate) fn boolean(value: &Value, at: &Path<'_>, _: &mut Violations) -> Result<bool, Mistyped> {
    value.as_bool().ok_or_else(|| Mistyped::at(at, value, "a boolean"))
}

/// Seconds since 1970 UTC, whole or with a fraction; moments out of range are held at its ends.
pub(crate) fn timestamp(value: &Value, at: &Path<'_>, _: &mut Violations) -> Result<Timestamp, Mistyped> {
    let seconds = value.as_f64().ok_or_else(|| Mistyped::at(at, value, "a time in epoch seconds"))?;
    Ok(Timestamp((seconds * 1e6).round() as i64))
}

/// A JSON object while it is written.
pub struct Object(Map<String, Value>);

impl Object {
    /// No member yet.
    #[expect(clippy::new_without_default, reason = "an object under construction is no value")]
    pub fn new() -> Self {
        Object(Map::new())
    }

    /// Adds a member.
    pub fn put(&mut self, name: &str, value: &impl Encode) {
        self.0.insert(name.to_owned(), value.encode());
    }

    /// Adds a member unless it is absent.
    pub fn put_if_any(&mut self, name: &str, value: &Option<impl Encode>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// The object written.
    pub fn done(self) -> Value {
        Value::Object(self.0)
    }
}

impl Encode for String {
    fn encode(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Encode for bool {
    fn encode(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Encode for i32 {
    fn encode(&self) -> Value {
        Value::from(*self)
    }
}

impl Encode for i64 {
    fn encode(&self) -> Value {
        Value::from(*self)
    }
}

impl Encode for f64 {
    fn encode(&self) -> Value {
        Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

impl Encode for Timestamp {
    fn encode(&self) -> Value {
        (self.0.div_euclid(1000) as f64 / 1000.0).encode()
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self) -> Value {
        Value::Array(self.iter().map(Encode::encode).collect())
    }
}

/// Declares a closed set of strings of the service model.
macro_rules! enumeration {
    ($(#[$doc:meta])* pub enum $name:ident { $(#[$first_doc:meta])* $first:ident = $first_text:literal,
        $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[$first_doc])* #[default] $first,
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value, in the order of the service model.
            pub const ALL: &[$name] = &[$name::$first, $($name::$variant,)*];

            /// The value on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $name::$first => $first_text, $($name::$variant => $text,)* }
            }

            /// The value written as `text`, if there is one.
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl crate::shape::Decode for $name {
            fn decode(
                value: &serde_json::Value,
                at: &crate::constraint::Path<'_>,
                found: &mut crate::constraint::Violations,
            ) -> Result<Self, crate::shape::Mistyped> {
                crate::shape::one_of(value, at, found, Self::named, &[$first_text, $($text,)*])
            }
        }

        impl crate::shape::Encode for $name {
            fn encode(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }
        }
    };
}
pub(crate) use enumeration;

/// A value of an enumeration; anything else is a violation and the default stands for it.
pub(crate) fn one_of<T: Default>(
    value: &Value,
    at: &Path<'_>,
    found: &mut Violations,
    named: fn(&str) -> Option<T>,
    values: &[&str],
) -> Result<T, Mistyped> {
    let text = value.as_str().ok_or_else(|| Mistyped::at(at, value, "a string"))?;
    Ok(named(text).unwrap_or_else(|| {
        let set = values.join(", ");
        found.add_lost(&Shown::Value(text), at, format_args!("Member must satisfy enum value set: [{set}]"));
        T::default()
    }))
}
