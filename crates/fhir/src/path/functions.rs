//! The functions, by what they are about.

mod collection;
mod conversion;
mod existence;
mod fhir;
mod html;
mod iteration;
mod mathematics;
mod text;
mod tree;

use super::error::PathError;
use super::evaluate::{Flow, Frame, Input, Take, given};
use super::function::Function;
use super::syntax::{Call, Expression};
use super::value::Value;

/// Hands on what a function makes of its input.
pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    use Function as F;
    match call.function {
        F::Empty
        | F::Exists
        | F::All
        | F::AllTrue
        | F::AnyTrue
        | F::AllFalse
        | F::AnyFalse
        | F::SubsetOf
        | F::SupersetOf
        | F::Count
        | F::IsDistinct
        | F::Not => given(existence::call(call, input)?, take),
        F::Where | F::Select | F::Repeat | F::OfType | F::Aggregate | F::Sort | F::Iif | F::Trace | F::As => {
            iteration::call(call, input, take)
        }
        F::Distinct
        | F::Single
        | F::First
        | F::Last
        | F::Tail
        | F::Skip
        | F::Take
        | F::Intersect
        | F::Exclude
        | F::Union
        | F::Combine => collection::call(call, input, take),
        F::ToBoolean
        | F::ConvertsToBoolean
        | F::ToInteger
        | F::ConvertsToInteger
        | F::ToDate
        | F::ConvertsToDate
        | F::ToDateTime
        | F::ConvertsToDateTime
        | F::ToTime
        | F::ConvertsToTime
        | F::ToDecimal
        | F::ConvertsToDecimal
        | F::ToQuantity
        | F::ConvertsToQuantity
        | F::ToText
        | F::ConvertsToText
        | F::LowBoundary
        | F::HighBoundary
        | F::Precision
        | F::Comparable => given(conversion::call(call, input)?, take),
        F::Is | F::TypeOf | F::Now | F::Today | F::TimeOfDay => given(conversion::kind(call, input)?, take),
        F::IndexOf
        | F::LastIndexOf
        | F::Substring
        | F::StartsWith
        | F::EndsWith
        | F::Contains
        | F::Upper
        | F::Lower
        | F::Replace
        | F::Matches
        | F::MatchesFull
        | F::ReplaceMatches
        | F::Length
        | F::ToChars
        | F::Trim
        | F::Split
        | F::Join
        | F::Encode
        | F::Decode
        | F::Escape
        | F::Unescape => text::call(call, input, take),
        F::Abs
        | F::Ceiling
        | F::Exp
        | F::Floor
        | F::Ln
        | F::Log
        | F::Power
        | F::Round
        | F::Sqrt
        | F::Truncate => given(mathematics::call(call, input)?, take),
        F::Children | F::Descendants => tree::call(call, input, take),
        F::Extension
        | F::HasValue
        | F::GetValue
        | F::Resolve
        | F::ElementDefinition
        | F::Slice
        | F::CheckModifiers
        | F::ConformsTo
        | F::MemberOf
        | F::Subsumes
        | F::SubsumedBy
        | F::HtmlChecks
        | F::GetResourceKey
        | F::GetReferenceKey => fhir::call(call, input, take),
    }
}

impl<'a> Input<'_, 'a> {
    /// Whether an argument holds of a value of the input, the `index`th.
    fn holds(&self, condition: &'a Expression, value: &Value<'a>, index: usize) -> Result<bool, PathError> {
        let frame = Frame { this: value, index, total: self.frame.total };
        Ok(self.evaluation.truth(condition, &frame)? == Some(true))
    }
}
