//! Parts of a collection, and collections together (FHIRPath 2.0.0, sections 5.3 and 5.4; `distinct`, 5.1.12).

use super::super::error::PathError;
use super::super::evaluate::{ENOUGH, Flow, Input, MORE, Take, given};
use super::super::function::Function;
use super::super::seen::Seen;
use super::super::syntax::Call;
use super::super::value::Value;

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let evaluation = input.evaluation;
    match call.function {
        Function::Single => given(input.single("single")?, take),
        Function::First => first(input, take),
        Function::Last => {
            let mut last = None;
            input.visit(&mut |value| {
                last = Some(value);
                MORE
            })?;
            given(last, take)
        }
        Function::Tail => skip(input, 1, take),
        Function::Skip => match count(call, input)? {
            Some(count) => skip(input, count, take),
            None => MORE,
        },
        Function::Take => match count(call, input)? {
            Some(count) => take_some(input, count, take),
            None => MORE,
        },
        Function::Distinct => {
            let mut seen = Seen::default();
            input.each(&mut |value| match seen.add(evaluation, value.clone())? {
                true => take(value),
                false => MORE,
            })
        }
        Function::Union => union(call, input, take),
        Function::Combine => match input.each(take)?.is_break() {
            true => ENOUGH,
            false => evaluation.each(&call.arguments[0], input.frame, take),
        },
        Function::Intersect => {
            let others = others(call, input)?;
            let mut seen = Seen::default();
            input.each(&mut |value| match others.has(evaluation, &value)?
                && seen.add(evaluation, value.clone())?
            {
                true => take(value),
                false => MORE,
            })
        }
        _ => {
            let others = others(call, input)?;
            input.each(&mut |value| if others.has(evaluation, &value)? { MORE } else { take(value) })
        }
    }
}

fn union<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut seen = Seen::default();
    let mut once = |value: Value<'a>| match seen.add(input.evaluation, value.clone())? {
        true => take(value),
        false => MORE,
    };
    match input.each(&mut once)?.is_break() {
        true => ENOUGH,
        false => input.evaluation.each(&call.arguments[0], input.frame, &mut once),
    }
}

fn first<'a>(input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut first = None;
    input.visit(&mut |value| {
        first = Some(value);
        ENOUGH
    })?;
    given(first, take)
}

fn skip<'a>(input: &Input<'_, 'a>, count: i32, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut seen = 0;
    input.each(&mut |value| {
        seen += 1;
        if seen > count { take(value) } else { MORE }
    })
}

fn take_some<'a>(input: &Input<'_, 'a>, count: i32, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    if count <= 0 {
        return MORE;
    }
    let (mut seen, mut flow) = (0, MORE);
    input.visit(&mut |value| {
        seen += 1;
        flow = take(value);
        match &flow {
            Ok(flow) if flow.is_continue() && seen < count => MORE,
            _ => ENOUGH,
        }
    })?;
    flow
}

/// The number that is the only argument.
fn count<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<i32>, PathError> {
    let name = call.function.name();
    let value = input.argument(&call.arguments[0], name)?;
    value.map(|value| value.as_integer().ok_or(PathError::operand(name, "an integer"))).transpose()
}

fn others<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Seen<'a>, PathError> {
    let mut all = Seen::default();
    input.evaluation.visit(&call.arguments[0], input.frame, &mut |value| {
        all.push(value);
        MORE
    })?;
    Ok(all)
}
