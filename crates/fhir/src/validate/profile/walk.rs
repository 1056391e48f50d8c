//! The walk over a resource by the tree of a profile.

use std::collections::HashMap;
use std::sync::Arc;

use super::PROFILE_DEPTH_MAX;
use super::compile::{CompiledProfile, Demand, Node, STANDARD};
use super::guides::Guides;
use super::place::Place;
use super::rule::{contains, is_exactly};
use super::set::ProfileSet;
use super::surroundings::ProfileSurroundings;
use crate::definitions::TypeKind;
use crate::profile::{SlicingRules, TypeRule};
use crate::{Element, Issue, IssueCode, NoSurroundings, PathContext, PathError, Resource, Severity, Time};

/// What judging by profiles asks about codes.
pub trait Bindings: Send + Sync {
    /// Whether a value set has a code; nothing if that cannot be known. The value set is asked for from a package.
    fn member_of(&self, system: Option<&str>, code: &str, value_set: &str, from: Option<u32>)
    -> Option<bool>;

    /// Whether a code of a code system is the other or subsumes it; nothing if that cannot be known, as always where
    /// nothing else is said. The code system is asked for from a package.
    fn subsumes(&self, _system: &str, _code: &str, _other: &str, _from: Option<u32>) -> Option<bool> {
        None
    }
}

/// Which issues are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What keeps a resource from being stored.
    Errors,
    /// Warnings and information too.
    All,
}

/// What a profile finds wrong with a resource, beyond what is wrong with it as a resource of its type.
#[must_use]
pub fn review_profile(
    resource: &Resource,
    profile: &ProfileSet,
    guides: &Guides,
    bindings: &dyn Bindings,
    now: Time,
) -> Vec<Issue> {
    let root = Element::resource(resource);
    let context = PathContext { resource: root, root, now, variables: &[], surroundings: &NoSurroundings };
    let mut walk = ProfileWalk::new(profile, guides, bindings, &context, Wanted::All);
    walk.resource(root, &Place::root(root.of.name));
    walk.issues
}

/// A value of an element, with its number among all of them.
pub(super) type Numbered<'a> = (Option<usize>, Element<'a>);

pub(super) struct ProfileWalk<'w> {
    pub(super) profiles: &'w ProfileSet,
    pub(super) guides: &'w Guides,
    pub(super) bindings: &'w dyn Bindings,
    pub(super) context: &'w PathContext<'w>,
    pub(super) wanted: Wanted,
    pub(super) issues: Vec<Issue>,
    /// Where the extensions begin that were judged by their definitions.
    pub(super) judged: Vec<usize>,
    /// Of targets of references, by where they begin and by the profile: whether they meet it. While it is found out,
    /// they are taken to.
    pub(super) met: HashMap<(usize, usize), bool>,
    depth: usize,
    /// How often `conformsTo` led here.
    pub(super) conformance_depth: usize,
}

