//! Conversions, boundaries, and what a value's type and the time are (FHIRPath 2.0.0, sections 5.5, 5.9, 6.3).

use super::super::boundary::{Side, boundary, precision};
use super::super::convert::{to_boolean, to_decimal, to_integer, to_quantity, to_temporal, to_text};
use super::super::error::PathError;
use super::super::evaluate::Input;
use super::super::function::Function;
use super::super::syntax::Call;
use super::super::temporal::{Temporal, TemporalKind};
use super::super::value::{Value, string_operand};

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let name = call.function.name();
    let Some(value) = input.single(name)? else { return Ok(None) };
    let digits = || match call.arguments.first() {
        None => Ok(None),
        Some(argument) => {
            let digits = input.argument(argument, name)?;
            digits.map(|digits| digits.as_integer().ok_or(PathError::operand(name, "an integer"))).transpose()
        }
    };
    match call.function {
        Function::LowBoundary => boundary(&value, digits()?, Side::Low, name),
        Function::HighBoundary => boundary(&value, digits()?, Side::High, name),
        Function::Precision => precision(&value, name).map(|digits| Some(Value::Integer(digits))),
        Function::Comparable => {
            let other = input.argument(&call.arguments[0], name)?;
            let quantities = value.to_quantity().zip(other.and_then(|other| other.to_quantity()));
            Ok(quantities.map(|(one, other)| Value::Boolean(one.is_comparable(&other))))
        }
        Function::ToQuantity | Function::ConvertsToQuantity => {
            let unit = match call.arguments.first() {
                None => None,
                Some(argument) => input.argument(argument, name)?,
            };
            let unit = unit.map(|unit| string_operand(&unit, name)).transpose()?;
            let converted = to_quantity(&value, unit.as_deref())?;
            Ok(match call.function {
                Function::ToQuantity => converted,
                _ => Some(Value::Boolean(converted.is_some())),
            })
        }
        function => {
            let (converted, is_question) = converted(function, &value);
            Ok(if is_question { Some(Value::Boolean(converted.is_some())) } else { converted })
        }
    }
}

/// The value that a conversion gives, and whether only that there is one is asked.
fn converted<'a>(function: Function, value: &Value<'a>) -> (Option<Value<'a>>, bool) {
    match function {
        Function::ToBoolean => (to_boolean(value), false),
        Function::ConvertsToBoolean => (to_boolean(value), true),
        Function::ToInteger => (to_integer(value), false),
        Function::ConvertsToInteger => (to_integer(value), true),
        Function::ToDate => (to_temporal(value, TemporalKind::Date), false),
        Function::ConvertsToDate => (to_temporal(value, TemporalKind::Date), true),
        Function::ToDateTime => (to_temporal(value, TemporalKind::DateTime), false),
        Function::ConvertsToDateTime => (to_temporal(value, TemporalKind::DateTime), true),
        Function::ToTime => (to_temporal(value, TemporalKind::Time), false),
        Function::ConvertsToTime => (to_temporal(value, TemporalKind::Time), true),
        Function::ToDecimal => (to_decimal(value), false),
        Function::ConvertsToDecimal => (to_decimal(value), true),
        Function::ToText => (to_text(value), false),
        _ => (to_text(value), true),
    }
}

/// `is`, `type`, `now`, `today` and `timeOfDay`.
pub(super) fn kind<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let now = || Temporal::of_time(input.evaluation.context.now);
    Ok(match call.function {
        Function::Now => Some(Value::Temporal(now())),
        Function::Today => Some(Value::Temporal(now().only(TemporalKind::Date))),
        Function::TimeOfDay => Some(Value::Temporal(now().only(TemporalKind::Time))),
        Function::TypeOf => {
            let value = input.single("type")?;
            value.map(|value| Value::Type(value.type_info()))
        }
        _ => {
            let value = input.single("is")?;
            value.map(|value| Value::Boolean(call.of.as_ref().is_some_and(|of| of.covers(&value))))
        }
    })
}
