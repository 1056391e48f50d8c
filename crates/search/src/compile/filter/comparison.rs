//! One comparison of `_filter`: what an operator asks of a parameter of each kind (R4 filter, section 3.1.3.2).

use fhir::{ParameterKind, ResourceType};

use super::expression::{Comparison, Operator, Step};
use super::{Compiling, FilterFault};
use crate::compile::modifier::Modifier;
use crate::compile::{Subject, hierarchy, is_fact, named, ordered, target, values};
use crate::error::Reason;
use crate::{Direction, Filter, Prefix, StringTest, Test, UriTest, normalize};

use Operator::{
    Approximately, Contains, EndsBefore, EndsWith, Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual,
    NotEqual, NotIn, Overlaps, Present, References, StartsAfter, StartsWith, SubsumedBy, Subsumes,
};

const OF_DATES: [Operator; 11] = [
    Overlaps,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    StartsAfter,
    EndsBefore,
    Approximately,
    Present,
];
const OF_ORDERED: &[Operator] = OF_DATES.split_at(1).1;
const OF_STRINGS: [Operator; 10] =
    [Equal, NotEqual, Contains, StartsWith, EndsWith, Greater, Less, GreaterOrEqual, LessOrEqual, Present];
const OF_TOKENS: [Operator; 7] = [Equal, NotEqual, In, NotIn, Subsumes, SubsumedBy, Present];
const OF_URIS: [Operator; 8] =
    [Equal, NotEqual, Contains, StartsWith, EndsWith, Subsumes, SubsumedBy, Present];
const OF_REFERENCES: [Operator; 4] = [Equal, NotEqual, References, Present];
/// Of references to resources that are parts of each other.
const OF_PARTS: [Operator; 6] = [Equal, NotEqual, References, Subsumes, SubsumedBy, Present];
const OF_OTHERS: [Operator; 1] = [Present];
const OF_IDS: [Operator; 3] = [Equal, NotEqual, Present];