impl<'w> ProfileWalk<'w> {
    pub(super) fn new(
        profiles: &'w ProfileSet,
        guides: &'w Guides,
        bindings: &'w dyn Bindings,
        context: &'w PathContext<'w>,
        wanted: Wanted,
    ) -> ProfileWalk<'w> {
        ProfileWalk {
            profiles,
            guides,
            bindings,
            context,
            wanted,
            issues: Vec::new(),
            judged: Vec::new(),
            met: HashMap::new(),
            depth: 0,
            conformance_depth: 0,
        }
    }

    pub(super) fn report(&mut self, severity: Severity, code: IssueCode, at: &Place<'_>, words: String) {
        if self.issues.len() < crate::ISSUES_MAX {
            self.issues.push(Issue { severity, ..Issue::error(code, words) }.at(at.expression()));
        }
    }

    pub(super) fn error(&mut self, code: IssueCode, at: &Place<'_>, words: String) {
        self.report(Severity::Error, code, at, words);
    }

    /// Judges a resource by the profile asked for first and by those that it imposes.
    pub(super) fn resource(&mut self, root: Element<'w>, at: &Place<'_>) {
        let profiles = self.profiles;
        let Some(profile) = profiles.root() else { return };
        if !root.of.is(&profile.definition.of) {
            let words = format!("The profile {} is of {}.", profile.canonical(), profile.definition.of);
            return self.error(IssueCode::Structure, at, words);
        }
        self.judge(profile, 0, root, at);
        for canonical in &profile.definition.imposed {
            self.narrowed(profile, &[canonical], root, at);
        }
    }

    /// Judges a value by an element of a profile, and all below it.
    pub(super) fn judge(
        &mut self,
        profile: &'w CompiledProfile,
        number: usize,
        value: Element<'w>,
        at: &Place<'_>,
    ) {
        if self.issues.len() >= crate::ISSUES_MAX {
            return;
        }
        let node = profile.node(number);
        self.value(profile, node, value, at);
        let below = match &node.element.content_reference {
            Some(other) if node.children.is_empty() => {
                let id = other.rsplit('#').next().unwrap_or(other);
                profile.nodes.iter().find(|node| *node.element.id == *id).unwrap_or(node)
            }
            _ => node,
        };
        for child in &below.demanding {
            let mut values: Vec<Numbered<'w>> = Vec::new();
            value.each_named(&profile.node(*child).name, &mut |index, one| values.push((index, one)));
            self.values(profile, *child, &values, value, at);
        }
    }

    /// Judges the values of an element: how many there are, each of them, and their slices.
    fn values(
        &mut self,
        profile: &'w CompiledProfile,
        number: usize,
        values: &[Numbered<'w>],
        holder: Element<'w>,
        at: &Place<'_>,
    ) {
        let node = profile.node(number);
        self.count(profile, node, values.len(), holder, at);
        for (index, value) in values {
            let of = node.element.path.ends_with("[x]").then_some(value.of.name);
            let place = Place { parent: Some(at), name: &node.name, of, index: *index };
            self.judge(profile, number, *value, &place);
        }
        if !node.slices.is_empty() {
            self.slices(profile, number, values, holder, at);
        }
    }

    fn count(
        &mut self,
        profile: &'w CompiledProfile,
        node: &'w Node,
        count: usize,
        holder: Element<'_>,
        at: &Place<'_>,
    ) {
        let base = holder.of.element(&node.name);
        let is_slice = node.element.slice_name.is_some();
        let base_min = base.map_or(0, |base| base.min as usize);
        let label = &node.element.id;
        if count < node.min() && (is_slice || base_min < node.min()) {
            let words = format!(
                "{label}: minimum required = {}, but only found {count} (from {})",
                node.min(),
                profile.canonical()
            );
            self.error(IssueCode::Required, at, words);
        }
        let base_max = base.and_then(|base| base.max).map(|most| most as usize);
        if let Some(most) = node.max().filter(|most| count > *most && (is_slice || base_max != Some(*most))) {
            let words =
                format!("{label}: max allowed = {most}, but found {count} (from {})", profile.canonical());
            self.error(IssueCode::Structure, at, words);
        }
    }

    fn slices(
        &mut self,
        profile: &'w CompiledProfile,
        number: usize,
        values: &[Numbered<'w>],
        holder: Element<'w>,
        at: &Place<'_>,
    ) {
        let node = profile.node(number);
        let mut groups: Vec<Vec<Numbered<'w>>> = vec![Vec::new(); node.slices.len()];
        let (mut last, mut has_rest) = (0, false);
        for (index, value) in values {
            let found = node.slices.iter().position(|slice| self.is_of_slice(profile, node, *slice, *value));
            let place = Place { parent: Some(at), name: &node.name, of: None, index: *index };
            match found {
                Some(slice) => {
                    self.order(profile, node, slice, (last, has_rest), &place);
                    last = slice;
                    groups[slice].push((*index, *value));
                }
                None => {
                    has_rest = true;
                    self.rest(profile, node, &place);
                }
            }
        }
        for (slice, group) in node.slices.iter().zip(&groups) {
            self.values(profile, *slice, group, holder, at);
        }
    }

    /// Whether a value of a slice may stand where it does: behind one of the slice `last`, and behind values of none if
    /// there was a `rest`.
    fn order(
        &mut self,
        profile: &'w CompiledProfile,
        node: &'w Node,
        slice: usize,
        (last, rest): (usize, bool),
        place: &Place<'_>,
    ) {
        let Some(slicing) = node.slicing() else { return };
        if slicing.is_ordered && slice < last {
            let name = profile.node(node.slices[slice]).element.slice_name.as_deref().unwrap_or("?");
            let words = format!("The slice {name} is out of order (from {})", profile.canonical());
            self.error(IssueCode::Structure, place, words);
        }
        if rest && slicing.rules == SlicingRules::OpenAtEnd {
            let words = format!("A slice stands behind what belongs to none (from {})", profile.canonical());
            self.error(IssueCode::Structure, place, words);
        }
    }

    /// Whether a value may be in no slice.
    fn rest(&mut self, profile: &'w CompiledProfile, node: &'w Node, place: &Place<'_>) {
        if node.slicing().is_some_and(|slicing| slicing.rules == SlicingRules::Closed) {
            let words = format!(
                "This element does not match any known slice of {} (from {})",
                node.element.id,
                profile.canonical()
            );
            self.error(IssueCode::Structure, place, words);
        }
    }

    /// Judges a value by what its element itself says.
    fn value(&mut self, profile: &'w CompiledProfile, node: &'w Node, value: Element<'w>, at: &Place<'_>) {
        let canonical = || profile.canonical();
        if !node.types().is_empty() && node.element.path.contains('.') {
            self.types(profile, node, value, at);
        }
        if let Some(json) = value.value {
            if let Some(fixed) = node.fixed.as_ref().filter(|fixed| !is_exactly(json, fixed.root())) {
                let words = format!(
                    "The value is not what is fixed: {} (from {})",
                    String::from_utf8_lossy(fixed.bytes()),
                    canonical()
                );
                self.error(IssueCode::Value, at, words);
            }
            if let Some(pattern) = node.pattern.as_ref().filter(|pattern| !contains(json, pattern.root())) {
                let words = format!(
                    "The value does not contain the pattern {} (from {})",
                    String::from_utf8_lossy(pattern.bytes()),
                    canonical()
                );
                self.error(IssueCode::Value, at, words);
            }
            let length = || json.as_str().map_or(0, |text| text.chars().count());
            if let Some(most) = node.element.max_length.filter(|most| length() > *most as usize) {
                self.error(
                    IssueCode::TooLong,
                    at,
                    format!("The value has more than {most} characters (from {})", canonical()),
                );
            }
        }
        self.binding(profile, node, value, at);
        for demand in &node.constraints {
            if demand.constraint.is_error || self.wanted == Wanted::All {
                self.ask(profile, demand, value, at);
            }
        }
        for bound in &node.bounds {
            self.bound(profile, bound, value, at);
        }
    }

    fn ask(&mut self, profile: &CompiledProfile, demand: &'w Demand, value: Element<'w>, at: &Place<'_>) {
        let key = &demand.constraint.key;
        let surroundings = ProfileSurroundings::new(self, profile.package);
        let context = PathContext { surroundings: &surroundings, ..*self.context };
        let answer = match &demand.path {
            Ok(path) => path.holds(value, &context),
            Err(error) => Err(error.clone()),
        };
        let severity = if demand.constraint.is_error { Severity::Error } else { Severity::Warning };
        match answer {
            Ok(Some(true) | None) => {}
            Ok(Some(false)) if surroundings.is_unsure() => {
                let words = format!("Constraint {key} cannot be decided: not all vocabulary is known here");
                self.report(Severity::Warning, IssueCode::NotFound, at, words);
            }
            Ok(Some(false)) => {
                let words = format!("Constraint failed: {key}: '{}'", demand.constraint.human);
                self.report(severity, IssueCode::Invariant, at, words);
            }
            Err(error @ PathError::Limit { .. }) => {
                self.error(IssueCode::TooCostly, at, format!("Constraint {key} cannot be checked: {error}"));
            }
            Err(_) if self.wanted == Wanted::Errors => {}
            Err(error) => {
                let words = format!("Constraint {key} cannot be checked: {error}");
                self.report(Severity::Warning, IssueCode::Processing, at, words);
            }
        }
    }

    /// The types that a value may have, and what narrows the one that it has.
    fn types(&mut self, profile: &'w CompiledProfile, node: &'w Node, value: Element<'w>, at: &Place<'_>) {
        let Some(rule) = node.types().iter().find(|rule| value.of.is(&rule.code) || is_backbone(rule, value))
        else {
            let allowed: Vec<&str> = node.types().iter().map(|rule| &*rule.code).collect();
            let words = format!(
                "The type {} is not allowed here: {} (from {})",
                value.of.name,
                allowed.join(", "),
                profile.canonical()
            );
            return self.error(IssueCode::Structure, at, words);
        };
        if value.of.name == "Reference" && !rule.targets.is_empty() {
            self.target(profile, rule, value, at);
        }
        let narrowing: Vec<&'w Arc<str>> =
            rule.profiles.iter().filter(|url| url.strip_prefix(STANDARD) != Some(value.of.name)).collect();
        if !narrowing.is_empty() {
            self.narrowed(profile, &narrowing, value, at);
        }
    }

    /// The profiles of which a value must meet one.
    fn narrowed(
        &mut self,
        profile: &'w CompiledProfile,
        canonicals: &[&'w Arc<str>],
        value: Element<'w>,
        at: &Place<'_>,
    ) {
        if let Some(value) = value.value.filter(|_| value.of.name == "Extension") {
            self.judged.push(value.span().start);
        }
        let mut best: Option<Vec<Issue>> = None;
        for canonical in canonicals {
            let Some(found) = self.profiles.get(canonical, profile.package) else {
                best.get_or_insert_with(|| vec![unknown(profile, canonical, value, at)]);
                continue;
            };
            let issues = self.apart(found, value, at);
            let errors = |issues: &[Issue]| issues.iter().filter(|one| is_error(one)).count();
            if best.as_ref().is_none_or(|best| errors(&issues) < errors(best)) {
                best = Some(issues);
            }
        }
        self.issues.extend(best.unwrap_or_default());
    }

    /// What a profile that another leads to finds wrong with a value, apart from what was found so far.
    pub(super) fn apart(
        &mut self,
        profile: &'w CompiledProfile,
        value: Element<'w>,
        at: &Place<'_>,
    ) -> Vec<Issue> {
        let outside = std::mem::take(&mut self.issues);
        if self.depth == PROFILE_DEPTH_MAX {
            let words =
                format!("Profiles lead further than the limit PROFILE_DEPTH_MAX of {PROFILE_DEPTH_MAX}");
            self.error(IssueCode::TooCostly, at, words);
        } else {
            self.depth += 1;
            self.judge(profile, 0, value, at);
            self.depth -= 1;
        }
        std::mem::replace(&mut self.issues, outside)
    }
}

/// A profile that another names is not known. Extensions that nobody knows are allowed wherever others are, so their
/// values are not held against anybody.
fn unknown(profile: &CompiledProfile, canonical: &str, value: Element<'_>, at: &Place<'_>) -> Issue {
    let words = format!("The profile {canonical} is not known (from {})", profile.canonical());
    let is_extension = value.of.name == "Extension";
    let severity = if is_extension { Severity::Warning } else { Severity::Error };
    Issue { severity, ..Issue::error(IssueCode::NotFound, words) }.at(at.expression())
}

/// Whether an issue is an error or worse.
pub(super) fn is_error(issue: &Issue) -> bool {
    issue.severity <= Severity::Error
}

/// Whether a rule of an anonymous type means the value's own.
fn is_backbone(rule: &TypeRule, value: Element<'_>) -> bool {
    value.of.kind == TypeKind::Backbone && matches!(&*rule.code, "BackboneElement" | "Element")
}
