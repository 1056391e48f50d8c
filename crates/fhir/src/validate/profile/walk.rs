//! The walk over a resource by the tree of a profile.

use std::sync::Arc;

use super::PROFILE_DEPTH_MAX;
use super::compile::{CompiledProfile, Demand, Node, STANDARD};
use super::rule::{contains, is_exactly};
use super::set::ProfileSet;
use crate::definitions::TypeKind;
use crate::profile::{BindingStrength, SlicingRules, TypeRule};
use crate::{
    Element, Issue, IssueCode, Json, Kind, NoSurroundings, PathContext, PathError, Reference, Resource,
    Severity, Time,
};

/// What judging by profiles asks about codes.
pub trait Bindings: Sync {
    /// Whether a value set has a code; nothing if that cannot be known. The value set is asked for from a package.
    fn member_of(&self, system: Option<&str>, code: &str, value_set: &str, from: Option<u32>)
    -> Option<bool>;
}

/// What the profiles asked for first find wrong with a resource, beyond what is wrong with it as a resource of its type.
#[must_use]
pub fn review_profiles(
    resource: &Resource,
    profiles: &ProfileSet,
    bindings: &dyn Bindings,
    now: Time,
) -> Vec<Issue> {
    let root = Element::resource(resource);
    let context = PathContext { resource: root, root, now, variables: &[], surroundings: &NoSurroundings };
    let mut walk = ProfileWalk { profiles, bindings, context: &context, issues: Vec::new(), depth: 0 };
    for profile in profiles.roots() {
        walk.resource(profile, root);
    }
    walk.issues
}

/// Where the walk stands, written out only when there is something to report.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    name: &'p str,
    /// Of a choice, the type that it has.
    of: Option<&'static str>,
    index: Option<usize>,
}

impl<'p> Place<'p> {
    pub(super) fn root(name: &'p str) -> Place<'p> {
        Place { parent: None, name, of: None, index: None }
    }

    fn expression(&self) -> String {
        let mut text = self.parent.map(|parent| parent.expression() + ".").unwrap_or_default();
        text.push_str(self.name);
        if let Some(of) = self.of {
            text.push_str(&format!(".ofType({of})"));
        }
        if let Some(index) = self.index {
            text.push_str(&format!("[{index}]"));
        }
        text
    }
}

/// A value of an element, with its number among all of them.
pub(super) type Numbered<'a> = (Option<usize>, Element<'a>);

pub(super) struct ProfileWalk<'w> {
    pub(super) profiles: &'w ProfileSet,
    pub(super) bindings: &'w dyn Bindings,
    pub(super) context: &'w PathContext<'w>,
    pub(super) issues: Vec<Issue>,
    depth: usize,
}

impl<'w> ProfileWalk<'w> {
    fn report(&mut self, severity: Severity, code: IssueCode, at: String, words: String) {
        if self.issues.len() < crate::ISSUES_MAX {
            self.issues.push(Issue { severity, ..Issue::error(code, words) }.at(at));
        }
    }

    fn error(&mut self, code: IssueCode, at: &Place<'_>, words: String) {
        self.report(Severity::Error, code, at.expression(), words);
    }

