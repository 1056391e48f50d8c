//! What the definition of a data store's own parameter does not allow to be asked of it (R4 SearchParameter:
//! multipleOr, multipleAnd, modifier, comparator, chain).

use fhir::{ParameterKind, ResourceType};

use super::Context;
use crate::clause::Clause;
use crate::error::Reason;
use crate::{ParamId, Restrictions};

/// Prefixes of values that have an order.
const PREFIXES: [&str; 9] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

/// Checks one clause on all types searched; `seen` are the parameters of the clauses before it.
pub(super) fn check(
    clause: &Clause<'_>,
    contexts: &[Context<'_>],
    seen: &mut Vec<ParamId>,
) -> Result<(), Reason> {
    let mut params = Vec::new();
    for context in contexts {
        params.extend(check_on(clause, context, seen)?);
    }
    seen.extend(params);
    Ok(())
}

/// Checks one clause on one type; which parameter of the data store's own it is about.
fn check_on(clause: &Clause<'_>, context: &Context<'_>, seen: &[ParamId]) -> Result<Option<ParamId>, Reason> {
    let Some(first) = clause.steps.first() else { return Ok(None) };
    let Some((param, definition)) = context.parameters.named(context.of, first.code) else { return Ok(None) };
    let Some(restrictions) = context.parameters.restrictions(param) else { return Ok(None) };
    if !restrictions.multiple_or && clause.values.len() > 1 {
        return Err(Reason::Restricted("several values separated by commas"));
    }
    if !restrictions.multiple_and && seen.contains(&param) {
        return Err(Reason::Restricted("being given more than once"));
    }
    if first.modifier.is_some_and(|modifier| !allows_modifier(restrictions, modifier)) {
        return Err(Reason::Restricted("this modifier"));
    }
    let next = clause.steps.get(1).map(|step| step.code);
    if next
        .is_some_and(|next| !restrictions.chains.is_empty() && !restrictions.chains.iter().any(|c| c == next))
    {
        return Err(Reason::Restricted("a chain to this parameter"));
    }
    let is_ordered =
        matches!(definition.kind, ParameterKind::Number | ParameterKind::Date | ParameterKind::Quantity);
    if is_ordered
        && clause.steps.len() == 1
        && !clause.values.iter().all(|value| allows_prefix(restrictions, value))
    {
        return Err(Reason::Restricted("this prefix"));
    }
    Ok(Some(param))
}

fn allows_modifier(restrictions: &Restrictions, modifier: &str) -> bool {
    let name = match modifier {
        "of-type" => "ofType",
        _ if ResourceType::parse(modifier).is_some() => "type",
        other => other,
    };
    restrictions.modifiers.is_empty() || restrictions.modifiers.iter().any(|one| one == name)
}

fn allows_prefix(restrictions: &Restrictions, value: &str) -> bool {
    let prefix = value.get(..2).filter(|prefix| PREFIXES.contains(prefix));
    restrictions.comparators.is_empty()
        || prefix
            .is_none_or(|prefix| prefix == "eq" || restrictions.comparators.iter().any(|one| one == prefix))
}
