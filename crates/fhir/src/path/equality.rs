//! When values are equal and when they are equivalent (FHIRPath 2.0.0, section 6.1).

use rust_decimal::{Decimal, RoundingStrategy};

use super::temporal::Temporal;
use super::value::{DECIMAL_DIGITS_MAX, Value};
use crate::{Decimal as Written, Json, Kind};

/// Whether two values are equal; nothing if that cannot be decided.
pub(super) fn equal(one: &Value<'_>, other: &Value<'_>) -> Option<bool> {
    let (one, other) = (one.to_operand(), other.to_operand());
    Some(match (&*one, &*other) {
        (Value::Boolean(one), Value::Boolean(other)) => one == other,
        (Value::Integer(one), Value::Integer(other)) => one == other,
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Integer(_) | Value::Decimal(_), Value::Integer(_) | Value::Decimal(_)) => {
            one.as_decimal() == other.as_decimal()
        }
        (Value::Temporal(one), Value::Temporal(other)) => return same_time(*one, *other),
        (Value::Quantity(one), Value::Quantity(other)) => {
            return one.in_common(other).map(|(one, other)| one == other);
        }
        (Value::Quantity(_), Value::Integer(_) | Value::Decimal(_))
        | (Value::Integer(_) | Value::Decimal(_), Value::Quantity(_)) => {
            let (one, other) = (one.to_quantity()?, other.to_quantity()?);
            return one.in_common(&other).map(|(one, other)| one == other);
        }
        (Value::Type(one), Value::Type(other)) => one == other,
        (Value::Element(one), Value::Element(other)) => match (one.value, other.value) {
            (Some(one), Some(other)) => json_equals(one, other),
            (None, None) => one.twin.map(Json::raw) == other.twin.map(Json::raw),
            _ => false,
        },
        _ => false,
    })
}

fn same_time(one: Temporal, other: Temporal) -> Option<bool> {
    use super::temporal::TemporalKind::Time;
    if (one.kind == Time) != (other.kind == Time) {
        return Some(false);
    }
    one.compare(other).map(|order| order.is_eq())
}

/// Whether two values are equivalent.
pub(super) fn equivalent(one: &Value<'_>, other: &Value<'_>) -> bool {
    let (one, other) = (one.to_operand(), other.to_operand());
    match (&*one, &*other) {
        (Value::String(one), Value::String(other)) => folded(one) == folded(other),
        (Value::Integer(one), Value::Integer(other)) => one == other,
        (Value::Integer(_) | Value::Decimal(_), Value::Integer(_) | Value::Decimal(_)) => {
            one.as_decimal().zip(other.as_decimal()).is_some_and(|(one, other)| about(one, other))
        }
        (Value::Temporal(one), Value::Temporal(other)) => {
            one.is_as_precise_as(*other) && same_time(*one, *other) == Some(true)
        }
        (Value::Quantity(one), Value::Quantity(other)) => {
            one.in_common(other).is_some_and(|(a, b)| match a == b {
                true => true,
                // Written in another unit, a number is as precise as it is in its own.
                false => about_relative((one.value, a), (other.value, b)),
            })
        }
        (Value::Element(one), Value::Element(other)) => match (one.value, other.value) {
            (Some(one), Some(other)) => json_is_like(one, other),
            _ => false,
        },
        _ => equal(&one, &other) == Some(true),
    }
}

/// Whether two decimals are the same as far as the less precise one is written.
fn about(one: Decimal, other: Decimal) -> bool {
    let scale = one.normalize().scale().min(other.normalize().scale());
    let rounded =
        |value: Decimal| value.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
    rounded(one) == rounded(other)
}

/// Whether two numbers, each as written and in a common unit, are the same as far as the less precise is written.
fn about_relative((one, one_common): (Decimal, Decimal), (other, other_common): (Decimal, Decimal)) -> bool {
    let step = |written: Decimal, common: Decimal| {
        let place = Decimal::new(1, written.normalize().scale().min(DECIMAL_DIGITS_MAX));
        match written.is_zero() {
            true => Some(place),
            false => common.checked_div(written).and_then(|factor| factor.abs().checked_mul(place)),
        }
    };
    let coarser = match (step(one, one_common), step(other, other_common)) {
        (Some(one), Some(other)) => one.max(other),
        _ => return false,
    };
    let places = |value: Decimal| {
        value
            .checked_div(coarser)
            .map(|count| count.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
    };
    places(one_common).is_some() && places(one_common) == places(other_common)
}

/// Text without case, and with any white space as one space.
fn folded(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Whether two values of JSON mean the same: members in any order, numbers by value.
pub(super) fn json_equals(one: Json<'_>, other: Json<'_>) -> bool {
    if one.kind() != other.kind() || one.len() != other.len() {
        return false;
    }
    match one.kind() {
        Kind::Object => one
            .members()
            .all(|(name, value)| other.get(&name.as_str()).is_some_and(|other| json_equals(value, other))),
        Kind::Array => one.items().zip(other.items()).all(|(one, other)| json_equals(one, other)),
        Kind::Number => match (one.as_number(), other.as_number()) {
            (Some(one), Some(other)) => is_same_number(one, other),
            _ => false,
        },
        Kind::String => one.as_str() == other.as_str(),
        Kind::Boolean => one.as_bool() == other.as_bool(),
        Kind::Null => true,
    }
}

fn is_same_number(one: &str, other: &str) -> bool {
    one == other
        || Written::parse(one)
            .zip(Written::parse(other))
            .is_some_and(|(one, other)| one.is_numerically(&other))
}

/// Whether two values of JSON are equivalent: items in any order, text without case.
fn json_is_like(one: Json<'_>, other: Json<'_>) -> bool {
    if one.kind() != other.kind() || one.len() != other.len() {
        return false;
    }
    match one.kind() {
        Kind::Object => one
            .members()
            .all(|(name, value)| other.get(&name.as_str()).is_some_and(|other| json_is_like(value, other))),
        Kind::Array => {
            let mut left: Vec<Json<'_>> = other.items().collect();
            one.items().all(|one| match left.iter().position(|other| json_is_like(one, *other)) {
                Some(at) => {
                    left.swap_remove(at);
                    true
                }
                None => false,
            })
        }
        Kind::String => match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => folded(&one) == folded(&other),
            _ => false,
        },
        _ => json_equals(one, other),
    }
}
