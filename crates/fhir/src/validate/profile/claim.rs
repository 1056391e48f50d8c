//! The profiles that resources claim to meet, in `meta.profile`, and the extensions that they have: what they find
//! wrong with a resource and with those in it.

use std::collections::{BTreeSet, HashSet};

use super::extension::Extensions;
use super::place::Place;
use super::walk::{Bindings, ProfileWalk, Wanted, is_error};
use crate::path::Flow;
use crate::validate::judge::Rules;
use crate::{Element, Issue, IssueCode, Kind, NoSurroundings, PathContext, Resource};

/// How many profiles a resource may claim.
pub const CLAIMS_MAX: usize = 64;

const MORE: Result<Flow, std::convert::Infallible> = Ok(Flow::Continue(()));

/// What the profiles that a resource claims find wrong with it, and the definitions of its extensions; likewise with
/// those that it contains and those in its entries. A profile that nobody knows is an error.
#[must_use]
pub fn review_claims(
    resource: &Resource,
    rules: &Rules<'_>,
    bindings: &dyn Bindings,
    wanted: Wanted,
) -> Vec<Issue> {
    let root = Element::resource(resource);
    let mut claims = Claims { rules, bindings, wanted, issues: Vec::new() };
    let has_more = resource.document().has_extensions();
    claims.resource(root, root, Place::root(root.of.name), has_more);
    if wanted == Wanted::Errors {
        claims.issues.retain(is_error);
    }
    claims.issues.truncate(crate::ISSUES_MAX);
    claims.issues
}

struct Claims<'c> {
    rules: &'c Rules<'c>,
    bindings: &'c dyn Bindings,
    wanted: Wanted,
    issues: Vec<Issue>,
}

impl Claims<'_> {
    /// Judges a resource in `root`, which contains it or is the same, and those in it.
    fn resource(&mut self, resource: Element<'_>, root: Element<'_>, place: Place<'_>, has_extensions: bool) {
        let (now, surroundings) = (self.rules.now, &NoSurroundings);
        let context = PathContext { resource, root, now, variables: &[], surroundings };
        let (mut judged, mut from) = (HashSet::new(), Vec::new());
        for (number, canonical) in self.claimed(resource, &place) {
            match self.rules.guides.profile(&canonical, None) {
                Ok(set) => {
                    from.extend(set.package());
                    let mut walk =
                        ProfileWalk::new(&set, self.rules.guides, self.bindings, &context, self.wanted);
                    walk.resource(resource, &place);
                    self.issues.extend(walk.issues);
                    judged.extend(walk.judged);
                }
                Err(error) => {
                    let at = format!("{}.meta.profile[{number}]", place.expression());
                    self.issues.push(Issue::error(IssueCode::NotFound, error.to_string()).at(at));
                }
            }
        }
        from.dedup();
        if has_extensions {
            let (guides, bindings, wanted) = (self.rules.guides, self.bindings, self.wanted);
            let (context, issues) = (&context, &mut self.issues);
            let mut extensions =
                Extensions { guides, bindings, context, wanted, from: &from, judged: &judged, issues };
            extensions.judge(resource, place);
        }
        self.inner(resource, root, place, has_extensions);
    }

    /// The profiles that a resource claims, each once, with its number among them; none if there are too many.
    fn claimed(&mut self, resource: Element<'_>, place: &Place<'_>) -> Vec<(usize, String)> {
        let all = resource.value.and_then(|value| value.get("meta")).and_then(|meta| meta.get("profile"));
        let Some(all) = all.filter(|all| all.kind() == Kind::Array) else { return Vec::new() };
        if all.len() > CLAIMS_MAX {
            let words = format!("More profiles are claimed than the limit CLAIMS_MAX of {CLAIMS_MAX}");
            let at = format!("{}.meta.profile", place.expression());
            self.issues.push(Issue::error(IssueCode::TooCostly, words).at(at));
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let canonicals = all.items().enumerate().filter_map(|(number, one)| Some((number, one.as_str()?)));
        let pinned =
            canonicals.map(|(number, one)| (number, self.rules.guides.pinned(&one, self.rules.defaults)));
        pinned.filter(|(_, canonical)| seen.insert(canonical.clone())).collect()
    }

    /// Judges the resources in a resource.
    fn inner(&mut self, resource: Element<'_>, root: Element<'_>, place: Place<'_>, has_extensions: bool) {
        match resource.of.name {
            "Bundle" | "Parameters" => self.entries(resource, place, has_extensions),
            _ => resource.each_named("contained", &mut |index, contained| {
                let place = Place { parent: Some(&place), name: "contained", of: None, index };
                if contained.is_resource() {
                    self.resource(contained, root, place, has_extensions);
                }
            }),
        }
    }

    /// Judges the resources of entries or parameters, however deep: each stands for itself.
    fn entries(&mut self, holder: Element<'_>, place: Place<'_>, has_extensions: bool) {
        let mut numbers: Option<(&str, usize)> = None;
        let _ = holder.each_child(&mut |child| {
            let Some(definition) = child.definition else { return MORE };
            let number = numbers.filter(|(name, _)| *name == definition.name).map_or(0, |(_, last)| last + 1);
            numbers = Some((definition.name, number));
            let index = definition.is_array().then_some(number);
            let place = Place { parent: Some(&place), name: definition.name, of: None, index };
            if child.is_resource() {
                self.resource(child, child, place, has_extensions);
            } else if matches!(definition.name, "entry" | "response" | "parameter" | "part") {
                self.entries(child, place, has_extensions);
            }
            MORE
        });
    }
}
