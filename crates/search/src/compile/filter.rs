//! `_filter`: a condition in a language of its own (R4 filter, section 3.1.3).

mod comparison;
mod expression;

use std::fmt;

use fhir::{IssueCode, ParameterKind, ResourceType};

use super::chain::Links;
use super::target::targets;
use super::{Context, Subject, subject};
use crate::error::{Reason, SearchError};
use crate::limits::{CHAIN_DEPTH_MAX, CHAIN_LINKS_MAX};
use crate::vocabulary::{VocabularyNeed, system_of};
use crate::{Filter, Test};
use expression::{Comparison, Expression, Operator, Step, parse};

/// What is wrong with a filter, and where: characters are counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FilterFault {
    /// Something else should stand here.
    Expected {
        /// The character.
        at: usize,
        /// What should stand there.
        what: &'static str,
    },
    /// The parameter, the operator or the value that stands here is wrong.
    Wrong {
        /// The character.
        at: usize,
        /// What is wrong with it.
        error: Box<SearchError>,
    },
    /// The operator cannot be asked of the parameter that stands here.
    Operator {
        /// The character.
        at: usize,
        /// The operator as typed.
        operator: &'static str,
        /// Those that the parameter has.
        has: Vec<&'static str>,
    },
    /// The limit of this name and size was exceeded.
    Limit(&'static str, usize),
}

impl FilterFault {
    fn expected(text: &str, at: usize, what: &'static str) -> Self {
        FilterFault::Expected { at: place(text, at), what }
    }

    fn limit(name: &'static str, size: usize) -> Self {
        FilterFault::Limit(name, size)
    }

    /// The issue code of an OperationOutcome for it.
    pub fn code(&self) -> IssueCode {
        match self {
            FilterFault::Expected { .. } => IssueCode::Invalid,
            FilterFault::Wrong { error, .. } => error.code(),
            FilterFault::Operator { .. } => IssueCode::NotSupported,
            FilterFault::Limit(..) => IssueCode::TooCostly,
        }
    }
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterFault::Expected { at, what } => write!(f, "at character {at} {what} is expected"),
            FilterFault::Wrong { at, error } => write!(f, "at character {at} {error}"),
            FilterFault::Operator { at, operator, has } => write!(
                f,
                "at character {at} the operator '{operator}' cannot be asked of this parameter, but {} can",
                has.join(", ")
            ),
            FilterFault::Limit(name, size) => write!(f, "it exceeds the limit {name} of {size}"),
        }
    }
}

/// Which character of `text`, counted from 1, stands at a byte.
fn place(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}

/// The condition that a filter makes of resources of the context's type.
pub(super) fn filter(text: &str, context: &Context<'_>, links: &Links) -> Result<Filter, FilterFault> {
    let expression = parse(text)?;
    Compiling { text, context, links, depth: 0 }.expression(&expression)
}

/// The vocabulary that a filter names; nothing if it cannot be read.
pub(crate) fn vocabulary(text: &str) -> Vec<VocabularyNeed> {
    let mut needs = Vec::new();
    if let Ok(expression) = parse(text) {
        add_vocabulary(&expression, &mut needs);
    }
    needs
}

fn add_vocabulary(expression: &Expression<'_>, needs: &mut Vec<VocabularyNeed>) {
    match expression {
        Expression::And(left, right) | Expression::Or(left, right) => {
            add_vocabulary(left, needs);
            add_vocabulary(right, needs);
        }
        Expression::Not(inner) => add_vocabulary(inner, needs),
        Expression::Comparison(comparison) => {
            match comparison.operator {
                Operator::In | Operator::NotIn => {
                    needs.push(VocabularyNeed::ValueSet(comparison.value.clone().into_owned()));
                }
                Operator::Subsumes | Operator::SubsumedBy => needs.extend(system_of(&comparison.value)),
                _ => {}
            }
            let within = comparison.path.iter().filter_map(|step| step.within.as_deref());
            within.for_each(|within| add_vocabulary(within, needs));
        }
    }
}

#[derive(Clone, Copy)]
struct Compiling<'a> {
    text: &'a str,
    context: &'a Context<'a>,
    links: &'a Links,
    /// How many links lead here.
    depth: usize,
}

