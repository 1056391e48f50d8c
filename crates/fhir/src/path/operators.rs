//! The operators with two operands (FHIRPath 2.0.0, section 6).

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::PATH_STRING_BYTES_MAX;
use super::equality::{equal, equivalent};
use super::error::PathError;
use super::evaluate::{Evaluation, Few, Frame};
use super::quantity::{CalendarUnit, Quantity};
use super::syntax::{Expression, Operator};
use super::temporal::{Precision, SECOND, Temporal, TemporalKind};
use super::value::Value;

/// Whether the operator is one of logic.
pub(super) fn is_logical(operator: Operator) -> bool {
    matches!(operator, Operator::And | Operator::Or | Operator::Xor | Operator::Implies)
}

/// What an operator makes of its operands.
pub(super) fn binary<'a>(
    evaluation: &Evaluation<'a>,
    operator: Operator,
    operands: &'a [Expression; 2],
    frame: &Frame<'_, 'a>,
) -> Result<Option<Value<'a>>, PathError> {
    let [left, right] = operands;
    let name = operator.name();
    match operator {
        Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
            Ok(logical(evaluation, operator, operands, frame)?.map(Value::Boolean))
        }
        Operator::Equal | Operator::NotEqual => {
            let (left, right) = (evaluation.few(left, frame)?, evaluation.few(right, frame)?);
            let equal = all_equal(evaluation, &left, &right)?;
            Ok(equal.map(|equal| Value::Boolean(equal == (operator == Operator::Equal))))
        }
        Operator::Equivalent | Operator::NotEquivalent => {
            let (left, right) = (evaluation.few(left, frame)?, evaluation.few(right, frame)?);
            let alike = all_equivalent(evaluation, &left, &right)?;
            Ok(Some(Value::Boolean(alike == (operator == Operator::Equivalent))))
        }
        Operator::In => membership(evaluation, left, right, frame, name),
        Operator::Contains => membership(evaluation, right, left, frame, name),
        Operator::Concatenate => {
            let text = |value: Option<Value<'a>>| match value {
                None => Ok(String::new()),
                Some(value) => value.as_string().map(Into::into).ok_or(PathError::operand(name, "strings")),
            };
            let (left, right) =
                (evaluation.single(left, frame, name)?, evaluation.single(right, frame, name)?);
            let (left, right) = (text(left)?, text(right)?);
            joined(&left, &right).map(Some)
        }
        _ => {
            let left = evaluation.single(left, frame, name)?;
            let right = evaluation.single(right, frame, name)?;
            let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
            match operator {
                Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                    let order = compare(&left, &right, name)?;
                    Ok(order.map(|order| Value::Boolean(stands(operator, order))))
                }
                _ => arithmetic(operator, &left, &right),
            }
        }
    }
}

/// Three-valued logic (section 6.5); the right operand is looked at only where it matters.
pub(super) fn logical<'a>(
    evaluation: &Evaluation<'a>,
    operator: Operator,
    [left, right]: &'a [Expression; 2],
    frame: &Frame<'_, 'a>,
) -> Result<Option<bool>, PathError> {
    let left = evaluation.truth(left, frame)?;
    let right = || evaluation.truth(right, frame);
    Ok(match (operator, left) {
        (Operator::And, Some(false)) => Some(false),
        (Operator::And, Some(true)) => right()?,
        (Operator::And, None) => right()?.filter(|right| !right),
        (Operator::Or, Some(true)) => Some(true),
        (Operator::Or, Some(false)) => right()?,
        (Operator::Or | Operator::Implies, None) => right()?.filter(|right| *right),
        (Operator::Implies, Some(false)) => Some(true),
        (Operator::Implies, Some(true)) => right()?,
        (_, left) => left.zip(right()?).map(|(left, right)| left != right),
    })
}

/// Equality of collections: in the same order, nothing if either is empty or a pair cannot be decided.
fn all_equal<'a>(
    evaluation: &Evaluation<'a>,
    left: &Few<'a>,
    right: &Few<'a>,
) -> Result<Option<bool>, PathError> {
    if left.len() == 0 || right.len() == 0 {
        return Ok(None);
    }
    if left.len() != right.len() {
        return Ok(Some(false));
    }
    let mut all = Some(true);
    for (one, other) in left.iter().zip(right.iter()) {
        evaluation.worked()?;
        match equal(one, other) {
            Some(true) => {}
            Some(false) => return Ok(Some(false)),
            None => all = None,
        }
    }
    Ok(all)
}

