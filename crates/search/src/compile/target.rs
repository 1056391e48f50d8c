//! Which type a bare id must be of, where a reference parameter leaves only one.

use fhir::{ResourceType, SearchParameterDefinition, TypeDefinition, definitions};

/// The only type that `definition` may refer to from resources of type `of`, by the parameter's targets, by
/// `where(resolve() is …)` in its expression, or by the element's own targets.
pub(super) fn sole_target(definition: &SearchParameterDefinition, of: ResourceType) -> Option<ResourceType> {
    if let [only] = definition.targets.as_slice() {
        return Some(*only);
    }
    let mut found = definition
        .expression
        .split('|')
        .map(|path| path.trim().trim_matches(['(', ')']))
        .filter_map(|path| path.strip_prefix(of.name())?.strip_prefix('.'))
        .map(|path| target_of_path(of, path));
    let first = found.next()??;
    found.all(|other| other == Some(first)).then_some(first)
}

fn target_of_path(of: ResourceType, path: &str) -> Option<ResourceType> {
    if let Some((_, tested)) = path.split_once(".where(resolve() is ") {
        return ResourceType::parse(tested.trim_end_matches(')'));
    }
    let mut steps = path.split('.').peekable();
    let mut parent: &TypeDefinition = definitions().resource(of);
    while let Some(step) = steps.next() {
        if steps.peek().is_some() {
            parent = parent.member(step)?.of;
            continue;
        }
        let [reference] = parent.element(step)?.types.as_slice() else { return None };
        return match reference.targets.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
    }
    None
}
