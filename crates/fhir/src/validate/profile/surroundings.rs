//! What FHIRPath may ask while resources are judged by profiles: value sets, code systems and other profiles.

use std::sync::atomic::{AtomicBool, Ordering};

use super::compile::CompiledProfile;
use super::guides::Guides;
use super::place::Place;
use super::set::{ProfileSet, ProfileSetError};
use super::walk::{Bindings, ProfileWalk, Wanted, is_error};
use crate::{Element, PathContext, PathError, Resource, Surroundings};

/// How deep `conformsTo` may lead to constraints that ask it again.
pub const CONFORMANCE_DEPTH_MAX: usize = 4;

/// What the constraints of one profile ask.
pub(super) struct ProfileSurroundings<'k> {
    guides: &'k Guides,
    bindings: &'k dyn Bindings,
    context: &'k PathContext<'k>,
    /// The package of the profile: what it names is asked for from there.
    from: Option<u32>,
    /// How often `conformsTo` led here.
    depth: usize,
    /// Whether something was asked that cannot be known.
    is_unsure: AtomicBool,
}

impl<'k> ProfileSurroundings<'k> {
    pub(super) fn new(walk: &ProfileWalk<'k>, from: Option<u32>) -> Self {
        let ProfileWalk { guides, bindings, context, conformance_depth: depth, .. } = *walk;
        ProfileSurroundings { guides, bindings, context, from, depth, is_unsure: AtomicBool::new(false) }
    }

    /// Whether something was asked of vocabulary that cannot be known, so that an answer says nothing.
    pub(super) fn is_unsure(&self) -> bool {
        self.is_unsure.load(Ordering::Relaxed)
    }

    fn known(&self, answer: Option<bool>) -> Option<bool> {
        if answer.is_none() {
            self.is_unsure.store(true, Ordering::Relaxed);
        }
        answer
    }

    fn profile(&self, canonical: &str) -> Result<std::sync::Arc<ProfileSet>, PathError> {
        self.guides.profile(canonical, self.from).map_err(|error| match error {
            ProfileSetError::Unknown(_) => PathError::unknown("profile", canonical, None),
            ProfileSetError::Unusable(..) => PathError::Unsupported("a profile that cannot be used"),
            ProfileSetError::TooMany => PathError::limit("PROFILES_MAX", super::PROFILES_MAX as u64),
        })
    }

    fn walk<'w>(&self, set: &'w ProfileSet, context: &'w PathContext<'w>) -> ProfileWalk<'w>
    where
        'k: 'w,
    {
        let mut walk = ProfileWalk::new(set, self.guides, self.bindings, context, Wanted::Errors);
        walk.conformance_depth = self.depth + 1;
        walk
    }
}

impl Surroundings for ProfileSurroundings<'_> {
    fn resolve(&self, _: &str) -> Option<&Resource> {
        None
    }

    fn member_of(&self, system: Option<&str>, code: &str, value_set: &str) -> Option<bool> {
        self.known(self.bindings.member_of(system, code, value_set, self.from))
    }

    fn subsumes(&self, system: &str, code: &str, other: &str) -> Option<bool> {
        self.known(self.bindings.subsumes(system, code, other, self.from))
    }

    fn conforms_to(&self, element: Element<'_>, profile: &str) -> Result<bool, PathError> {
        if self.depth >= CONFORMANCE_DEPTH_MAX {
            return Err(PathError::limit("CONFORMANCE_DEPTH_MAX", CONFORMANCE_DEPTH_MAX as u64));
        }
        let set = self.profile(profile)?;
        let context = *self.context;
        let mut walk = self.walk(&set, &context);
        walk.resource(element, &Place::root(element.of.name));
        Ok(!walk.issues.iter().any(is_error))
    }

    fn slice<'e>(
        &self,
        element: Element<'e>,
        profile: &str,
        name: &str,
    ) -> Result<Vec<Element<'e>>, PathError> {
        let set = self.profile(profile)?;
        let context = *self.context;
        let mut walk = self.walk(&set, &context);
        let unknown = || PathError::unknown("slice", name, Some(profile));
        let compiled = set.root().ok_or_else(unknown)?;
        let slices = compiled.slices_named(name);
        if slices.is_empty() {
            return Err(unknown());
        }
        let mut found = Vec::new();
        for slice in slices {
            for value in candidates(compiled, slice, element) {
                if is_in(&mut walk, compiled, slice, value) {
                    found.push(value);
                }
            }
        }
        Ok(found)
    }
}

/// What may be in a slice: the element itself, if it is of what is sliced, or the values below it that are.
fn candidates<'e>(profile: &CompiledProfile, slice: usize, element: Element<'e>) -> Vec<Element<'e>> {
    let name = &profile.node(slice).name;
    if element.definition.is_some_and(|definition| definition.name == name) {
        return vec![element];
    }
    let mut below = Vec::new();
    element.each_named(name, &mut |_, value| below.push(value));
    below
}

/// Whether a value is in a slice; of a slice of a slice also in that.
fn is_in<'w>(
    walk: &mut ProfileWalk<'w>,
    profile: &'w CompiledProfile,
    slice: usize,
    value: Element<'w>,
) -> bool {
    let Some(sliced) = profile.sliced_by(slice) else { return false };
    let is_slice_too = profile.sliced_by(sliced).is_some();
    (!is_slice_too || is_in(walk, profile, sliced, value))
        && walk.is_of_slice(profile, profile.node(sliced), slice, value)
}