/// Equivalence of collections: in any order.
fn all_equivalent<'a>(
    evaluation: &Evaluation<'a>,
    left: &Few<'a>,
    right: &Few<'a>,
) -> Result<bool, PathError> {
    if left.len() != right.len() {
        return Ok(false);
    }
    let mut rest: Vec<&Value<'a>> = right.iter().collect();
    for one in left.iter() {
        let mut found = None;
        for (at, other) in rest.iter().enumerate() {
            evaluation.worked()?;
            if equivalent(one, other) {
                found = Some(at);
                break;
            }
        }
        match found {
            Some(at) => rest.swap_remove(at),
            None => return Ok(false),
        };
    }
    Ok(true)
}

fn membership<'a>(
    evaluation: &Evaluation<'a>,
    one: &'a Expression,
    all: &'a Expression,
    frame: &Frame<'_, 'a>,
    name: &'static str,
) -> Result<Option<Value<'a>>, PathError> {
    let Some(one) = evaluation.single(one, frame, name)? else { return Ok(None) };
    let mut found = false;
    evaluation.visit(all, frame, &mut |other| {
        found = equal(&one, &other) == Some(true);
        Ok(if found { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) })
    })?;
    Ok(Some(Value::Boolean(found)))
}

fn stands(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// How one value stands to another; nothing if that cannot be decided. Fails if their types have no order in
/// common (section 6.2).
pub(super) fn compare(
    left: &Value<'_>,
    right: &Value<'_>,
    of: &'static str,
) -> Result<Option<Ordering>, PathError> {
    let (left, right) = (left.to_operand(), right.to_operand());
    let incomparable = Err(PathError::operand(of, "two strings, numbers, quantities, dates or times"));
    match (&*left, &*right) {
        (Value::String(left), Value::String(right)) => Ok(Some(left.as_ref().cmp(right.as_ref()))),
        (Value::Integer(left), Value::Integer(right)) => Ok(Some(left.cmp(right))),
        (Value::Integer(_) | Value::Decimal(_), Value::Integer(_) | Value::Decimal(_)) => {
            Ok(left.as_decimal().zip(right.as_decimal()).map(|(left, right)| left.cmp(&right)))
        }
        (Value::Temporal(left), Value::Temporal(right)) => {
            let is_time = |value: &Temporal| value.kind == TemporalKind::Time;
            if is_time(left) != is_time(right) {
                return incomparable;
            }
            Ok(left.compare(*right))
        }
        (Value::Quantity(_), Value::Quantity(_) | Value::Integer(_) | Value::Decimal(_))
        | (Value::Integer(_) | Value::Decimal(_), Value::Quantity(_)) => {
            let quantities = left.to_quantity().zip(right.to_quantity());
            Ok(quantities.and_then(|(left, right)| left.compare(&right)))
        }
        _ => incomparable,
    }
}

/// The value with its sign turned; nothing beyond the range.
pub(super) fn negative<'a>(value: &Value<'a>) -> Result<Option<Value<'a>>, PathError> {
    match &*value.to_operand() {
        Value::Integer(value) => Ok(value.checked_neg().map(Value::Integer)),
        Value::Decimal(zero) if zero.is_zero() => Ok(Some(Value::Decimal(*zero))),
        Value::Decimal(value) => Ok(Some(Value::Decimal(-*value))),
        Value::Quantity(quantity) => {
            let negative = Quantity { value: -quantity.value, unit: quantity.unit.clone() };
            Ok(Some(Value::Quantity(Box::new(negative))))
        }
        _ => Err(PathError::operand("-", "a number or a quantity")),
    }
}

fn joined<'a>(left: &str, right: &str) -> Result<Value<'a>, PathError> {
    if left.len() + right.len() > PATH_STRING_BYTES_MAX {
        return Err(PathError::limit("PATH_STRING_BYTES_MAX", PATH_STRING_BYTES_MAX as u64));
    }
    Ok(Value::String(format!("{left}{right}").into()))
}

/// `+ - * / div mod` (section 6.6): nothing beyond the range and when divided by zero.
fn arithmetic<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<Option<Value<'a>>, PathError> {
    let (left, right) = (left.to_operand(), right.to_operand());
    match (operator, &*left, &*right) {
        (Operator::Add, Value::String(left), Value::String(right)) => joined(left, right).map(Some),
        (Operator::Add, Value::Temporal(time), Value::Quantity(span)) => moved(*time, span, 1, "+"),
        (Operator::Subtract, Value::Temporal(time), Value::Quantity(span)) => moved(*time, span, -1, "-"),
        (_, Value::Integer(left), Value::Integer(right)) if operator != Operator::Divide => {
            Ok(of_integers(operator, *left, *right).map(Value::Integer))
        }
        (_, Value::Integer(_) | Value::Decimal(_), Value::Integer(_) | Value::Decimal(_)) => {
            let numbers = left.as_decimal().zip(right.as_decimal());
            let result = numbers.and_then(|(left, right)| of_decimals(operator, left, right));
            Ok(result.and_then(|result| match operator {
                Operator::Div => result.try_into().ok().map(Value::Integer),
                _ => Some(Value::Decimal(result)),
            }))
        }
        (_, Value::Quantity(_), Value::Quantity(_) | Value::Integer(_) | Value::Decimal(_))
        | (_, Value::Integer(_) | Value::Decimal(_), Value::Quantity(_)) => {
            let (Some(left), Some(right)) = (left.to_quantity(), right.to_quantity()) else {
                return Ok(None);
            };
            of_quantities(operator, &left, &right)
        }
        _ => Err(PathError::operand(operator.name(), "operands that it can be done with")),
    }
}

