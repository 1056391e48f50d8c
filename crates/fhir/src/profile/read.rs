//! Reads a StructureDefinition from a parsed resource.

use std::collections::HashSet;
use std::sync::Arc;

use super::{
    ContextType, Derivation, Element, ExtensionContext, IMPOSE_PROFILE, Pool, ProfileError, ProfileReason,
    StructureDefinition, StructureKind, read_element,
};
use crate::{Json, Resource};

/// The most elements of a snapshot.
pub const SNAPSHOT_ELEMENTS_MAX: usize = 10_000;

/// The most elements of a differential.
pub const DIFFERENTIAL_ELEMENTS_MAX: usize = 5_000;

pub(super) fn structure_definition(
    resource: &Resource,
    pool: &mut Pool,
) -> Result<StructureDefinition, ProfileError> {
    if resource.of().name() != "StructureDefinition" {
        return Err(ProfileError::definition(ProfileReason::NotAStructureDefinition));
    }
    let root = resource.root();
    let member = |name| ProfileError::definition(ProfileReason::Member(name));
    let required = |name| text(root, name).ok_or_else(|| member(name));
    let of = required("type")?;
    let elements = |part, elements_max, pool: &mut Pool| match root.get(part) {
        None => Ok(Vec::new()),
        Some(part) => elements(part, elements_max, pool),
    };
    Ok(StructureDefinition {
        url: pool.string(&required("url")?),
        version: text(root, "version").map(|version| pool.string(&version)),
        name: pool.string(&text(root, "name").unwrap_or_default()),
        kind: kind(&required("kind")?)?,
        is_abstract: root.get("abstract").and_then(Json::as_bool).unwrap_or(false),
        of: pool.string(&of),
        base: text(root, "baseDefinition").map(|base| pool.string(&base)),
        derivation: text(root, "derivation").map(|derivation| read_derivation(&derivation)).transpose()?,
        contexts: contexts(root, pool)?,
        context_invariants: strings(root, "contextInvariant", pool),
        imposed: imposed(root, pool),
        snapshot: elements("snapshot", SNAPSHOT_ELEMENTS_MAX, pool)?,
        differential: elements("differential", DIFFERENTIAL_ELEMENTS_MAX, pool)?,
    })
}

fn kind(code: &str) -> Result<StructureKind, ProfileError> {
    match code {
        "primitive-type" => Ok(StructureKind::PrimitiveType),
        "complex-type" => Ok(StructureKind::ComplexType),
        "resource" => Ok(StructureKind::Resource),
        "logical" => Ok(StructureKind::Logical),
        _ => Err(ProfileError::definition(ProfileReason::Code("kind"))),
    }
}

fn read_derivation(code: &str) -> Result<Derivation, ProfileError> {
    match code {
        "specialization" => Ok(Derivation::Specialization),
        "constraint" => Ok(Derivation::Constraint),
        _ => Err(ProfileError::definition(ProfileReason::Code("derivation"))),
    }
}

fn contexts(root: Json<'_>, pool: &mut Pool) -> Result<Box<[ExtensionContext]>, ProfileError> {
    let mut contexts = Vec::new();
    for context in items(root, "context") {
        let of = match text(context, "type").as_deref() {
            Some("fhirpath") => ContextType::Fhirpath,
            Some("element") => ContextType::Element,
            Some("extension") => ContextType::Extension,
            _ => return Err(ProfileError::definition(ProfileReason::Code("context.type"))),
        };
        let expression = text(context, "expression")
            .ok_or(ProfileError::definition(ProfileReason::Member("context.expression")))?;
        contexts.push(ExtensionContext { of, expression: pool.string(&expression) });
    }
    Ok(contexts.into())
}

fn imposed(root: Json<'_>, pool: &mut Pool) -> Box<[Arc<str>]> {
    items(root, "extension")
        .filter(|extension| text(*extension, "url").as_deref() == Some(IMPOSE_PROFILE))
        .filter_map(|extension| text(extension, "valueCanonical"))
        .map(|canonical| pool.string(&canonical))
        .collect()
}

fn elements(part: Json<'_>, elements_max: usize, pool: &mut Pool) -> Result<Vec<Arc<Element>>, ProfileError> {
    let list = part
        .get("element")
        .ok_or_else(|| ProfileError::definition(ProfileReason::Member("snapshot or differential")))?;
    if list.len() > elements_max {
        return Err(ProfileError::definition(ProfileReason::TooMany { elements_max }));
    }
    let is_snapshot = elements_max == SNAPSHOT_ELEMENTS_MAX;
    let mut all: Vec<Arc<Element>> = Vec::with_capacity(list.len());
    let mut ids = HashSet::new();
    for (element, number) in list.items().zip(0..) {
        let element = read_element::element(element, number, all.last().map(|last| &**last), pool)?;
        let error = |reason| ProfileError::at(&*element.id, reason);
        if all.first().is_some_and(|root| first_step(&root.path) != first_step(&element.path)) {
            return Err(error(ProfileReason::Place));
        }
        if is_snapshot {
            if element.min.is_none() || element.max.is_none() {
                return Err(error(ProfileReason::Member("min or max")));
            }
            if !ids.insert(Arc::clone(&element.id)) {
                return Err(error(ProfileReason::Twice));
            }
        }
        all.push(Arc::new(element));
    }
    Ok(all)
}

fn first_step(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

/// The string member `name`.
pub(super) fn text(of: Json<'_>, name: &str) -> Option<String> {
    of.get(name).and_then(Json::as_str).map(std::borrow::Cow::into_owned)
}

/// The items of the array member `name`; none if there is none.
pub(super) fn items<'a>(of: Json<'a>, name: &str) -> impl Iterator<Item = Json<'a>> {
    of.get(name).into_iter().flat_map(Json::items)
}

/// The strings of the array member `name`.
pub(super) fn strings(of: Json<'_>, name: &str, pool: &mut Pool) -> Box<[Arc<str>]> {
    items(of, name).filter_map(Json::as_str).map(|string| pool.string(&string)).collect()
}
