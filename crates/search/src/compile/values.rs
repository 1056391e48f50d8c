//! One value of a clause as a test, by the kind of its parameter.

use fhir::{Id, ParameterKind, SearchParameterDefinition};

use super::modifier::Modifier;
use super::{Context, named, ordered, target};
use crate::clause::{split, unescape};
use crate::error::Reason;
use crate::{Filter, Test};

/// What `value` asks of one value of the parameter.
pub(super) fn test(
    definition: &SearchParameterDefinition,
    value: &str,
    context: &Context<'_>,
    modifier: Modifier,
) -> Result<Test, Reason> {
    match definition.kind {
        ParameterKind::Number => ordered::number(value),
        ParameterKind::Date => {
            let (prefix, span) = ordered::date(value, context.now)?;
            Ok(Test::Date(prefix, span))
        }
        ParameterKind::Quantity => ordered::quantity(value),
        ParameterKind::String => Ok(named::string(value, modifier)),
        ParameterKind::Token => named::token(value, modifier, context),
        ParameterKind::Uri => Ok(named::uri(value, modifier)),
        ParameterKind::Reference => match modifier {
            Modifier::Identifier => named::reference_identifier(value),
            Modifier::Type(of) => named::reference_to(value, of, context.base),
            _ => named::reference(value, || target::sole_target(definition, context.of), context.base),
        },
        ParameterKind::Composite => composite(definition, value, context),
        ParameterKind::Special if definition.code == "near" => named::near(value),
        ParameterKind::Special => Err(Reason::NotSupported),
    }
}

fn composite(
    definition: &SearchParameterDefinition,
    value: &str,
    context: &Context<'_>,
) -> Result<Test, Reason> {
    const FORM: Reason = Reason::Value("one value for each component, separated by '$'");
    let values: Vec<&str> = split(value, '$').collect();
    if values.len() != definition.components.len() || values.iter().any(|value| value.is_empty()) {
        return Err(FORM);
    }
    let parts = definition.components.iter().zip(values);
    let tests: Result<Vec<Test>, Reason> = parts
        .map(|(component, value)| {
            let part = context
                .parameters
                .at(&component.definition)
                .filter(|part| part.kind != ParameterKind::Composite)
                .ok_or(Reason::NotSupported)?;
            test(part, value, context, Modifier::Plain)
        })
        .collect();
    Ok(Test::Composite(tests?))
}

/// The ids among the values; a text that cannot be an id is the id of nothing.
pub(super) fn ids(values: &[&str]) -> Filter {
    let ids: Vec<Id> = values.iter().filter_map(|value| Id::parse(&unescape(value))).collect();
    if ids.is_empty() { Filter::Nothing } else { Filter::Ids(ids) }
}