fn of_integers(operator: Operator, left: i32, right: i32) -> Option<i32> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Div => left.checked_div(right),
        _ => left.checked_rem(right),
    }
}

fn of_decimals(operator: Operator, left: Decimal, right: Decimal) -> Option<Decimal> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right).map(|quotient| quotient.normalize()),
        Operator::Div => left.checked_div(right).map(|quotient| quotient.trunc()),
        _ => left.checked_rem(right),
    }
}

fn of_quantities<'a>(
    operator: Operator,
    left: &Quantity,
    right: &Quantity,
) -> Result<Option<Value<'a>>, PathError> {
    let result = match operator {
        Operator::Add => left.plus(right, false),
        Operator::Subtract => left.plus(right, true),
        Operator::Multiply => left.times(right),
        Operator::Divide => left.over(right),
        _ => return Err(PathError::operand(operator.name(), "numbers")),
    };
    Ok(result.map(|quantity| Value::Quantity(Box::new(quantity))))
}

/// A date or time moved by a span (section 6.6.5 and 6.6.6): the parts of the span that the value is not precise
/// enough for are left out.
fn moved<'a>(
    time: Temporal,
    span: &Quantity,
    direction: i64,
    of: &'static str,
) -> Result<Option<Value<'a>>, PathError> {
    const NEEDS: &str = "a date or time, and a span of years, months, weeks, days or units of the clock";
    let unit = span.calendar_unit().ok_or(PathError::operand(of, NEEDS))?;
    let is_time = time.kind == TemporalKind::Time;
    let of_clock =
        !matches!(unit, CalendarUnit::Year | CalendarUnit::Month | CalendarUnit::Week | CalendarUnit::Day);
    if is_time && !of_clock || time.kind == TemporalKind::Date && of_clock {
        return Err(PathError::operand(of, NEEDS));
    }
    let Ok(count) = i64::try_from(span.value.trunc()) else { return Ok(None) };
    let Some(count) = count.checked_mul(direction) else { return Ok(None) };
    let result = match unit {
        CalendarUnit::Year => count.checked_mul(12).and_then(|months| time.moved_by_months(months)),
        CalendarUnit::Month => match time.precision {
            Precision::Year => time.moved_by_months(count / 12 * 12),
            _ => time.moved_by_months(count),
        },
        CalendarUnit::Week | CalendarUnit::Day => {
            let days = if unit == CalendarUnit::Week { count.checked_mul(7) } else { Some(count) };
            days.and_then(|days| moved_by_days(time, days))
        }
        CalendarUnit::Hour => moved_by_clock(time, count, 3600 * SECOND),
        CalendarUnit::Minute => moved_by_clock(time, count, 60 * SECOND),
        CalendarUnit::Second => moved_by_clock(time, count, SECOND),
        CalendarUnit::Millisecond => moved_by_clock(time, count, SECOND / 1000),
    };
    Ok(result.map(Value::Temporal))
}

/// Moved by days, or by as many whole months or years as the value is precise enough for.
fn moved_by_days(time: Temporal, days: i64) -> Option<Temporal> {
    const DAYS_OF_YEAR: i64 = 365;
    const DAYS_OF_MONTH: i64 = 30;
    match time.precision {
        Precision::Year => {
            (days / DAYS_OF_YEAR).checked_mul(12).and_then(|months| time.moved_by_months(months))
        }
        Precision::Month => time.moved_by_months(days / DAYS_OF_MONTH),
        _ => time.moved_by_days(days),
    }
}

fn moved_by_clock(time: Temporal, count: i64, unit_micros: i64) -> Option<Temporal> {
    const DAY: i64 = 86_400 * SECOND;
    let micros = count.checked_mul(unit_micros)?;
    let to_whole = |unit: i64| time.moved_by_micros(micros / unit * unit);
    match time.precision {
        Precision::Year | Precision::Month | Precision::Day => moved_by_days(time, micros / DAY),
        Precision::Hour => to_whole(3600 * SECOND),
        Precision::Minute => to_whole(60 * SECOND),
        Precision::Second => to_whole(SECOND),
        Precision::Fraction => time.moved_by_micros(micros),
    }
}
