//! FHIR's own functions (R4 fhirpath, section 2.9.1.5), and the keys of SQL on FHIR.

use std::borrow::Cow;

use super::super::element::Element;
use super::super::error::PathError;
use super::super::evaluate::{ENOUGH, Flow, Input, MORE, PathContext, Take, given};
use super::super::function::Function;
use super::super::syntax::Call;
use super::super::value::{Value, string_operand};
use super::{definition, html};
use crate::{Json, Reference, ResourceType};

pub(super) fn call<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let boolean = |answer: bool, take: Take<'_, 'a>| take(Value::Boolean(answer));
    match call.function {
        Function::Extension => extension(call, input, take),
        Function::Resolve => input.each(&mut |value| resolve(input, &value, take)),
        Function::HasValue => {
            let (mut count, mut has) = (0, false);
            input.visit(&mut |value| {
                count += 1;
                has = value_of(&value).is_some();
                MORE
            })?;
            boolean(count == 1 && has, take)
        }
        Function::GetValue => {
            let value = input.single("getValue")?;
            given(value.and_then(|value| value_of(&value)), take)
        }
        Function::HtmlChecks => {
            let mut is_right = true;
            input.visit(&mut |value| {
                let text = value.as_string();
                is_right = text.is_some_and(|text| html::is_narrative(&text));
                if is_right { MORE } else { ENOUGH }
            })?;
            boolean(is_right, take)
        }
        Function::MemberOf => given(member_of(call, input)?, take),
        Function::Subsumes | Function::SubsumedBy => given(subsumes(call, input)?, take),
        Function::ConformsTo => given(conforms_to(call, input)?, take),
        Function::CheckModifiers => definition::check_modifiers(call, input, take),
        Function::GetResourceKey => input.each(&mut |value| match value.as_element() {
            Some(element) if element.is_resource() => {
                let id = element.string_child("id");
                given(id.map(|id| Value::String(format!("{}/{id}", element.of.name).into())), take)
            }
            _ => MORE,
        }),
        Function::GetReferenceKey => reference_key(call, input, take),
        Function::ElementDefinition => definition::element_definition(input, take),
        _ => definition::slice(call, input, take),
    }
}

fn value_of<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Element(element) => element.to_system(),
        other => Some(other.clone()),
    }
}

/// The text that is an argument, counted from zero.
pub(super) fn text_argument<'a>(
    call: &'a Call,
    number: usize,
    input: &Input<'_, 'a>,
) -> Result<Option<Cow<'a, str>>, PathError> {
    let name = call.function.name();
    let value = input.argument(&call.arguments[number], name)?;
    value.map(|value| string_operand(&value, name)).transpose()
}

fn extension<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let Some(url) = text_argument(call, 0, input)? else { return MORE };
    input.each(&mut |value| {
        let Some(element) = value.as_element() else { return MORE };
        let holder = if element.is_primitive() { element.twin } else { element.value };
        let Some(extensions) = holder.and_then(|holder| holder.get("extension")) else { return MORE };
        let Some(definition) = element.of.element("extension") else { return MORE };
        for extension in extensions.items() {
            input.evaluation.worked()?;
            let is_wanted = extension.get("url").and_then(Json::as_str).is_some_and(|found| found == url);
            let found = Element {
                definition: Some(definition),
                ..Element::new(extension, definition.types[0].definition())
            };
            if is_wanted && take(Value::Element(found))?.is_break() {
                return ENOUGH;
            }
        }
        MORE
    })
}

/// What a reference, a canonical or an address leads to: a contained resource, an entry of the Bundle around it,
/// a resource that the surroundings know, or else one of which the type is known and nothing more.
fn resolve<'a>(input: &Input<'_, 'a>, value: &Value<'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let written = match value {
        Value::Element(element) if element.of.name == "Reference" => element.string_child("reference"),
        other => other.as_string(),
    };
    let Some(written) = written else { return MORE };
    let context = input.evaluation.context;
    let here = within(context, value, &written);
    if here.is_some() || written.starts_with('#') {
        return given(here.map(Value::Element), take);
    }
    if let Some(found) = context.surroundings.resolve(&written) {
        return take(Value::Element(Element::resource(found)));
    }
    let of: Option<ResourceType> = Reference::parse(&written).of();
    given(of.map(|of| Value::Element(Element::of_type(of))), take)
}

/// What the reference that stands in `value` leads to in the same document: a contained resource, its container, or the
/// resource of an entry of the Bundle around it.
pub(in crate::path) fn within<'a>(
    context: &PathContext<'a>,
    value: &Value<'a>,
    written: &str,
) -> Option<Element<'a>> {
    let Some(id) = written.strip_prefix('#') else { return entry(context.root, written) };
    let holders = [enclosing(context.root, value), Some(context.resource), Some(context.root)];
    holders.into_iter().flatten().find_map(|holder| contained(holder, id))
}

/// The resource of a Bundle's entry in which a value stands.
fn enclosing<'a>(bundle: Element<'a>, value: &Value<'a>) -> Option<Element<'a>> {
    if bundle.of.name != "Bundle" {
        return None;
    }
    let place = value.as_element()?.value?.raw().as_ptr();
    let of = crate::definitions().type_named("Resource")?;
    let mut resources = bundle.value?.get("entry")?.items().filter_map(|entry| entry.get("resource"));
    resources
        .find(|resource| resource.raw().as_ptr_range().contains(&place))
        .map(|found| Element::new(found, of))
}

