//! Fixed values and patterns (R4 ElementDefinition, `fixed[x]` and `pattern[x]`).

use crate::{Decimal, Json, Kind};

/// Whether a value is exactly what is fixed: the same members, the same items in the same order.
pub(super) fn is_exactly(value: Json<'_>, fixed: Json<'_>) -> bool {
    value.kind() == fixed.kind()
        && value.len() == fixed.len()
        && match fixed.kind() {
            Kind::Object => fixed
                .members()
                .all(|(name, fixed)| value.get(&name.as_str()).is_some_and(|value| is_exactly(value, fixed))),
            Kind::Array => value.items().zip(fixed.items()).all(|(value, fixed)| is_exactly(value, fixed)),
            _ => is_same_scalar(value, fixed),
        }
}

/// Whether a value contains a pattern: all its members, and for each of its items one that contains that.
pub(super) fn contains(value: Json<'_>, pattern: Json<'_>) -> bool {
    match (value.kind(), pattern.kind()) {
        (Kind::Object, Kind::Object) => pattern
            .members()
            .all(|(name, pattern)| value.get(&name.as_str()).is_some_and(|value| contains(value, pattern))),
        (Kind::Array, Kind::Array) => {
            pattern.items().all(|pattern| value.items().any(|value| contains(value, pattern)))
        }
        _ => is_same_scalar(value, pattern),
    }
}

fn is_same_scalar(one: Json<'_>, other: Json<'_>) -> bool {
    match (one.kind(), other.kind()) {
        (Kind::Number, Kind::Number) => {
            let numbers = [one, other].map(|number| number.as_number().and_then(Decimal::parse));
            matches!(numbers, [Some(one), Some(other)] if one.is_numerically(&other))
        }
        (Kind::String, Kind::String) => one.as_str() == other.as_str(),
        (Kind::Boolean, Kind::Boolean) => one.as_bool() == other.as_bool(),
        (Kind::Null, Kind::Null) => true,
        _ => false,
    }
}
