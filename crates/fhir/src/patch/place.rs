//! Where an element stands in its document.

use std::ops::Range;

use crate::{Element, Json, Kind};

/// The place of an element: the object that holds it, its name there, and which of several it is.
pub(super) struct Place {
    /// The names and numbers on the way to the object.
    pub(super) holder: Vec<String>,
    /// The name in JSON, of a primitive's twin without the underscore.
    pub(super) name: String,
    /// Its number, if it stands in an array.
    pub(super) index: Option<usize>,
}

impl Place {
    /// The names and numbers on the way to the element itself.
    pub(super) fn steps(self) -> Vec<String> {
        let mut steps = self.holder;
        steps.push(self.name);
        steps.extend(self.index.map(|index| index.to_string()));
        steps
    }
}

/// The place of an element below `root`, whose document it is of; nothing for the root itself.
pub(super) fn place_of(root: Json<'_>, element: &Element<'_>) -> Option<Place> {
    let target = element.value.or(element.twin)?.span();
    let mut steps = Vec::new();
    if !find(root, &target, &mut steps) {
        return None;
    }
    let last = steps.pop()?;
    let (name, index) = match last.parse() {
        Ok(index) => (steps.pop()?, Some(index)),
        Err(_) => (last, None),
    };
    let name = name.strip_prefix('_').map_or(name.clone(), str::to_owned);
    Some(Place { holder: steps, name, index })
}

/// Notes the way from `json` to the value with this span. Documents are not deep, so this ends.
fn find(json: Json<'_>, target: &Range<usize>, steps: &mut Vec<String>) -> bool {
    let holds = |value: Json<'_>| {
        let span = value.span();
        span.start <= target.start && target.end <= span.end
    };
    let (step, value) = match json.kind() {
        Kind::Object => match json.members().find(|(_, value)| holds(*value)) {
            Some((name, value)) => (name.as_str().into_owned(), value),
            None => return false,
        },
        Kind::Array => match json.items().enumerate().find(|(_, value)| holds(*value)) {
            Some((at, value)) => (at.to_string(), value),
            None => return false,
        },
        _ => return false,
    };
    steps.push(step);
    value.span() == *target || find(value, target, steps)
}
