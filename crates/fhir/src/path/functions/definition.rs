//! The functions that ask for definitions: of elements, of slices, and of the modifiers that somebody knows (R4
//! fhirpath, section 2.9.1.5).

use super::super::error::PathError;
use super::super::evaluate::{ENOUGH, Flow, Input, MORE, Take};
use super::super::syntax::Call;
use super::super::value::{Value, string_operand};
use super::fhir::text_argument;
use crate::profile::element_document;
use crate::{Element, Json, definitions};

/// `elementDefinition`: the ElementDefinition of each element, as the standard defines its type.
pub(super) fn element_definition<'a>(input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let Some(of) = definitions().type_named("ElementDefinition") else { return MORE };
    input.each(&mut |value| {
        let found = value.as_element().and_then(element_document);
        found.map_or(MORE, |found| take(Value::Element(Element::new(found.root(), of))))
    })
}

/// `slice`: of each element what is in a slice of a profile, that element itself or some below it.
pub(super) fn slice<'a>(
    call: &'a Call,
    input: &Input<'_, 'a>,
    take: Take<'_, 'a>,
) -> Result<Flow, PathError> {
    let structure = text_argument(call, 0, input)?;
    let name = text_argument(call, 1, input)?;
    let (Some(structure), Some(name)) = (structure, name) else { return MORE };
    let surroundings = input.evaluation.context.surroundings;
    input.each(&mut |value| {
        input.evaluation.worked()?;
        let Some(element) = value.as_element() else { return MORE };
        for found in surroundings.slice(element, &structure, &name)? {
            if take(Value::Element(found))?.is_break() {
                return ENOUGH;
            }
        }
        MORE
    })
}

/// `checkModifiers`: all elements, or a failure if one has a modifier extension that is not among those named.
pub(super) fn check_modifiers<'a>(
    call: &'a Call,
    input: &Input<'_, 'a>,
    take: Take<'_, 'a>,
) -> Result<Flow, PathError> {
    let mut known = Vec::new();
    for argument in &call.arguments {
        if let Some(url) = input.argument(argument, "checkModifiers")? {
            known.push(string_operand(&url, "checkModifiers")?);
        }
    }
    let mut checked = Vec::new();
    input.visit(&mut |value| {
        let element = value.as_element().and_then(|element| element.value);
        let extensions = element.and_then(|value| value.get("modifierExtension"));
        for extension in extensions.into_iter().flat_map(Json::items) {
            let url = extension.get("url").and_then(Json::as_str);
            if url.is_none_or(|url| !known.contains(&url)) {
                return Err(PathError::operand("checkModifiers", "elements without unknown modifiers"));
            }
        }
        checked.push(value);
        MORE
    })?;
    for value in checked {
        if take(value)?.is_break() {
            return ENOUGH;
        }
    }
    MORE
}
