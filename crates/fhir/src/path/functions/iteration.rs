//! What is done for each value (FHIRPath 2.0.0, sections 5.2, 5.5.1 and 7).

use std::cmp::Ordering;

use super::super::error::PathError;
use super::super::evaluate::{Evaluation, Flow, Frame, Input, MORE, Take, each_of, given};
use super::super::function::Function;
use super::super::operators::compare;
use super::super::seen::Seen;
use super::super::syntax::{Call, Expression};
use super::super::value::Value;

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut index = 0;
    let mut count = || {
        index += 1;
        index - 1
    };
    match call.function {
        Function::Where => input.each(&mut |value| match input.holds(&call.arguments[0], &value, count())? {
            true => take(value),
            false => MORE,
        }),
        Function::Select => input.each(&mut |value| {
            let frame = Frame { this: &value, index: count(), total: input.frame.total };
            input.evaluation.each(&call.arguments[0], &frame, take)
        }),
        Function::OfType => input.each(&mut |value| match &call.of {
            Some(of) if of.takes(&value) => take(value),
            _ => MORE,
        }),
        Function::As => {
            let value = input.single("as")?;
            given(value.filter(|value| call.of.as_ref().is_some_and(|of| of.takes(value))), take)
        }
        Function::Trace => input.each(take),
        Function::Repeat => repeat(call, input, take),
        Function::Aggregate => aggregate(call, input, take),
        Function::Sort => sort(call, input, take),
        _ => iif(call, input, take),
    }
}

/// `iif`: about a single value or none; only the branch that is asked for is looked at.
fn iif<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let this = input.single("iif")?;
    let this = this.as_ref().unwrap_or(input.frame.this);
    let frame = Frame { this, ..*input.frame };
    let condition = input.evaluation.single(&call.arguments[0], &frame, "iif")?;
    let holds = match condition {
        None => false,
        Some(value) => value.as_boolean().ok_or(PathError::operand("iif", "a boolean"))?,
    };
    match (holds, call.arguments.get(2)) {
        (true, _) => input.evaluation.each(&call.arguments[1], &frame, take),
        (false, Some(otherwise)) => input.evaluation.each(otherwise, &frame, take),
        (false, None) => MORE,
    }
}

/// `repeat`: what the projection finds of the input, of what it found, and so on; each value once.
fn repeat<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut found = Seen::default();
    let project = |value: &Value<'a>, found: &mut Seen<'a>| {
        let frame = Frame { this: value, index: 0, total: input.frame.total };
        input.evaluation.visit(&call.arguments[0], &frame, &mut |next| {
            found.add(input.evaluation, next)?;
            MORE
        })
    };
    input.visit(&mut |value| {
        project(&value, &mut found)?;
        MORE
    })?;
    let mut at = 0;
    while let Some(value) = found.values().get(at).cloned() {
        project(&value, &mut found)?;
        at += 1;
    }
    each_of(found.values(), take)
}

fn aggregate<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut total = Vec::new();
    if let Some(start) = call.arguments.get(1) {
        collect(input.evaluation, start, input.frame, &mut total)?;
    }
    let mut index = 0;
    input.visit(&mut |value| {
        let frame = Frame { this: &value, index, total: &total };
        index += 1;
        let mut next = Vec::new();
        collect(input.evaluation, &call.arguments[0], &frame, &mut next)?;
        total = next;
        MORE
    })?;
    each_of(&total, take)
}

fn collect<'a>(
    evaluation: &Evaluation<'a>,
    expression: &'a Expression,
    frame: &Frame<'_, 'a>,
    out: &mut Vec<Value<'a>>,
) -> Result<(), PathError> {
    evaluation.visit(expression, frame, &mut |value| {
        out.push(value);
        MORE
    })?;
    Ok(())
}

/// A value with what it is sorted by.
type Keyed<'a> = (Vec<Option<Value<'a>>>, Value<'a>);

/// `sort`: by each key in turn, downwards for one with a minus before it; what has no key comes first
/// in either direction.
fn sort<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let keys: Vec<(&Expression, bool)> = call
        .arguments
        .iter()
        .map(|key| match key {
            Expression::Negative(key) => (&**key, true),
            key => (key, false),
        })
        .collect();
    let mut all: Vec<Keyed<'a>> = Vec::new();
    input.visit(&mut |value| {
        let frame = Frame { this: &value, index: all.len(), total: input.frame.total };
        let of_value = match keys.is_empty() {
            true => vec![Some(value.clone())],
            false => keys
                .iter()
                .map(|(key, _)| input.evaluation.single(key, &frame, "sort"))
                .collect::<Result<_, _>>()?,
        };
        all.push((of_value, value));
        MORE
    })?;
    let is_down = |at: usize| keys.get(at).is_some_and(|(_, is_down)| *is_down);
    let mut failed = None;
    all.sort_by(|(one, _), (other, _)| order(one, other, is_down, &mut failed));
    match failed {
        Some(error) => Err(error),
        None => {
            for (_, value) in all {
                if take(value)?.is_break() {
                    return super::super::evaluate::ENOUGH;
                }
            }
            MORE
        }
    }
}

fn order<'a>(
    one: &[Option<Value<'a>>],
    other: &[Option<Value<'a>>],
    is_down: impl Fn(usize) -> bool,
    failed: &mut Option<PathError>,
) -> Ordering {
    for (at, (one, other)) in one.iter().zip(other).enumerate() {
        let (one, other) = match (one, other) {
            (None, None) => continue,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => (one, other),
        };
        let order = compare(one, other, "sort").unwrap_or_else(|error| {
            *failed = Some(error);
            None
        });
        match (order, is_down(at)) {
            (None | Some(Ordering::Equal), _) => {}
            (Some(order), true) => return order.reverse(),
            (Some(order), false) => return order,
        }
    }
    Ordering::Equal
}