    /// Judges a resource by a profile and by those that it imposes.
    fn resource(&mut self, profile: &'w CompiledProfile, root: Element<'w>) {
        if !root.of.is(&profile.definition.of) {
            let words = format!("The profile {} is of {}.", profile.canonical(), profile.definition.of);
            return self.error(IssueCode::Structure, &Place::root(root.of.name), words);
        }
        self.judge(profile, 0, root, &Place::root(root.of.name));
        let imposed: Vec<_> = profile.definition.imposed.iter().collect();
        if !imposed.is_empty() {
            for canonical in imposed {
                self.narrowed(profile, &[canonical], root, &Place::root(root.of.name));
            }
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
        let node = profile.node(number);
        self.value(profile, node, value, at);
        let below = match &node.element.content_reference {
            Some(other) if node.children.is_empty() => {
                let id = other.rsplit('#').next().unwrap_or(other);
                profile.nodes.iter().find(|node| *node.element.id == *id).unwrap_or(node)
            }
            _ => node,
        };
        for child in &below.children {
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
        let slicing = node.slicing();
        for (index, value) in values {
            let found = node.slices.iter().position(|slice| self.is_of_slice(profile, node, *slice, *value));
            let place = Place { parent: Some(at), name: &node.name, of: None, index: *index };
            match found {
                Some(slice) => {
                    if slicing.is_some_and(|slicing| slicing.is_ordered) && slice < last {
                        let name =
                            profile.node(node.slices[slice]).element.slice_name.as_deref().unwrap_or("?");
                        let words =
                            format!("The slice {name} is out of order (from {})", profile.canonical());
                        self.error(IssueCode::Structure, &place, words);
                    }
                    if has_rest && slicing.is_some_and(|slicing| slicing.rules == SlicingRules::OpenAtEnd) {
                        let words = format!(
                            "A slice stands behind what belongs to none (from {})",
                            profile.canonical()
                        );
                        self.error(IssueCode::Structure, &place, words);
                    }
                    last = slice;
                    groups[slice].push((*index, *value));
                }
                None => {
                    has_rest = true;
                    if slicing.is_some_and(|slicing| slicing.rules == SlicingRules::Closed) {
                        let words = format!(
                            "This element does not match any known slice of {} (from {})",
                            node.element.id,
                            profile.canonical()
                        );
                        self.error(IssueCode::Structure, &place, words);
                    }
                }
            }
        }
        for (slice, group) in node.slices.iter().zip(&groups) {
            self.values(profile, *slice, group, holder, at);
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
            self.ask(demand, value, at);
        }
    }

    fn ask(&mut self, demand: &'w Demand, value: Element<'w>, at: &Place<'_>) {
        let key = &demand.constraint.key;
        let answer = match &demand.path {
            Ok(path) => path.holds(value, self.context),
            Err(error) => Err(error.clone()),
        };
        let severity = if demand.constraint.is_error { Severity::Error } else { Severity::Warning };
        match answer {
            Ok(Some(true) | None) => {}
            Ok(Some(false)) => {
                let words = format!("Constraint failed: {key}: '{}'", demand.constraint.human);
                self.report(severity, IssueCode::Invariant, at.expression(), words);
            }
            Err(error @ PathError::Limit { .. }) => {
                self.error(IssueCode::TooCostly, at, format!("Constraint {key} cannot be checked: {error}"));
            }
            Err(error) => {
                let words = format!("Constraint {key} cannot be checked: {error}");
                self.report(Severity::Warning, IssueCode::Processing, at.expression(), words);
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
        let mut best: Option<Vec<Issue>> = None;
        for canonical in canonicals {
            let Some(found) = self.profiles.get(canonical, profile.package) else {
                let words = format!("The profile {canonical} is not known (from {})", profile.canonical());
                best.get_or_insert_with(|| {
                    vec![Issue::error(IssueCode::NotFound, words).at(at.expression())]
                });
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

    /// The types of resources that a reference may lead to.
    fn target(
        &mut self,
        profile: &'w CompiledProfile,
        rule: &'w TypeRule,
        value: Element<'_>,
        at: &Place<'_>,
    ) {
        let text = value.value.and_then(|value| value.get("reference")).and_then(Json::as_str);
        let Some(of) = text.as_deref().and_then(|text| Reference::parse(text).of()) else { return };
        let definition = crate::definitions().resource(of);
        let allows = |canonical: &Arc<str>| match canonical.strip_prefix(STANDARD) {
            Some(name) if crate::definitions().type_named(name).is_some() => definition.is(name),
            // Nobody can say what an unknown profile is of.
            _ => self
                .profiles
                .get(canonical, profile.package)
                .is_none_or(|found| definition.is(&found.definition.of)),
        };
        if !rule.targets.iter().any(allows) {
            let words = format!("The reference may not lead to a {of} (from {})", profile.canonical());
            self.error(IssueCode::Structure, at, words);
        }
    }

    fn binding(&mut self, profile: &'w CompiledProfile, node: &'w Node, value: Element<'_>, at: &Place<'_>) {
        let Some(binding) = node.binding() else { return };
        let severity = match binding.strength {
            BindingStrength::Required => Severity::Error,
            BindingStrength::Extensible => Severity::Warning,
            BindingStrength::Preferred | BindingStrength::Example => return,
        };
        let Some(value_set) = binding.value_set.as_deref() else { return };
        let base = value.definition.and_then(|definition| definition.binding());
        let url = value_set.split('|').next().unwrap_or(value_set);
        if base.is_some_and(|base| base.url == url) {
            return;
        }
        let codes = codes(value);
        if codes.is_empty() {
            return;
        }
        let mut is_known = true;
        for (system, code) in &codes {
            match self.bindings.member_of(system.as_deref(), code, value_set, profile.package) {
                Some(true) => return,
                Some(false) => {}
                None => is_known = false,
            }
        }
        if is_known {
            let words =
                format!("None of the codes is in the value set {value_set} (from {})", profile.canonical());
            self.report(severity, IssueCode::CodeInvalid, at.expression(), words);
        }
    }
}

/// Whether an issue is an error or worse.
pub(super) fn is_error(issue: &Issue) -> bool {
    issue.severity <= Severity::Error
}

/// Whether a rule of an anonymous type means the value's own.
fn is_backbone(rule: &TypeRule, value: Element<'_>) -> bool {
    value.of.kind == TypeKind::Backbone && matches!(&*rule.code, "BackboneElement" | "Element")
}

/// The codes of a value, each with its system if it has one.
pub(super) fn codes(value: Element<'_>) -> Vec<(Option<String>, String)> {
    let Some(json) = value.value else { return Vec::new() };
    let text = |json: Json<'_>, name| json.get(name).and_then(Json::as_str).map(std::borrow::Cow::into_owned);
    let coding = |json: Json<'_>| Some((text(json, "system"), text(json, "code")?));
    match value.of.name {
        "CodeableConcept" => {
            json.get("coding").into_iter().flat_map(Json::items).filter_map(coding).collect()
        }
        _ if json.kind() == Kind::Object => coding(json).into_iter().collect(),
        _ => {
            let Some(code) = json.as_str() else { return Vec::new() };
            let bound = value.definition.and_then(|definition| definition.binding());
            let system = bound.and_then(|set| set.system_of(&code)).map(str::to_owned);
            vec![(system, code.into_owned())]
        }
    }
}
