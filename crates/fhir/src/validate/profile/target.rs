//! What references may lead to by a profile: which types, and which profiles what they lead to meets as far as it is in
//! the same document (R4 ElementDefinition, `type.targetProfile`, `aggregation` and `versioning`).

use std::sync::Arc;

use super::compile::{CompiledProfile, STANDARD};
use super::place::Place;
use super::walk::{ProfileWalk, is_error};
use crate::profile::{Aggregation, TypeRule, Versioning};
use crate::{Element, IssueCode, Json, Reference, definitions};

impl<'w> ProfileWalk<'w> {
    /// Judges a Reference by what its type says of the target.
    pub(super) fn target(
        &mut self,
        profile: &'w CompiledProfile,
        rule: &'w TypeRule,
        value: Element<'w>,
        at: &Place<'_>,
    ) {
        let text = value.value.and_then(|value| value.get("reference")).and_then(Json::as_str);
        let Some(text) = text else { return };
        let reference = Reference::parse(&text);
        self.version(profile, rule, &reference, at);
        let needs_target = !rule.aggregation.is_empty() || rule.targets.iter().any(|url| !is_plain(url));
        let target = if needs_target { self.context.target(value) } else { None };
        self.aggregation(profile, rule, &reference, target.is_some(), at);
        if rule.targets.is_empty() {
            return;
        }
        let Some(of) = target.map(|target| target.of).or(reference.of().map(|of| definitions().resource(of)))
        else {
            return;
        };
        let is_of = |canonical: &Arc<str>| match canonical.strip_prefix(STANDARD) {
            Some(name) if definitions().type_named(name).is_some() => of.is(name),
            // Nobody can say what an unknown profile is of.
            _ => {
                self.profiles.get(canonical, profile.package).is_none_or(|found| of.is(&found.definition.of))
            }
        };
        if !rule.targets.iter().any(is_of) {
            let words = format!("The reference may not lead to a {} (from {})", of.name, profile.canonical());
            return self.error(IssueCode::Structure, at, words);
        }
        if let Some(target) = target
            && !rule.targets.iter().any(|canonical| self.is_met(profile, canonical, target))
        {
            let words = format!(
                "What the reference leads to meets none of {} (from {})",
                rule.targets.join(", "),
                profile.canonical()
            );
            self.error(IssueCode::Structure, at, words);
        }
    }

    fn version(
        &mut self,
        profile: &'w CompiledProfile,
        rule: &TypeRule,
        reference: &Reference<'_>,
        at: &Place<'_>,
    ) {
        let is_literal = reference.of().is_some();
        let words = match (rule.versioning, reference.version().is_some()) {
            (Some(Versioning::Specific), false) if is_literal => "The reference must name a version",
            (Some(Versioning::Independent), true) => "The reference must not name a version",
            _ => return,
        };
        self.error(IssueCode::Structure, at, format!("{words} (from {})", profile.canonical()));
    }

    fn aggregation(
        &mut self,
        profile: &'w CompiledProfile,
        rule: &TypeRule,
        reference: &Reference<'_>,
        is_here: bool,
        at: &Place<'_>,
    ) {
        let found = match reference {
            Reference::Contained(_) => Aggregation::Contained,
            _ if is_here => Aggregation::Bundled,
            _ => Aggregation::Referenced,
        };
        if rule.aggregation.is_empty() || rule.aggregation.contains(&found) {
            return;
        }
        let words = match found {
            Aggregation::Contained => "The reference may not lead to a contained resource",
            Aggregation::Bundled => "The reference may not lead to a resource in the same Bundle",
            Aggregation::Referenced => "The reference may not lead out of the document",
        };
        self.error(IssueCode::Structure, at, format!("{words} (from {})", profile.canonical()));
    }

    /// Whether a resource in the same document meets a profile; what is not known is not held against it.
    fn is_met(&mut self, profile: &'w CompiledProfile, canonical: &'w Arc<str>, target: Element<'w>) -> bool {
        if is_plain(canonical) {
            return target.of.is(canonical.trim_start_matches(STANDARD));
        }
        let Some(found) = self.profiles.get(canonical, profile.package) else { return true };
        if !target.of.is(&found.definition.of) {
            return false;
        }
        let starts_at = target.value.map_or(0, |value| value.span().start);
        let asked = (starts_at, std::ptr::from_ref(found).addr());
        if let Some(known) = self.met.get(&asked) {
            return *known;
        }
        self.met.insert(asked, true);
        let is_met = !self.apart(found, target, &Place::root(target.of.name)).iter().any(is_error);
        self.met.insert(asked, is_met);
        is_met
    }
}

/// Whether a canonical is of one of the standard's own types.
fn is_plain(canonical: &str) -> bool {
    canonical.strip_prefix(STANDARD).is_some_and(|name| definitions().type_named(name).is_some())
}
