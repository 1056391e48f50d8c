//! Whether there are values, how many, and what holds of them (FHIRPath 2.0.0, section 5.1; `not`, 6.5.3).

use super::super::error::PathError;
use super::super::evaluate::{ENOUGH, Input, MORE};
use super::super::function::Function;
use super::super::seen::Seen;
use super::super::syntax::Call;
use super::super::value::Value;

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let answer = match call.function {
        Function::Empty => input.is_empty()?,
        Function::Exists => exists(call, input)?,
        Function::All => !any(input, |value, index| Ok(!input.holds(&call.arguments[0], value, index)?))?,
        Function::AllTrue => !any(input, |value, _| Ok(!boolean(value, "allTrue")?))?,
        Function::AnyTrue => any(input, |value, _| boolean(value, "anyTrue"))?,
        Function::AllFalse => !any(input, |value, _| boolean(value, "allFalse"))?,
        Function::AnyFalse => any(input, |value, _| Ok(!boolean(value, "anyFalse")?))?,
        Function::SubsetOf => is_within(input, &input.all()?, others(call, input)?)?,
        Function::SupersetOf => is_within(input, &others(call, input)?, input.all()?)?,
        Function::IsDistinct => is_distinct(input)?,
        Function::Count => return count(input).map(Some),
        _ => {
            let value = input.single("not")?;
            return Ok(value.map(|value| Value::Boolean(!as_condition(&value))));
        }
    };
    Ok(Some(Value::Boolean(answer)))
}

/// A single value where a boolean is expected: what is no boolean counts as true, as do all numbers but zero.
fn as_condition(value: &Value<'_>) -> bool {
    value.as_boolean().unwrap_or(true)
}

fn exists<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<bool, PathError> {
    match call.arguments.first() {
        None => Ok(!input.is_empty()?),
        Some(condition) => any(input, |value, index| input.holds(condition, value, index)),
    }
}

/// Whether any value passes; those after it are not looked at.
fn any<'a>(
    input: &Input<'_, 'a>,
    passes: impl Fn(&Value<'a>, usize) -> Result<bool, PathError>,
) -> Result<bool, PathError> {
    let (mut found, mut index) = (false, 0);
    input.visit(&mut |value| {
        found = passes(&value, index)?;
        index += 1;
        if found { ENOUGH } else { MORE }
    })?;
    Ok(found)
}

fn boolean(value: &Value<'_>, of: &'static str) -> Result<bool, PathError> {
    value.as_boolean().ok_or(PathError::operand(of, "booleans"))
}

fn count<'a>(input: &Input<'_, 'a>) -> Result<Value<'a>, PathError> {
    let mut count = 0;
    input.visit(&mut |_| {
        count += 1;
        MORE
    })?;
    Ok(Value::Integer(count))
}

/// The values of the only argument.
fn others<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Vec<Value<'a>>, PathError> {
    let mut all = Vec::new();
    input.evaluation.visit(&call.arguments[0], input.frame, &mut |value| {
        all.push(value);
        MORE
    })?;
    Ok(all)
}

fn is_within<'a>(input: &Input<'_, 'a>, few: &[Value<'a>], many: Vec<Value<'a>>) -> Result<bool, PathError> {
    let many = Seen::of(many);
    for value in few {
        if !many.has(input.evaluation, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_distinct(input: &Input<'_, '_>) -> Result<bool, PathError> {
    let mut seen = Seen::default();
    let mut is_distinct = true;
    input.visit(&mut |value| {
        is_distinct = seen.add(input.evaluation, value)?;
        if is_distinct { MORE } else { ENOUGH }
    })?;
    Ok(is_distinct)
}
