//! Which slice a value belongs to (R4 section 5.3.9, discriminators).

use super::bound::any_code;
use super::compile::{CompiledProfile, Node};
use super::place::Place;
use super::rule::{contains, is_exactly};
use super::walk::{ProfileWalk, is_error};
use crate::profile::{BindingStrength, Discriminator, DiscriminatorType};
use crate::{Element, Json, Reference, Value};

impl<'w> ProfileWalk<'w> {
    /// Whether a value belongs to a slice: every discriminator says so.
    pub(super) fn is_of_slice(
        &mut self,
        profile: &'w CompiledProfile,
        sliced: &'w Node,
        slice: usize,
        value: Element<'w>,
    ) -> bool {
        let Some(slicing) = sliced.slicing() else { return false };
        if slicing.discriminators.is_empty() {
            return false;
        }
        let all = slicing.discriminators.iter().zip(&sliced.discriminators);
        let mut all = all.map(|(discriminator, path)| (discriminator, path.as_ref().ok()));
        all.all(|(discriminator, path)| {
            let found = match path {
                _ if &*discriminator.path == "$this" => vec![value],
                None => return false,
                Some(path) => match path.evaluate(value, self.context) {
                    Ok(values) => values.iter().filter_map(Value::as_element).collect(),
                    Err(_) => return false,
                },
            };
            self.says_so(profile, discriminator, slice, &found)
        })
    }

    fn says_so(
        &mut self,
        profile: &'w CompiledProfile,
        discriminator: &Discriminator,
        slice: usize,
        found: &[Element<'w>],
    ) -> bool {
        let expected = below(profile, slice, &discriminator.path);
        let Some(first) = expected.first() else {
            return match discriminator.of {
                DiscriminatorType::Exists => !found.is_empty(),
                DiscriminatorType::Value | DiscriminatorType::Pattern => {
                    let node = profile.node(slice);
                    &*discriminator.path == "url" && found.iter().any(|one| is_url_of(node, *one))
                }
                DiscriminatorType::Type | DiscriminatorType::Profile => false,
            };
        };
        let mut pairs = expected.iter().flat_map(|number| found.iter().map(|one| (*number, *one)));
        match discriminator.of {
            DiscriminatorType::Exists => (profile.node(*first).max() == Some(0)) == found.is_empty(),
            DiscriminatorType::Type => {
                pairs.any(|(number, one)| is_of_type(profile.node(number), one, &discriminator.path))
            }
            DiscriminatorType::Profile => {
                pairs.any(|(number, one)| self.meets(profile, profile.node(number), one))
            }
            DiscriminatorType::Value | DiscriminatorType::Pattern => {
                pairs.any(|(number, one)| self.has_value(profile, number, one))
            }
        }
    }

    /// Whether a value is what an element fixes, or what those below it fix.
    fn has_value(&self, profile: &'w CompiledProfile, number: usize, value: Element<'w>) -> bool {
        let node = profile.node(number);
        let Some(json) = value.value else { return false };
        if let Some(fixed) = &node.fixed {
            return is_exactly(json, fixed.root());
        }
        if let Some(pattern) = &node.pattern {
            return contains(json, pattern.root());
        }
        let required = node.binding().filter(|binding| binding.strength == BindingStrength::Required);
        if let Some(value_set) = required.and_then(|binding| binding.value_set.as_deref()) {
            let of_base = value.definition.and_then(|definition| definition.binding());
            if of_base.is_none_or(|base| !value_set.starts_with(&base.url)) {
                return any_code(value, &mut |system, code| {
                    self.bindings.member_of(system, code, value_set, profile.package) == Some(true)
                });
            }
        }
        let mut is_said = false;
        let all = node.children.iter().all(|child| {
            let below = profile.node(*child);
            let is_fixed = below.fixed.is_some() || below.pattern.is_some();
            let is_deep = below.children.iter().any(|child| says_something(profile, *child));
            if !is_fixed && !is_deep {
                return true;
            }
            is_said = true;
            let mut has = false;
            value.each_named(&below.name, &mut |_, one| has |= self.has_value(profile, *child, one));
            has
        });
        is_said && all
    }

    /// Whether a value meets one of the profiles that an element names.
    fn meets(&mut self, profile: &'w CompiledProfile, node: &'w Node, value: Element<'w>) -> bool {
        let canonicals: Vec<_> =
            node.types().iter().flat_map(|rule| rule.profiles.iter().chain(rule.targets.iter())).collect();
        canonicals.into_iter().any(|canonical| {
            let Some(found) = self.profiles.get(canonical, profile.package) else { return false };
            !self.apart(found, value, &Place::root(value.of.name)).iter().any(is_error)
        })
    }
}

fn says_something(profile: &CompiledProfile, number: usize) -> bool {
    let node = profile.node(number);
    node.fixed.is_some()
        || node.pattern.is_some()
        || node.children.iter().any(|child| says_something(profile, *child))
}

/// The elements that a discriminator's path leads to below a slice: several where it leads through slices.
fn below(profile: &CompiledProfile, slice: usize, path: &str) -> Vec<usize> {
    let mut at = vec![slice];
    for step in steps(path) {
        if step == "$this" || step == "resolve()" || step.starts_with("ofType(") {
            continue;
        }
        let url = step.strip_prefix("extension('").and_then(|rest| rest.strip_suffix("')"));
        let name = if url.is_some() { "extension" } else { step };
        let children = at.iter().flat_map(|at| &profile.node(*at).children);
        let named = children.filter(|child| profile.node(**child).name == name);
        at = match url {
            Some(url) => named
                .flat_map(|child| &profile.node(*child).slices)
                .filter(|slice| names(profile.node(**slice), url))
                .copied()
                .collect(),
            None => named
                .flat_map(|child| [*child].into_iter().chain(profile.node(*child).slices.clone()))
                .collect(),
        };
    }
    at
}

/// The steps of a path; a point in a quoted URL ends none.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    path.split(move |character| {
        is_quoted ^= character == '\'';
        character == '.' && !is_quoted
    })
}

/// Whether an extension's slice is of this URL, by the profile of its type.
fn names(slice: &Node, url: &str) -> bool {
    let mut profiles = slice.types().iter().flat_map(|rule| rule.profiles.iter());
    profiles.any(|profile| profile.split('|').next() == Some(url))
}

/// Whether the URL is that of the slice's extension.
fn is_url_of(slice: &Node, url: Element<'_>) -> bool {
    let text = url.value.and_then(Json::as_str);
    text.is_some_and(|text| names(slice, &text))
}

/// Whether a value, or what a reference leads to, is of one of an element's types.
fn is_of_type(node: &Node, value: Element<'_>, path: &str) -> bool {
    if path.ends_with("resolve()") {
        let targets = node.types().iter().flat_map(|rule| rule.targets.iter());
        return targets
            .filter_map(|target| target.rsplit('/').next())
            .any(|name| crate::definitions().type_named(name).is_some() && value.of.is(name));
    }
    let of_resource = || {
        let text = value.value.and_then(|value| value.get("reference")).and_then(Json::as_str);
        text.and_then(|text| Reference::parse(&text).of())
    };
    node.types().iter().any(|rule| value.of.is(&rule.code))
        || of_resource().is_some_and(|of| node.types().iter().any(|rule| *rule.code == *of.name()))
}
