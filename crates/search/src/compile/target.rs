//! What the paths of a parameter's expression come to: which types it may refer to, and which elements it finds.

use fhir::{ElementDefinition, ResourceType, SearchParameterDefinition, TypeDefinition, definitions};

/// The only type that `definition` may refer to from resources of type `of`, by the parameter's targets, by
/// `where(resolve() is …)` in its expression, or by the element's own targets.
pub(super) fn sole_target(definition: &SearchParameterDefinition, of: ResourceType) -> Option<ResourceType> {
    match targets(definition, of)?.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// The types that `definition` may refer to from resources of type `of`; `None` if it may be any.
pub(super) fn targets(definition: &SearchParameterDefinition, of: ResourceType) -> Option<Vec<ResourceType>> {
    if let [only] = definition.targets.as_slice() {
        return Some(vec![*only]);
    }
    let of_paths: Option<Vec<_>> = paths(definition, of).map(|path| targets_of_path(of, path)).collect();
    let mut found = of_paths.unwrap_or_default().concat();
    if found.is_empty() {
        found.clone_from(&definition.targets);
    }
    found.sort_unstable_by_key(|target| target.name());
    found.dedup();
    (!found.is_empty()).then_some(found)
}

/// Whether the parameter finds elements of a data type; also if its expression is more than paths.
pub(super) fn finds(definition: &SearchParameterDefinition, of: ResourceType, data_type: &str) -> bool {
    paths(definition, of).any(|path| {
        element(of, path)
            .is_none_or(|found| found.types.iter().any(|other| other.definition().name == data_type))
    })
}

/// Whether the parameter finds canonicals.
pub(super) fn finds_canonicals(definition: &SearchParameterDefinition, of: ResourceType) -> bool {
    let is_canonical =
        |found: &ElementDefinition| found.types.iter().any(|other| other.definition().name == "canonical");
    paths(definition, of).any(|path| element(of, &without_conditions(path)).is_some_and(is_canonical))
}

/// Whether the parameter finds media types, and nothing else.
pub(super) fn finds_media_types(definition: &SearchParameterDefinition, of: ResourceType) -> bool {
    const MEDIA_TYPES: &str = "http://hl7.org/fhir/ValueSet/mimetypes";
    let is_media_type =
        |found: &ElementDefinition| found.binding().is_some_and(|codes| codes.url == MEDIA_TYPES);
    let mut paths = paths(definition, of).peekable();
    paths.peek().is_some()
        && paths.all(|path| element(of, &without_conditions(path)).is_some_and(is_media_type))
}

/// A path without `where(…)` and `as(…)`.
fn without_conditions(path: &str) -> String {
    let is_condition = |step: &str| step.starts_with("where(") || step.starts_with("as(");
    let steps: Vec<&str> = path.split('.').filter(|step| !is_condition(step)).collect();
    steps.join(".")
}

/// The paths of the expression that begin at `of`, without its name.
fn paths(definition: &SearchParameterDefinition, of: ResourceType) -> impl Iterator<Item = &str> {
    definition
        .expression
        .split('|')
        .map(|path| path.trim().trim_matches(['(', ')']))
        .filter_map(move |path| path.strip_prefix(of.name())?.strip_prefix('.'))
}

fn targets_of_path(of: ResourceType, path: &str) -> Option<Vec<ResourceType>> {
    if let Some((_, tested)) = path.split_once(".where(resolve() is ") {
        return ResourceType::parse(tested.trim_end_matches(')')).map(|only| vec![only]);
    }
    match element(of, path)?.types.as_slice() {
        [reference] if !reference.targets.is_empty() => Some(reference.targets.clone()),
        _ => None,
    }
}

/// The element that a path of names leads to.
fn element(of: ResourceType, path: &str) -> Option<&'static ElementDefinition> {
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
    let mut parent: &'static TypeDefinition = definitions().resource(of);
    for step in parents.into_iter().flat_map(|parents| parents.split('.')) {
        parent = parent.member(step)?.of;
    }
    parent.element(last)
}
