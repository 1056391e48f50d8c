//! What is to come with the matches: `_include` and `_revinclude` (R4 search §3.1.1.5.4).

use fhir::{ParameterKind, ResourceType};

use super::target::targets;
use super::{Context, is_indexed, nearest};
use crate::clause::Clause;
use crate::error::{Reason, SearchError, shown};
use crate::limits::INCLUDES_MAX;
use crate::{Include, Link, ParamId};

/// Whether a parameter says what to include.
pub(super) fn is_include(name: &str) -> bool {
    matches!(name.split(':').next(), Some("_include" | "_revinclude"))
}

/// What a clause adds to the matches of a search of these types. `any` is a context of whatever type.
pub(super) fn includes(
    clause: &Clause<'_>,
    searched: &[Context<'_>],
    any: &Context<'_>,
) -> Result<Vec<Include>, SearchError> {
    let fail = |reason| SearchError::new(clause.name, reason);
    let (direction, modifier) = clause.name.split_once(':').unwrap_or((clause.name, ""));
    let iterate = match modifier {
        "" if !clause.name.ends_with(':') => false,
        "iterate" | "recurse" => true,
        other => {
            let has = vec!["iterate", "recurse"];
            return Err(fail(Reason::Modifier { modifier: shown(other), has }));
        }
    };
    let mut all = Vec::new();
    for value in &clause.values {
        let links = match direction {
            "_include" => vec![forward(value, any).map_err(fail)?],
            // What is included may be referred to as well, of whatever type it is.
            _ if iterate => reverse(value, None, any).map_err(fail)?,
            _ => {
                let types: Vec<ResourceType> = searched.iter().map(|context| context.of).collect();
                reverse(value, Some(&types), any).map_err(fail)?
            }
        };
        all.extend(links.into_iter().map(|link| Include { link, iterate }));
    }
    if all.len() > INCLUDES_MAX {
        return Err(fail(Reason::Limit("INCLUDES_MAX", INCLUDES_MAX)));
    }
    Ok(all)
}

const FORM: Reason = Reason::Value("'*', '[type]:*', '[type]:[parameter]' or '[type]:[parameter]:[target]'");

fn is_any(value: &str) -> bool {
    matches!(value, "*" | "*:*")
}

/// The parts of a value: type, parameter (`*` for all) and target.
fn parts(value: &str) -> Result<(ResourceType, &str, Option<ResourceType>), Reason> {
    let mut parts = value.split(':');
    let (of, code, target) = (parts.next(), parts.next(), parts.next());
    let of = of.and_then(ResourceType::parse).ok_or(FORM)?;
    let code = code.filter(|code| !code.is_empty()).ok_or(FORM)?;
    let target = match target {
        Some(name) => Some(ResourceType::parse(name).ok_or(FORM)?),
        None => None,
    };
    if parts.next().is_some() { Err(FORM) } else { Ok((of, code, target)) }
}

fn forward(value: &str, context: &Context<'_>) -> Result<Link, Reason> {
    if is_any(value) {
        return Ok(Link::Forward { from: None, param: None, target: None });
    }
    let (from, code, target) = parts(value)?;
    let param = match code {
        "*" => None,
        code => Some(reference(code, &Context { of: from, ..*context })?),
    };
    Ok(Link::Forward { from: Some(from), param, target })
}

/// The references back, to resources of one of these types; `None` for any.
fn reverse(value: &str, to: Option<&[ResourceType]>, context: &Context<'_>) -> Result<Vec<Link>, Reason> {
    if is_any(value) {
        let all = |by| references_to(to, None, &Context { of: by, ..*context });
        return Ok(ResourceType::all().flat_map(all).collect());
    }
    let (by, code, target) = parts(value)?;
    let context = Context { of: by, ..*context };
    if code == "*" {
        let wanted = target.as_ref().map_or(to, |target| Some(std::slice::from_ref(target)));
        return Ok(references_to(wanted, target, &context));
    }
    Ok(vec![Link::Reverse { by, param: reference(code, &context)?, target }])
}

/// Every reference parameter of the context's type that may refer to one of these types.
fn references_to(
    to: Option<&[ResourceType]>,
    target: Option<ResourceType>,
    context: &Context<'_>,
) -> Vec<Link> {
    let by = context.of;
    let references = context.parameters.of(by).filter(|one| one.kind == ParameterKind::Reference);
    let reaches = references.filter(|one| match (targets(one, by), to) {
        (Some(targets), Some(wanted)) => wanted.iter().any(|of| targets.contains(of)),
        _ => true,
    });
    let param = |code: &str| Some(context.parameters.named(by, code)?.0);
    let mut params: Vec<ParamId> = reaches.filter_map(|one| param(&one.code)).collect();
    params.sort_unstable();
    params.dedup();
    params.into_iter().map(|param| Link::Reverse { by, param, target }).collect()
}

/// The number of the reference parameter of this code.
fn reference(code: &str, context: &Context<'_>) -> Result<ParamId, Reason> {
    let (param, definition) =
        context.parameters.named(context.of, code).ok_or_else(|| nearest::unknown(context, code))?;
    if definition.kind != ParameterKind::Reference || !is_indexed(context, definition) {
        return Err(Reason::NoReference { of: context.of.name(), name: shown(code) });
    }
    Ok(param)
}
