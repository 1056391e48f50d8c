//! Children and descendants (FHIRPath 2.0.0, section 5.8).

use super::super::error::PathError;
use super::super::evaluate::{ENOUGH, Flow, Input, MORE, Take};
use super::super::function::Function;
use super::super::syntax::Call;
use super::super::value::Value;

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    match call.function {
        Function::Children => input.each(&mut |value| children(input, &value, take)),
        _ => input.each(&mut |value| descendants(input, value, take)),
    }
}

fn children<'a>(input: &Input<'_, 'a>, value: &Value<'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let Some(element) = value.as_element() else { return MORE };
    element.each_child(&mut |child| {
        input.evaluation.worked()?;
        take(Value::Element(child))
    })
}

/// All descendants of a value, those nearer to it first. A document is no deeper than `DEPTH_MAX`, so the levels
/// end.
fn descendants<'a>(input: &Input<'_, 'a>, value: Value<'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let mut level = vec![value];
    while !level.is_empty() {
        let mut next = Vec::new();
        for value in &level {
            let flow = children(input, value, &mut |child| {
                next.push(child.clone());
                take(child)
            })?;
            if flow.is_break() {
                return ENOUGH;
            }
        }
        level = next;
    }
    MORE
}
