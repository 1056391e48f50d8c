//! Mathematics (FHIRPath 2.0.0, section 5.7): in decimals, nothing beyond their range.

use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

use super::super::error::PathError;
use super::super::evaluate::Input;
use super::super::function::Function;
use super::super::quantity::Quantity;
use super::super::syntax::Call;
use super::super::value::{DECIMAL_DIGITS_MAX, Value};

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let name = call.function.name();
    let Some(value) = input.single(name)? else { return Ok(None) };
    let value = value.to_operand().into_owned();
    let argument = match call.arguments.first() {
        None => None,
        Some(argument) => match input.argument(argument, name)? {
            None => return Ok(None),
            given => given,
        },
    };
    match (call.function, &value) {
        (Function::Abs, Value::Integer(number)) => Ok(number.checked_abs().map(Value::Integer)),
        (Function::Abs, Value::Quantity(quantity)) => {
            let unit = quantity.unit.clone();
            Ok(Some(Value::Quantity(Box::new(Quantity { value: quantity.value.abs(), unit }))))
        }
        (Function::Power, Value::Integer(base)) => power_of_integer(*base, argument.as_ref()),
        _ => {
            let number = value.as_decimal().ok_or(PathError::operand(name, "a number"))?;
            of_decimal(call.function, number, argument.as_ref())
        }
    }
}

fn of_decimal<'a>(
    function: Function,
    number: Decimal,
    argument: Option<&Value<'a>>,
) -> Result<Option<Value<'a>>, PathError> {
    let name = function.name();
    let other = || match argument {
        None => Ok(None),
        Some(value) => value.as_decimal().ok_or(PathError::operand(name, "a number")).map(Some),
    };
    let decimal = |found: Option<Decimal>| Ok(found.map(Value::Decimal));
    let integer = |found: Decimal| Ok(i32::try_from(found).ok().map(Value::Integer));
    match function {
        Function::Abs => decimal(Some(number.abs())),
        Function::Ceiling => integer(number.ceil()),
        Function::Floor => integer(number.floor()),
        Function::Truncate => integer(number.trunc()),
        Function::Exp => decimal(exponential(number)),
        Function::Ln => decimal(number.checked_ln()),
        Function::Sqrt => decimal(number.sqrt()),
        Function::Log => decimal(other()?.and_then(|base| logarithm(number, base))),
        Function::Round => {
            let places = match argument {
                None => 0,
                Some(value) => value
                    .as_integer()
                    .and_then(|places| u32::try_from(places).ok())
                    .ok_or(PathError::operand(name, "a whole number of digits that is not negative"))?,
            };
            let strategy = RoundingStrategy::MidpointAwayFromZero;
            decimal(Some(number.round_dp_with_strategy(places.min(DECIMAL_DIGITS_MAX), strategy)))
        }
        _ => decimal(other()?.and_then(|exponent| power(number, exponent))),
    }
}

/// e to the power of a number; beyond about 66 it is greater than any decimal.
fn exponential(number: Decimal) -> Option<Decimal> {
    let limit = Decimal::from(70);
    match number {
        zero if zero.is_zero() => Some(Decimal::ONE),
        large if large > limit => None,
        small if small < -limit => Some(Decimal::ZERO),
        number => number.checked_exp(),
    }
}

fn logarithm(number: Decimal, base: Decimal) -> Option<Decimal> {
    let quotient = number.checked_ln()?.checked_div(base.checked_ln()?)?;
    // Two rounded logarithms: the last of 28 digits is not exact, and 100 is the second power of 10.
    Some(quotient.round_dp(15).normalize())
}

fn power_of_integer<'a>(base: i32, exponent: Option<&Value<'a>>) -> Result<Option<Value<'a>>, PathError> {
    match exponent.map(|exponent| exponent.to_operand().into_owned()) {
        Some(Value::Integer(exponent)) if exponent >= 0 => {
            Ok(base.checked_pow(exponent.unsigned_abs()).map(Value::Integer))
        }
        Some(exponent) => {
            let exponent = exponent.as_decimal().ok_or(PathError::operand("power", "a number"))?;
            Ok(power(Decimal::from(base), exponent).map(Value::Decimal))
        }
        None => Ok(None),
    }
}

fn power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    if exponent.is_integer() {
        let exponent = i64::try_from(exponent).ok()?;
        // The powers of all but 0, 1 and -1 leave the range long before.
        const EXPONENT_MAX: i64 = 10_000;
        return if exponent.abs() > EXPONENT_MAX {
            None
        } else {
            base.checked_powi(exponent).map(|power| power.normalize())
        };
    }
    if base.is_sign_negative() {
        return None;
    }
    base.checked_powd(exponent)
}
