//! Extensions, each judged by its own definition, and whether it may stand where it does (R4 extensibility, section
//! 2.4.0.2, and StructureDefinition, `context`).

use std::collections::HashSet;

use super::compile::{CompiledProfile, Context};
use super::guides::Guides;
use super::place::Place;
use super::walk::{Bindings, ProfileWalk, Wanted};
use crate::definitions::TypeDefinition;
use crate::path::Flow;
use crate::{Element, Issue, IssueCode, Json, PathContext, ProfileSetError, Severity, Value};

const MORE: Result<Flow, std::convert::Infallible> = Ok(Flow::Continue(()));

/// Extensions that R4's own definitions use in more places than R4 says, with those.
const WIDER_CONTEXTS: [(&str, &str); 2] = [
    ("http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type", "ElementDefinition.type"),
    ("http://hl7.org/fhir/StructureDefinition/regex", "ElementDefinition.type"),
];

/// What looking through a resource for extensions knows.
pub(super) struct Extensions<'w> {
    pub(super) guides: &'w Guides,
    pub(super) bindings: &'w dyn Bindings,
    pub(super) context: &'w PathContext<'w>,
    pub(super) wanted: Wanted,
    /// The packages of the profiles that the resource claims: their extensions are meant first.
    pub(super) from: &'w [u32],
    /// Where those begin that profiles have judged already.
    pub(super) judged: &'w HashSet<usize>,
    pub(super) issues: &'w mut Vec<Issue>,
}

/// An element with what it stands in.
struct Holder<'h, 'w> {
    element: Element<'w>,
    parent: Option<&'h Holder<'h, 'w>>,
    place: Place<'h>,
}

impl<'w> Extensions<'w> {
    /// Judges all extensions of a resource, but for those of resources in it.
    pub(super) fn judge(&mut self, root: Element<'w>, place: Place<'_>) {
        self.below(&Holder { element: root, parent: None, place });
    }

    fn below(&mut self, holder: &Holder<'_, 'w>) {
        let mut last: Option<(&str, &str, usize)> = None;
        let _ = holder.element.each_child(&mut |child| {
            if self.is_full() {
                return Ok(Flow::Break(()));
            }
            let Some(definition) = child.definition.filter(|_| !child.is_resource()) else { return MORE };
            let number = match last {
                Some((name, of, number)) if (name, of) == (definition.name, child.of.name) => number + 1,
                _ => 0,
            };
            last = Some((definition.name, child.of.name, number));
            let place = Place {
                parent: Some(&holder.place),
                name: definition.name,
                of: definition.is_choice.then_some(child.of.name),
                index: definition.is_array().then_some(number),
            };
            let child = Holder { element: child, parent: Some(holder), place };
            if child.element.of.name == "Extension" {
                self.extension(&child, holder, definition.name == "modifierExtension");
            }
            self.below(&child);
            MORE
        });
    }

    fn is_full(&self) -> bool {
        self.issues.len() >= crate::ISSUES_MAX
    }

    fn extension(&mut self, extension: &Holder<'_, 'w>, holder: &Holder<'_, 'w>, is_modifier: bool) {
        let url = extension.element.value.and_then(|value| value.get("url")).and_then(Json::as_str);
        let Some(url) = url else { return };
        let at = &extension.place;
        if !url.contains(':') {
            // The parts of an extension have names instead, and its definition judges them.
            if holder.element.of.name != "Extension" {
                self.error(at, IssueCode::Value, "The URL of an extension must be absolute".to_owned());
            }
            return;
        }
        let found = self.from.iter().find_map(|from| self.guides.profile(&url, Some(*from)).ok());
        let found = found.map_or_else(|| self.guides.profile(&url, None), Ok);
        let set = match found {
            Ok(set) => set,
            Err(ProfileSetError::Unknown(_)) => {
                let words = "The extension is not known here".to_owned();
                return self.report(at, Severity::Information, IssueCode::Informational, words);
            }
            Err(error) => return self.error(at, IssueCode::NotFound, error.to_string()),
        };
        let Some(profile) = set.root() else { return };
        if *profile.definition.of != *"Extension" {
            let words = format!("{} does not define an extension", profile.canonical());
            return self.error(at, IssueCode::Value, words);
        }
        self.kind(profile, is_modifier, at);
        self.place(profile, extension, holder);
        let starts_at = extension.element.value.map_or(0, |value| value.span().start);
        if !self.judged.contains(&starts_at) {
            let mut walk = ProfileWalk::new(&set, self.guides, self.bindings, self.context, self.wanted);
            walk.resource(extension.element, at);
            self.issues.extend(walk.issues);
        }
    }