impl Compiling<'_> {
    fn expression(&self, expression: &Expression<'_>) -> Result<Filter, FilterFault> {
        Ok(match expression {
            Expression::And(left, right) => self.expression(left)?.and(self.expression(right)?),
            Expression::Or(left, right) => match (self.expression(left)?, self.expression(right)?) {
                (Filter::Or(mut all), right) => {
                    all.push(right);
                    Filter::Or(all)
                }
                (left, right) => Filter::Or(vec![left, right]),
            },
            Expression::Not(inner) => Filter::Not(Box::new(self.expression(inner)?)),
            Expression::Comparison(comparison) => self.comparison(comparison, &comparison.path)?,
        })
    }

    /// The comparison, seen from the resource that the first of these steps is a parameter of.
    fn comparison(&self, comparison: &Comparison<'_>, steps: &[Step<'_>]) -> Result<Filter, FilterFault> {
        let [step, rest @ ..] = steps else { return Ok(Filter::Everything) };
        let subject = subject(step.name, self.context).map_err(|reason| self.wrong(step, reason))?;
        let Some(next) = rest.first() else { return self.compared(&subject, comparison, step) };
        if subject.definition.kind == ParameterKind::Composite {
            return self.of_one_element(&subject, comparison, step, rest);
        }
        if subject.definition.kind != ParameterKind::Reference {
            return Err(self.wrong(step, Reason::NotReference));
        }
        self.chained(&subject, comparison, step, (next, rest))
    }

    /// What some resource that a reference leads to passes.
    fn chained(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
        (next, rest): (&Step<'_>, &[Step<'_>]),
    ) -> Result<Filter, FilterFault> {
        let targets = targets(subject.definition, self.context.of);
        let targets = targets.unwrap_or_else(|| ResourceType::all().collect());
        let mut found = Vec::new();
        let mut last = None;
        for of in targets {
            let context = Context { of, ..*self.context };
            self.go_on()?;
            let there = Compiling { context: &context, depth: self.depth + 1, ..*self };
            match there.referred(comparison, step, rest) {
                Ok(filter) => {
                    found.push(Filter::Refers { param: subject.param, of, filter: Box::new(filter) })
                }
                // A parameter that only some of the types have asks only those.
                Err(FilterFault::Wrong { at, error })
                    if at == place(self.text, next.at) && matches!(error.reason, Reason::Unknown { .. }) =>
                {
                    last = Some(FilterFault::Wrong { at, error });
                }
                Err(fault) => return Err(fault),
            }
        }
        match (found.len(), last) {
            (0, Some(fault)) => Err(fault),
            (1, _) => Ok(found.remove(0)),
            _ => Ok(Filter::Or(found)),
        }
    }

    /// Counts one more link, up to the limits.
    fn go_on(&self) -> Result<(), FilterFault> {
        if self.depth == CHAIN_DEPTH_MAX {
            return Err(FilterFault::limit("CHAIN_DEPTH_MAX", CHAIN_DEPTH_MAX));
        }
        match self.links.is_one_more() {
            true => Ok(()),
            false => Err(FilterFault::limit("CHAIN_LINKS_MAX", CHAIN_LINKS_MAX)),
        }
    }

    /// What a resource referred to must pass: the brackets, and the rest of the path.
    fn referred(
        &self,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
        rest: &[Step<'_>],
    ) -> Result<Filter, FilterFault> {
        let compared = self.comparison(comparison, rest)?;
        Ok(match &step.within {
            Some(within) => self.expression(within)?.and(compared),
            None => compared,
        })
    }

    /// `composite[component eq a].component gt b`: components of one element.
    fn of_one_element(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
        rest: &[Step<'_>],
    ) -> Result<Filter, FilterFault> {
        let mut tests = vec![Test::Any; subject.definition.components.len()];
        let mut within = Vec::new();
        if let Some(expression) = &step.within {
            self.conjunction(expression, &mut within)?;
        }
        let last = Comparison { path: rest.to_vec(), ..comparison.clone() };
        for one in within.into_iter().chain([&last]) {
            let [named] = one.path.as_slice() else {
                return Err(self.wrong(&one.path[0], Reason::Value("a component of the composite parameter")));
            };
            let (at, test) = self.component(subject, one, named)?;
            tests[at] = test;
        }
        Ok(Filter::Has(subject.param, Test::Composite(tests)))
    }

    fn component(
        &self,
        subject: &Subject<'_>,
        comparison: &Comparison<'_>,
        step: &Step<'_>,
    ) -> Result<(usize, Test), FilterFault> {
        let parameters = self.context.parameters;
        let found = subject.definition.components.iter().enumerate().find_map(|(at, component)| {
            let part = parameters.at(&component.definition)?;
            (part.code == *step.name).then_some((at, part))
        });
        let Some((at, definition)) = found else {
            return Err(self.wrong(step, Reason::Value("the code of a component's search parameter")));
        };
        let part = Subject { param: subject.param, definition };
        let test = self.test(&part, comparison, step)?;
        Ok((at, test))
    }

    /// The comparisons that are joined by `and`, and by nothing else.
    fn conjunction<'e, 'a>(
        &self,
        expression: &'e Expression<'a>,
        out: &mut Vec<&'e Comparison<'a>>,
    ) -> Result<(), FilterFault> {
        match expression {
            Expression::And(left, right) => {
                self.conjunction(left, out)?;
                self.conjunction(right, out)
            }
            Expression::Comparison(comparison) => {
                out.push(comparison);
                Ok(())
            }
            Expression::Or(left, _) | Expression::Not(left) => Err(FilterFault::Expected {
                at: place(self.text, first_place(left)),
                what: "only 'and' between comparisons of components",
            }),
        }
    }

    /// That what a step names is wrong.
    fn wrong(&self, step: &Step<'_>, reason: Reason) -> FilterFault {
        self.wrong_at(step.at, step, reason)
    }

    /// That the value is wrong, which what a step names is compared with.
    fn wrong_value(&self, comparison: &Comparison<'_>, step: &Step<'_>, reason: Reason) -> FilterFault {
        self.wrong_at(comparison.value_at, step, reason)
    }

    fn wrong_at(&self, at: usize, step: &Step<'_>, reason: Reason) -> FilterFault {
        let error = Box::new(SearchError::new(step.name, reason));
        FilterFault::Wrong { at: place(self.text, at), error }
    }

    fn no_operator(&self, step: &Step<'_>, operator: Operator, has: &[Operator]) -> FilterFault {
        FilterFault::Operator {
            at: place(self.text, step.at),
            operator: operator.code(),
            has: has.iter().map(|operator| operator.code()).collect(),
        }
    }
}

fn first_place(expression: &Expression<'_>) -> usize {
    match expression {
        Expression::And(left, _) | Expression::Or(left, _) | Expression::Not(left) => first_place(left),
        Expression::Comparison(comparison) => comparison.path.first().map_or(0, |step| step.at),
    }
}