/// The operators that can be asked of a parameter of a type.
fn operators(subject: &Subject<'_>, of: ResourceType) -> &'static [Operator] {
    match subject.definition.kind {
        ParameterKind::Reference if hierarchy::leads_into_one(subject.definition, of) => &OF_PARTS,
        ParameterKind::Token if is_fact(&subject.definition.code) => &OF_IDS,
        ParameterKind::Number | ParameterKind::Quantity => OF_ORDERED,
        ParameterKind::Date => &OF_DATES,
        ParameterKind::String => &OF_STRINGS,
        ParameterKind::Token => &OF_TOKENS,
        ParameterKind::Uri => &OF_URIS,
        ParameterKind::Reference => &OF_REFERENCES,
        ParameterKind::Composite | ParameterKind::Special => &OF_OTHERS,
    }
}

impl Compiling<'_> {
    /// The condition that a comparison makes of the parameter that its path ends at.
    pub(super) fn compared(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
    ) -> Result<Filter, FilterFault> {
        let has = operators(subject, self.context.of);
        if !has.contains(&comparison.operator) {
            return Err(self.no_operator(step, comparison.operator, has));
        }
        if let Some(filter) = self.fact(subject, comparison, step)? {
            return Ok(filter);
        }
        let not = |filter| Filter::Not(Box::new(filter));
        let is_reference = subject.definition.kind == ParameterKind::Reference;
        let within = |direction| {
            let found = subject.within(&comparison.value, self.context, direction);
            found.map_err(|reason| self.wrong_value(comparison, step, reason))
        };
        Ok(match comparison.operator {
            Subsumes if is_reference => within(Direction::Below)?,
            SubsumedBy if is_reference => within(Direction::Above)?,
            Present => match &*comparison.value {
                "true" => not(Filter::Missing(subject.param)),
                "false" => Filter::Missing(subject.param),
                _ => return Err(self.wrong_value(comparison, step, Reason::Value("true or false"))),
            },
            NotIn => not(Filter::Has(subject.param, self.test(subject, comparison, step)?)),
            _ => Filter::Has(subject.param, self.test(subject, comparison, step)?),
        })
    }

    /// What is asked of `_id` and `_lastUpdated`, which are facts of the store.
    fn fact(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
    ) -> Result<Option<Filter>, FilterFault> {
        if !is_fact(&subject.definition.code) {
            return Ok(None);
        }
        let value = &*comparison.value;
        Ok(Some(match (&*subject.definition.code, comparison.operator) {
            (_, Present) => match value {
                "true" => Filter::Everything,
                "false" => Filter::Nothing,
                _ => return Err(self.wrong_value(comparison, step, Reason::Value("true or false"))),
            },
            ("_id", Equal) => values::ids(&[value]),
            ("_id", _) => Filter::Not(Box::new(values::ids(&[value]))),
            (_, operator) => {
                let (prefix, span) = self.date(comparison, step, operator)?;
                Filter::Updated(prefix, span)
            }
        }))
    }

    /// What is asked of one value.
    pub(super) fn test(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
    ) -> Result<Test, FilterFault> {
        let (operator, value) = (comparison.operator, &*comparison.value);
        let has = match subject.definition.kind {
            // Parts of one element are compared one by one, without other resources.
            ParameterKind::Reference => &OF_REFERENCES,
            _ => operators(subject, self.context.of),
        };
        if operator == Present || !has.contains(&operator) {
            return Err(self.no_operator(step, operator, has));
        }
        let fail = |reason| self.wrong_value(comparison, step, reason);
        let is_other = operator == NotEqual;
        let test = match subject.definition.kind {
            ParameterKind::Date => {
                let (prefix, span) = self.date(comparison, step, operator)?;
                return Ok(Test::Date(prefix, span));
            }
            ParameterKind::Number => return ordered::number(&prefixed(operator, value)).map_err(fail),
            ParameterKind::Quantity => return ordered::quantity(&prefixed(operator, value)).map_err(fail),
            ParameterKind::String => Test::String(string(operator, value)),
            ParameterKind::Uri => Test::Uri(uri(operator, value)),
            ParameterKind::Token => {
                let modifier = match operator {
                    In | NotIn => Modifier::In,
                    Subsumes => Modifier::BelowCode,
                    SubsumedBy => Modifier::AboveCode,
                    _ => Modifier::Plain,
                };
                named::token(value, modifier, self.context).map_err(fail)?
            }
            ParameterKind::Reference => {
                let target = || target::sole_target(subject.definition, self.context.of);
                named::reference(value, target, self.context.base).map_err(fail)?
            }
            ParameterKind::Composite | ParameterKind::Special => {
                return Err(self.no_operator(step, operator, &OF_OTHERS));
            }
        };
        Ok(if is_other { Test::Other(Box::new(test)) } else { test })
    }

    fn date(
        &self,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
        operator: Operator,
    ) -> Result<(Prefix, fhir::Span), FilterFault> {
        let fail = |reason| self.wrong_value(comparison, step, reason);
        if operator == Overlaps {
            let (_, span) =
                ordered::date(&prefixed(Equal, &comparison.value), self.context.now).map_err(fail)?;
            return Ok((Prefix::Approximately, span));
        }
        ordered::date(&prefixed(operator, &comparison.value), self.context.now).map_err(fail)
    }
}

/// The value as it stands in a plain criterion.
fn prefixed(operator: Operator, value: &str) -> String {
    format!("{}{value}", operator.code())
}

fn string(operator: Operator, value: &str) -> StringTest {
    let text = normalize(value).into();
    match operator {
        Contains => StringTest::Contains(text),
        StartsWith => StringTest::StartsWith(text),
        EndsWith => StringTest::EndsWith(text),
        Greater => StringTest::Compares(Prefix::Greater, text),
        Less => StringTest::Compares(Prefix::Less, text),
        GreaterOrEqual => StringTest::Compares(Prefix::GreaterOrEqual, text),
        LessOrEqual => StringTest::Compares(Prefix::LessOrEqual, text),
        _ => StringTest::Equals(text),
    }
}

/// An address subsumes those below its path.
fn uri(operator: Operator, value: &str) -> UriTest {
    let text = value.into();
    match operator {
        Contains => UriTest::Contains(text),
        StartsWith => UriTest::StartsWith(text),
        EndsWith => UriTest::EndsWith(text),
        Subsumes => UriTest::Below(text),
        SubsumedBy => UriTest::Above(text),
        _ => UriTest::Is(text),
    }
}
