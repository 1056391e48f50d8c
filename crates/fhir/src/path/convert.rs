//! From one type of FHIRPath to another (FHIRPath 2.0.0, section 5.5).

use rust_decimal::Decimal;

use super::error::PathError;
use super::quantity::{CalendarUnit, Quantity, Unit};
use super::temporal::{Temporal, TemporalKind};
use super::value::Value;

/// The decimal of a JSON number, as precise as it is written; nothing beyond 28 digits.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    match text.contains(['e', 'E']) {
        true => Decimal::from_scientific(text).ok(),
        false => Decimal::from_str_exact(text).ok(),
    }
}

pub(super) fn to_boolean<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let found = match &*value.to_system() {
        Value::Boolean(value) => Some(*value),
        Value::Integer(_) | Value::Decimal(_) => match value.as_decimal()? {
            one if one == Decimal::ONE => Some(true),
            zero if zero.is_zero() => Some(false),
            _ => None,
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    found.map(Value::Boolean)
}

pub(super) fn to_integer<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let found = match &*value.to_system() {
        Value::Integer(value) => Some(*value),
        Value::Boolean(value) => Some(i32::from(*value)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    found.map(Value::Integer)
}

pub(super) fn to_decimal<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let found = match &*value.to_system() {
        Value::Integer(value) => Some(Decimal::from(*value)),
        Value::Decimal(value) => Some(*value),
        Value::Boolean(true) => Some(Decimal::new(10, 1)),
        Value::Boolean(false) => Some(Decimal::new(0, 1)),
        Value::String(text) => number(text),
        _ => None,
    };
    found.map(Value::Decimal)
}

/// `(+|-)? digits (. digits)?`
fn number(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = is_digits(whole) && is_digits(fraction);
    is_number.then(|| Decimal::from_str_exact(text.strip_prefix('+').unwrap_or(text)).ok()).flatten()
}

pub(super) fn to_temporal<'a>(value: &Value<'a>, kind: TemporalKind) -> Option<Value<'a>> {
    let found = match &*value.to_system() {
        Value::Temporal(temporal) => match (temporal.kind, kind) {
            (same, wanted) if same == wanted => Some(*temporal),
            (TemporalKind::Date, TemporalKind::DateTime) => Some(temporal.only(kind)),
            (TemporalKind::DateTime, TemporalKind::Date) => Some(temporal.only(kind)),
            _ => None,
        },
        Value::String(text) => match kind {
            TemporalKind::Date => Temporal::parse(TemporalKind::DateTime, text).map(|time| time.only(kind)),
            TemporalKind::Time => Temporal::parse(kind, text.strip_prefix('T').unwrap_or(text)),
            TemporalKind::DateTime => Temporal::parse(kind, text),
        },
        _ => None,
    };
    found.map(Value::Temporal)
}

pub(super) fn to_text<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    let text = match &*value.to_operand() {
        Value::String(text) => return Some(Value::String(text.clone())),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Temporal(value) => value.to_string(),
        Value::Quantity(value) => value.to_string(),
        Value::Element(_) | Value::Type(_) => return None,
    };
    Some(Value::String(text.into()))
}

/// As a quantity; in `unit`, if one is asked for.
pub(super) fn to_quantity<'a>(value: &Value<'a>, unit: Option<&str>) -> Result<Option<Value<'a>>, PathError> {
    let found = match &*value.to_operand() {
        Value::Quantity(quantity) => Some((**quantity).clone()),
        Value::Integer(value) => Some(Quantity::plain(Decimal::from(*value))),
        Value::Decimal(value) => Some(Quantity::plain(*value)),
        Value::Boolean(true) => Some(Quantity::plain(Decimal::new(10, 1))),
        Value::Boolean(false) => Some(Quantity::plain(Decimal::new(0, 1))),
        Value::String(text) => quantity(text),
        _ => None,
    };
    let converted = match (found, unit) {
        (found, None) => found,
        (None, _) => None,
        (Some(found), Some(unit)) => in_unit(&found, unit),
    };
    Ok(converted.map(|quantity| Value::Quantity(Box::new(quantity))))
}

/// `number`, `number 'unit'` or `number calendar-word`.
fn quantity(text: &str) -> Option<Quantity> {
    let (digits, unit) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let value = number(digits)?;
    let unit = unit.trim();
    let unit = match unit.strip_prefix('\'').and_then(|unit| unit.strip_suffix('\'')) {
        Some(code) => Unit::of_code(code),
        None if unit.is_empty() => Unit::plain(),
        None => Unit::Calendar(CalendarUnit::parse(unit)?),
    };
    Some(Quantity { value, unit })
}

fn in_unit(quantity: &Quantity, unit: &str) -> Option<Quantity> {
    let unit = CalendarUnit::parse(unit).map_or_else(|| Unit::of_code(unit), Unit::Calendar);
    if quantity.unit == unit {
        return Some(quantity.clone());
    }
    let one = Quantity { value: Decimal::ONE, unit };
    let (value, of_one) = quantity.in_common(&one)?;
    let offset_free = value.checked_div(of_one)?;
    Some(Quantity { value: offset_free.normalize(), unit: one.unit })
}
