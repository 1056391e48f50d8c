//! The functions, by what they are about.

mod collection;
mod conversion;
mod definition;
mod existence;
mod fhir;
mod html;
mod iteration;
mod mathematics;
mod text;
mod tree;

pub(super) use fhir::within;
pub(crate) use html::narrative;

use super::error::PathError;
use super::evaluate::{Flow, Frame, Input, Take, given};
use super::function::Topic;
use super::syntax::{Call, Expression};
use super::value::Value;

/// Hands on what a function makes of its input.
pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    match call.function.topic() {
        Topic::Existence => given(existence::call(call, input)?, take),
        Topic::Iteration => iteration::call(call, input, take),
        Topic::Collection => collection::call(call, input, take),
        Topic::Conversion => given(conversion::call(call, input)?, take),
        Topic::Kind => given(conversion::kind(call, input)?, take),
        Topic::Text => text::call(call, input, take),
        Topic::Mathematics => given(mathematics::call(call, input)?, take),
        Topic::Tree => tree::call(call, input, take),
        Topic::Fhir => fhir::call(call, input, take),
    }
}

impl<'a> Input<'_, 'a> {
    /// Whether an argument holds of a value of the input, the `index`th.
    fn holds(&self, condition: &'a Expression, value: &Value<'a>, index: usize) -> Result<bool, PathError> {
        let frame = Frame { this: value, index, total: self.frame.total };
        Ok(self.evaluation.truth(condition, &frame)? == Some(true))
    }
}
