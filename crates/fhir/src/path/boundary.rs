//! `lowBoundary`, `highBoundary` and `precision`: what a value may stand for (FHIRPath, "Utility functions").

use rust_decimal::{Decimal, RoundingStrategy};

use super::error::PathError;
use super::quantity::Quantity;
use super::temporal::{Precision, SECOND, Temporal, TemporalKind};
use super::value::{DECIMAL_DIGITS_MAX, Value};
use crate::datetime::days_in;

/// Digits after the point, if none are asked for.
const DECIMAL_DIGITS: i32 = 8;

/// Which end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Low,
    High,
}

/// The least or the greatest value that this one may stand for, with so many digits; nothing where there are none.
pub(super) fn boundary<'a>(
    value: &Value<'a>,
    digits: Option<i32>,
    side: Side,
    of: &'static str,
) -> Result<Option<Value<'a>>, PathError> {
    Ok(match &*value.to_operand() {
        Value::Integer(number) => of_decimal(Decimal::from(*number), digits, side).map(Value::Decimal),
        Value::Decimal(number) => of_decimal(*number, digits, side).map(Value::Decimal),
        Value::Quantity(quantity) => of_decimal(quantity.value, digits, side)
            .map(|value| Value::Quantity(Box::new(Quantity { value, unit: quantity.unit.clone() }))),
        Value::Temporal(time) => of_temporal(*time, digits, side).map(Value::Temporal),
        _ => return Err(PathError::operand(of, "a number, a quantity, a date or a time")),
    })
}

fn of_decimal(number: Decimal, digits: Option<i32>, side: Side) -> Option<Decimal> {
    let digits = u32::try_from(digits.unwrap_or(DECIMAL_DIGITS))
        .ok()
        .filter(|digits| *digits <= DECIMAL_DIGITS_MAX)?;
    let half = Decimal::try_new(5, number.scale() + 1).ok()?;
    let (end, away) = match side {
        Side::Low => (number.checked_sub(half)?, number.is_sign_negative()),
        Side::High => (number.checked_add(half)?, !number.is_sign_negative()),
    };
    // Away from zero an end is rounded, towards zero it is cut, as the suite of FHIRPath has it.
    let strategy = if away { RoundingStrategy::MidpointAwayFromZero } else { RoundingStrategy::ToZero };
    let strategy =
        if end.is_sign_negative() && !away { RoundingStrategy::ToNegativeInfinity } else { strategy };
    let mut rounded = end.round_dp_with_strategy(digits, strategy);
    rounded.rescale(digits);
    Some(rounded)
}

/// Digits of a date: 4, 6 and 8; with a time 10, 12, 14 and 17. Of a time: 2, 4, 6 and 9.
fn precision_of(kind: TemporalKind, digits: i32) -> Option<Precision> {
    let before_clock = if kind == TemporalKind::Time { 0 } else { 8 };
    Some(match digits - before_clock {
        2 => Precision::Hour,
        4 => Precision::Minute,
        6 => Precision::Second,
        9 => Precision::Fraction,
        _ if kind == TemporalKind::Time => return None,
        _ => match digits {
            4 => Precision::Year,
            6 => Precision::Month,
            8 => Precision::Day,
            _ => return None,
        },
    })
}

fn of_temporal(time: Temporal, digits: Option<i32>, side: Side) -> Option<Temporal> {
    let whole = match time.kind {
        TemporalKind::Date => Precision::Day,
        _ => Precision::Fraction,
    };
    let wanted = match digits {
        None => whole,
        Some(digits) => precision_of(time.kind, digits)?,
    };
    let mut ends = match side {
        Side::Low => time,
        Side::High => filled_up(time),
    };
    ends.precision = wanted;
    ends.fraction_digits = 3;
    if wanted > Precision::Day && time.kind == TemporalKind::Date {
        ends.kind = TemporalKind::DateTime;
    }
    // A zone that is not written may be any: the earliest moment is in the easternmost.
    if ends.kind == TemporalKind::DateTime && wanted > Precision::Day && time.zone_minutes.is_none() {
        ends.zone_minutes = Some(if side == Side::Low { 14 * 60 } else { -12 * 60 });
    }
    if wanted <= Precision::Day {
        ends.zone_minutes = None;
    }
    Some(ends)
}

/// With the last value in each part that is not written.
fn filled_up(time: Temporal) -> Temporal {
    let mut last = time;
    let has = |part| time.precision >= part;
    if time.kind != TemporalKind::Time {
        if !has(Precision::Month) {
            last.month = 12;
        }
        if !has(Precision::Day) {
            last.day = days_in(last.year, last.month);
        }
    }
    let missing = match time.precision {
        Precision::Year | Precision::Month | Precision::Day => 86_400 * SECOND,
        Precision::Hour => 3600 * SECOND,
        Precision::Minute => 60 * SECOND,
        Precision::Second => SECOND,
        Precision::Fraction => 1000,
    };
    last.micros += missing - 1000;
    last
}

/// How many digits are written.
pub(super) fn precision(value: &Value<'_>, of: &'static str) -> Result<i32, PathError> {
    match &*value.to_operand() {
        Value::Integer(_) => Ok(0),
        Value::Decimal(number) => Ok(number.scale() as i32),
        Value::Quantity(quantity) => Ok(quantity.value.scale() as i32),
        Value::Temporal(time) => {
            let before_clock = if time.kind == TemporalKind::Time { 0 } else { 8 };
            Ok(match time.precision {
                Precision::Year => 4,
                Precision::Month => 6,
                Precision::Day => 8,
                Precision::Hour => before_clock + 2,
                Precision::Minute => before_clock + 4,
                Precision::Second => before_clock + 6,
                Precision::Fraction => before_clock + 6 + i32::from(time.fraction_digits),
            })
        }
        _ => Err(PathError::operand(of, "a number, a quantity, a date or a time")),
    }
}
