//! Merges what a differential says of one element into it.

use std::sync::Arc;

use crate::profile::{Binding, Constraint, Element, TypeRule};

/// Puts `changes` into `element`: what is said replaces, constraints are added, counts are only tightened.
pub(super) fn merge(element: &mut Element, changes: &Element) {
    if let Some(min) = changes.min {
        element.min = Some(element.min.map_or(min, |base| base.max(min)));
    }
    if let Some(max) = changes.max {
        element.max = Some(element.max.map_or(max, |base| base.min(max)));
    }
    if !changes.types.is_empty() {
        element.types = Arc::clone(&changes.types);
    }
    replace(&mut element.fixed, &changes.fixed);
    replace(&mut element.pattern, &changes.pattern);
    if let Some(binding) = &changes.binding {
        let known = element.binding.take().and_then(|known| known.value_set);
        let value_set = binding.value_set.clone().or(known);
        element.binding = Some(Binding { strength: binding.strength, value_set });
    }
    if element.binding.is_some() && !element.types.iter().any(is_bindable) {
        element.binding = None;
    }
    replace(&mut element.slicing, &changes.slicing);
    replace(&mut element.max_length, &changes.max_length);
    replace(&mut element.min_value, &changes.min_value);
    replace(&mut element.max_value, &changes.max_value);
    element.is_modifier = either(element.is_modifier, changes.is_modifier);
    add_constraints(element, &changes.constraints);
}

/// Puts what the root of the profile says that narrows the element's type; of an extension also how often it may be
/// there.
pub(super) fn profile_root(element: &mut Element, root: &Element, code: &str) {
    add_constraints(element, &root.constraints);
    if code == "Extension" {
        if let Some(max) = root.max {
            element.max = Some(element.max.map_or(max, |base| base.min(max)));
        }
        element.is_modifier = either(element.is_modifier, root.is_modifier);
    }
}

/// What modifies the meaning goes on doing so.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    if one == Some(true) { one } else { other.or(one) }
}

/// The types whose values can come from a value set (R4 section 4.1).
fn is_bindable(of: &TypeRule) -> bool {
    const BINDABLE: [&str; 8] =
        ["code", "Coding", "CodeableConcept", "Quantity", "Duration", "string", "uri", "CodeableReference"];
    BINDABLE.contains(&&*of.code)
}

fn replace<T: Clone>(old: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        old.clone_from(new);
    }
}

fn add_constraints(element: &mut Element, more: &[Arc<Constraint>]) {
    let is_new = |one: &&Arc<Constraint>| element.constraints.iter().all(|known| known.key != one.key);
    let new: Vec<_> = more.iter().filter(is_new).cloned().collect();
    if !new.is_empty() {
        element.constraints = element.constraints.iter().cloned().chain(new).collect();
    }
}

/// The type that `name` (`valueQuantity`) chooses of the choice `choice` (`value[x]`).
pub(super) fn choice_type<'a>(choice: &str, name: &str, types: &'a [TypeRule]) -> Option<&'a TypeRule> {
    let chosen = name.strip_prefix(choice.strip_suffix("[x]")?)?;
    types.iter().find(|of| {
        let mut letters = of.code.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        chosen.strip_prefix(|letter| Some(letter) == first).is_some_and(|rest| rest == letters.as_str())
    })
}