/// The contained resource of this id; without one the container itself.
fn contained<'a>(container: Element<'a>, id: &str) -> Option<Element<'a>> {
    if id.is_empty() {
        return Some(container);
    }
    let definition = container.of.element("contained")?;
    let all = container.value?.get("contained")?;
    let found = all.items().find(|one| one.get("id").and_then(Json::as_str).is_some_and(|one| one == id))?;
    Some(Element::new(found, definition.types[0].definition()))
}

/// The resource of the Bundle's entry that a reference names by its `fullUrl`, whole or after its base.
fn entry<'a>(bundle: Element<'a>, written: &str) -> Option<Element<'a>> {
    if bundle.of.name != "Bundle" {
        return None;
    }
    let relative = format!("/{written}");
    let is_it = |url: &str| url == written || url.ends_with(&relative);
    let entries = bundle.value?.get("entry")?.items();
    let mut named =
        entries.filter(|entry| entry.get("fullUrl").and_then(Json::as_str).is_some_and(|url| is_it(&url)));
    let of = crate::definitions().type_named("Resource")?;
    Some(Element::new(named.next()?.get("resource")?, of))
}

/// Code and system of what a code may stand in: a code (with the system of its binding), Coding or string. A Coding
/// without a system is of the system with the empty name, which is none.
fn coding<'a>(value: &Value<'a>) -> Option<(Option<Cow<'a, str>>, Cow<'a, str>)> {
    match value {
        Value::Element(element) if element.of.is("Coding") => {
            let system = element.string_child("system").unwrap_or_default();
            Some((Some(system), element.string_child("code")?))
        }
        Value::Element(element) => {
            let code = value.as_string()?;
            let bound = element.definition.and_then(|definition| definition.binding());
            let system = bound.and_then(|set| set.system_of(&code));
            Some((system.map(Cow::Borrowed), code))
        }
        other => Some((None, other.as_string()?)),
    }
}

/// The codings of a value: of a CodeableConcept each of its own.
fn codings<'a>(value: &Value<'a>) -> Vec<(Option<Cow<'a, str>>, Cow<'a, str>)> {
    let concept = value.as_element().filter(|element| element.of.name == "CodeableConcept");
    let Some(concept) = concept else { return coding(value).into_iter().collect() };
    let text = |coding: Json<'a>, name| coding.get(name).and_then(Json::as_str);
    let all = concept.value.and_then(|value| value.get("coding"));
    all.into_iter()
        .flat_map(Json::items)
        .filter_map(|coding| Some((Some(text(coding, "system").unwrap_or_default()), text(coding, "code")?)))
        .collect()
}

fn member_of<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let Some(value_set) = text_argument(call, 0, input)? else { return Ok(None) };
    let Some(value) = input.single("memberOf")? else { return Ok(None) };
    let surroundings = input.evaluation.context.surroundings;
    let mut answer = Some(false);
    for (system, code) in codings(&value) {
        match surroundings.member_of(system.as_deref(), &code, &value_set) {
            Some(true) => return Ok(Some(Value::Boolean(true))),
            Some(false) => {}
            None => answer = None,
        }
    }
    Ok(answer.map(Value::Boolean))
}

fn subsumes<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    let name = call.function.name();
    let value = input.single(name)?;
    let other = input.argument(&call.arguments[0], name)?;
    let (Some(value), Some(other)) = (value, other) else { return Ok(None) };
    let surroundings = input.evaluation.context.surroundings;
    let mut answer = Some(false);
    for (system, code) in codings(&value) {
        for (other_system, other_code) in codings(&other) {
            let (Some(system), true) = (&system, system == other_system) else { continue };
            let (upper, lower) = match call.function {
                Function::Subsumes => (&code, &other_code),
                _ => (&other_code, &code),
            };
            match surroundings.subsumes(system, upper, lower) {
                Some(true) => return Ok(Some(Value::Boolean(true))),
                Some(false) => {}
                None => answer = None,
            }
        }
    }
    Ok(answer.map(Value::Boolean))
}

/// `conformsTo`: to a base type by the type itself, to a profile as the surroundings say.
fn conforms_to<'a>(call: &'a Call, input: &Input<'_, 'a>) -> Result<Option<Value<'a>>, PathError> {
    const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";
    let Some(profile) = text_argument(call, 0, input)? else { return Ok(None) };
    let Some(value) = input.single("conformsTo")? else { return Ok(None) };
    let Some(element) = value.as_element() else { return Ok(None) };
    let base = profile.strip_prefix(BASE).and_then(|name| crate::definitions().type_named(name));
    if let Some(base) = base {
        return Ok(Some(Value::Boolean(element.of.is(base.name))));
    }
    let answer = input.evaluation.context.surroundings.conforms_to(element, &profile)?;
    Ok(Some(Value::Boolean(answer)))
}

fn reference_key<'a>(call: &'a Call, input: &Input<'_, 'a>, take: Take<'_, 'a>) -> Result<Flow, PathError> {
    let wanted = match call.arguments.first() {
        None => None,
        Some(_) => text_argument(call, 0, input)?,
    };
    input.each(&mut |value| {
        let written = value.as_element().and_then(|element| element.string_child("reference"));
        let key = written.as_deref().and_then(|written| Reference::parse(written).key());
        let key = key.filter(|key| wanted.as_deref().is_none_or(|wanted| wanted == key.of.name()));
        given(key.map(|key| Value::String(key.to_string().into())), take)
    })
}