    fn kind(&mut self, profile: &CompiledProfile, is_modifier: bool, at: &Place<'_>) {
        let is_defined_so = profile.nodes[0].element.is_modifier == Some(true);
        if is_defined_so != is_modifier {
            let member = if is_defined_so { "modifierExtension" } else { "extension" };
            let words = format!("This extension belongs into {member} (from {})", profile.canonical());
            self.error(at, IssueCode::Structure, words);
        }
    }

    /// Whether the extension may stand in its holder.
    fn place(&mut self, profile: &CompiledProfile, extension: &Holder<'_, 'w>, holder: &Holder<'_, 'w>) {
        let fits = |context: &Context| match context {
            // Resources count as elements here.
            Context::Element(expression) => {
                let path = expression.rsplit('#').next().unwrap_or(expression);
                matches!(path, "*" | "Element") || is_at(path, holder)
            }
            Context::Extension(url) => is_extension(url, holder),
            Context::Path(path) => path.as_ref().map_or(true, |path| {
                let found = path.evaluate(self.context.resource, self.context);
                found.map_or(true, |found| found.iter().any(|one| is_same(one, holder.element)))
            }),
        };
        let wider = WIDER_CONTEXTS.iter().filter(|(url, _)| *url == &*profile.definition.url);
        let is_wider = wider.map(|(_, path)| path).any(|path| is_at(path, holder));
        if !profile.contexts.is_empty() && !is_wider && !profile.contexts.iter().any(fits) {
            let words = format!("The extension may not be used here (from {})", profile.canonical());
            self.error(&extension.place, IssueCode::Structure, words);
        }
        let variables = [("extension".to_owned(), vec![Value::Element(extension.element)])];
        let context = PathContext { variables: &variables, ..*self.context };
        let is_broken = profile
            .context_invariants
            .iter()
            .flatten()
            .any(|invariant| matches!(invariant.holds(holder.element, &context), Ok(Some(false))));
        if is_broken {
            let words =
                format!("What must hold where the extension is used does not (from {})", profile.canonical());
            self.error(&extension.place, IssueCode::Invariant, words);
        }
    }

    fn error(&mut self, at: &Place<'_>, code: IssueCode, words: String) {
        self.report(at, Severity::Error, code, words);
    }

    fn report(&mut self, at: &Place<'_>, severity: Severity, code: IssueCode, words: String) {
        self.issues.push(Issue { severity, ..Issue::error(code, words) }.at(at.expression()));
    }
}

/// Whether an element is what a path of elements names, by its type or by its place in what holds it.
fn is_at(path: &str, holder: &Holder<'_, '_>) -> bool {
    let lineage = std::iter::successors(Some(holder.element.of), |of: &&'static TypeDefinition| of.base());
    if lineage.map(|of| of.name).any(|name| name == path) {
        return true;
    }
    let (Some((head, name)), Some(parent), Some(definition)) =
        (path.rsplit_once('.'), holder.parent, holder.element.definition)
    else {
        return false;
    };
    let is_named = match name.strip_suffix("[x]") {
        Some(stem) => definition.is_choice && definition.name == stem,
        None => definition.name == name,
    };
    is_named && is_at(head, parent)
}

/// Whether an element is the extension of this URL, or of what stands before a `#`, its part of that name.
fn is_extension(url: &str, holder: &Holder<'_, '_>) -> bool {
    let own = holder.element.value.and_then(|value| value.get("url")).and_then(Json::as_str);
    if holder.element.of.name != "Extension" {
        return false;
    }
    match url.split_once('#') {
        Some((url, part)) => {
            own.as_deref() == Some(part) && holder.parent.is_some_and(|parent| is_extension(url, parent))
        }
        None => own.as_deref() == Some(url),
    }
}

/// Whether a value is this element and no other.
fn is_same(value: &Value<'_>, element: Element<'_>) -> bool {
    let place = |element: Element<'_>| {
        element.value.or(element.twin).map(|json| (json.span(), element.value.is_some()))
    };
    value.as_element().is_some_and(|found| place(found) == place(element))
}
