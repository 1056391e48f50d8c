//! What holds between the entries of a Bundle, beyond its invariants (R4 Bundle, section 2.36.4; documents, 2.42.1).

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

use super::path::At;
use super::plan::Rule;
use super::report::Report;
use crate::document::{Json, Kind};
use crate::{Element, IssueCode, Reference, ResourceType};

/// What a document's Composition refers to and must be in the document, as paths of elements.
const OF_COMPOSITION: [&str; 7] =
    ["subject", "encounter", "author", "attester.party", "custodian", "event.detail", "section"];
/// The same of its sections, which may have sections.
const OF_SECTION: [&str; 4] = ["author", "focus", "entry", "section"];
/// What a message's header is about.
const OF_MESSAGE_HEADER: [&str; 2] = ["focus", "response.details"];

/// The links of pages, each of which is there once (R4 search, section 3.1.1.5.6).
const PAGE_LINKS: [&str; 5] = ["self", "first", "previous", "next", "last"];

/// Up to how many entries of one fullUrl a reference's version is looked for; among more it is taken to be there.
const VERSIONS_LOOKED_THROUGH_MAX: usize = 16;

/// The types of a Bundle's resources, found by fullUrl once they are needed.
#[derive(Default)]
pub(super) struct EntryTypes<'a> {
    bundle: Option<Json<'a>>,
    types: Option<HashMap<Cow<'a, str>, ResourceType>>,
}

impl<'a> EntryTypes<'a> {
    /// Those of this Bundle.
    pub(super) fn new(bundle: Json<'a>) -> EntryTypes<'a> {
        EntryTypes { bundle: Some(bundle), types: None }
    }

    /// The type of the resource with this fullUrl.
    pub(super) fn of(&mut self, full_url: &str) -> Option<ResourceType> {
        let bundle = self.bundle?;
        let types = self.types.get_or_insert_with(|| {
            let entries =
                entries(bundle).filter_map(|entry| Some((text(entry, "fullUrl")?, type_of(entry)?)));
            entries.collect()
        });
        types.get(full_url).copied()
    }
}

/// Checks a Bundle; `entry` is the rule of its entries.
pub(super) fn check(report: &mut Report, at: &At<'_>, entry: &'static Rule, bundle: Json<'_>) {
    let kind = text(bundle, "type").unwrap_or_default();
    let at_entries = at.element(entry);
    for (number, entry) in entries(bundle).enumerate() {
        check_full_url(report, &at_entries.item(number), &kind, entry);
    }
    if kind == "searchset" {
        check_search(report, at, &at_entries, bundle);
    }
    let root = match &*kind {
        "document" => "Composition",
        "message" => "MessageHeader",
        _ => return,
    };
    let all = Entries::new(bundle);
    let at = at_entries.item(0);
    let resource = entries(bundle).next().and_then(|entry| entry.get("resource"));
    let Some(first) = resource.filter(|first| text(*first, "resourceType").is_some_and(|of| of == root))
    else {
        return;
    };
    let paths: &[&str] = if root == "Composition" { &OF_COMPOSITION } else { &OF_MESSAGE_HEADER };
    all.check_references(report, &at, root, first, paths);
    if root == "Composition" {
        all.check_reachable(report, &at_entries);
    }
}

fn check_full_url(report: &mut Report, at: &At<'_>, kind: &str, entry: Json<'_>) {
    let Some(resource) = entry.get("resource") else { return };
    let id = text(resource, "id");
    let is_identified = matches!(kind, "document" | "message" | "searchset" | "collection" | "history");
    let Some(full_url) = text(entry, "fullUrl") else {
        // What an operation or a search says by the way is identified by nothing.
        let is_outcome = text(resource, "resourceType").is_some_and(|of| of == "OperationOutcome");
        if is_identified && id.is_some() && !is_outcome {
            report.add(IssueCode::Required, at, "An entry with an identified resource must have a fullUrl");
        }
        return;
    };
    if !has_scheme(&full_url) {
        return report.add(IssueCode::Value, at, "The fullUrl must be an absolute URL");
    }
    if let Reference::Absolute { of, id: named, .. } = Reference::parse(&full_url) {
        let is_same = id.as_deref().map_or(!is_identified, |id| id == named)
            && text(resource, "resourceType").is_some_and(|name| name == of.name());
        if !is_same {
            report.add(IssueCode::Value, at, "The fullUrl must end with the resource's type and id");
        }
    }
}

/// Checks the links and the outcomes of a search's answer.
fn check_search(report: &mut Report, at: &At<'_>, at_entries: &At<'_>, bundle: Json<'_>) {
    let links = || bundle.get("link").into_iter().flat_map(Json::items);
    for relation in PAGE_LINKS {
        let count = links().filter(|link| text(*link, "relation").is_some_and(|of| of == relation)).count();
        if count > 1 {
            let words = format!("The link {relation} can be there only once");
            report.add(IssueCode::Structure, at, words);
        }
    }
    for (number, entry) in entries(bundle).enumerate() {
        let mode = entry.get("search").and_then(|search| text(search, "mode"));
        let Some(resource) = entry.get("resource").filter(|_| mode.is_some()) else { continue };
        let is_outcome = text(resource, "resourceType").is_some_and(|of| of == "OperationOutcome");
        if is_outcome != mode.is_some_and(|mode| mode == "outcome") {
            let words = "An OperationOutcome, and nothing else, is in an answer as outcome";
            report.add(IssueCode::Structure, &at_entries.item(number), words);
        }
    }
}

/// The entries of a document or message, by what they are referred to as.
struct Entries<'a> {
    all: Vec<Json<'a>>,
    by_url: HashMap<Cow<'a, str>, Vec<usize>>,
    by_key: HashMap<String, Vec<usize>>,
}

impl<'a> Entries<'a> {
    fn new(bundle: Json<'a>) -> Entries<'a> {
        let all: Vec<Json<'a>> = entries(bundle).collect();
        let (mut by_url, mut by_key): (HashMap<_, Vec<usize>>, HashMap<_, Vec<usize>>) = Default::default();
        for (number, entry) in all.iter().enumerate() {
            if let Some(url) = text(*entry, "fullUrl") {
                by_url.entry(url).or_default().push(number);
            }
            let id = entry.get("resource").and_then(|resource| text(resource, "id"));
            if let (Some(of), Some(id)) = (type_of(*entry), id) {
                by_key.entry(format!("{of}/{id}")).or_default().push(number);
            }
        }
        Entries { all, by_url, by_key }
    }

    /// The entries that a reference in the entry `from` leads to (R4 Bundle, section 2.36.4.1). One that cannot lead
    /// into a Bundle leads to nothing, and nobody demands that it does.
    fn found(&self, from: usize, reference: &str) -> &[usize] {
        let (plain, version) = match reference.split_once("/_history/") {
            Some((plain, version)) => (plain, Some(version)),
            None => (reference, None),
        };
        let found = match Reference::parse(plain) {
            Reference::Relative { .. } => {
                let holder = text(self.all[from], "fullUrl").unwrap_or_default();
                match Reference::parse(&holder) {
                    Reference::Absolute { base, .. } => self.by_url.get(&*format!("{base}/{plain}")),
                    // Beside a urn a type and an id are all there is to go by.
                    _ => self.by_key.get(plain),
                }
            }
            _ => self.by_url.get(plain),
        };
        let found = found.map_or(&[][..], Vec::as_slice);
        let is_version = |entry: &usize| {
            let meta = self.all[*entry].get("resource").and_then(|resource| resource.get("meta"));
            meta.and_then(|meta| text(meta, "versionId")).is_none_or(|of| Some(&*of) == version)
        };
        let is_elsewhere =
            version.is_some() && found.len() <= VERSIONS_LOOKED_THROUGH_MAX && !found.iter().any(is_version);
        if is_elsewhere { &[] } else { found }
    }

    /// Checks that what stands at `paths` below a value refers to what is in the Bundle.
    fn check_references(&self, report: &mut Report, at: &At<'_>, of: &str, value: Json<'a>, paths: &[&str]) {
        for path in paths {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            for value in each(value.get(name)) {
                if !rest.is_empty() {
                    self.check_references(report, at, &format!("{of}.{name}"), value, &[rest]);
                } else if *path == "section" {
                    self.check_references(report, at, &format!("{of}.section"), value, &OF_SECTION);
                } else if let Some(reference) = text(value, "reference")
                    && leads_out(&reference)
                    && self.found(0, &reference).is_empty()
                {
                    let words = format!("{of}.{name} refers to a resource that is not in the Bundle");
                    report.add(IssueCode::NotFound, at, words);
                }
            }
        }
    }

    /// Checks that every entry of a document can be reached from the first by references, forward or backward.
    fn check_reachable(&self, report: &mut Report, at_entries: &At<'_>) {
        let mut neighbours = vec![Vec::new(); self.all.len()];
        let mut link = |one: usize, other: usize| {
            neighbours[one].push(other);
            neighbours[other].push(one);
        };
        // Versions of one resource are reached together.
        for same in self.by_url.values().chain(self.by_key.values()) {
            same.windows(2).for_each(|pair| link(pair[0], pair[1]));
        }
        for (number, entry) in self.all.iter().enumerate() {
            let Some((resource, of)) = entry.get("resource").zip(type_of(*entry)) else { continue };
            let of = crate::definitions().resource(of);
            each_reference(Element::new(resource, of), &mut |reference| {
                if let Some(found) = self.found(number, &reference).first() {
                    link(number, *found);
                }
            });
        }
        let mut is_reached = vec![false; self.all.len()];
        let mut next = vec![0];
        while let Some(number) = next.pop() {
            if !std::mem::replace(&mut is_reached[number], true) {
                next.append(&mut neighbours[number]);
            }
        }
        for number in (0..self.all.len()).filter(|number| !is_reached[*number]) {
            let words = "The entry cannot be reached from the document's Composition";
            report.add(IssueCode::Structure, &at_entries.item(number), words);
        }
    }
}

/// Whether a reference leads out of the resource it stands in, and to one resource.
fn leads_out(reference: &str) -> bool {
    !matches!(
        Reference::parse(reference),
        Reference::Contained(_) | Reference::Conditional { .. } | Reference::Malformed(_)
    )
}

/// Calls `take` with each literal reference and address below an element. A document is not deep, so this ends.
fn each_reference<'a>(element: Element<'a>, take: &mut dyn FnMut(Cow<'a, str>)) {
    let _ = element.each_child::<Infallible>(&mut |child| {
        let text = match child.of.name {
            "Reference" => child.value.and_then(|value| text(value, "reference")),
            "canonical" | "uri" | "url" => child.value.and_then(Json::as_str),
            _ => None,
        };
        text.into_iter().for_each(&mut *take);
        each_reference(child, take);
        Ok(ControlFlow::Continue(()))
    });
}

fn entries(bundle: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    bundle.get("entry").into_iter().flat_map(Json::items)
}

fn type_of(entry: Json<'_>) -> Option<ResourceType> {
    ResourceType::parse(&text(entry.get("resource")?, "resourceType")?)
}

fn text<'a>(value: Json<'a>, name: &str) -> Option<Cow<'a, str>> {
    value.get(name).and_then(Json::as_str)
}

/// The values of a member: one, or those of an array.
fn each<'a>(value: Option<Json<'a>>) -> impl Iterator<Item = Json<'a>> {
    let many = value.filter(|value| value.kind() == Kind::Array);
    let one = value.filter(|value| value.kind() != Kind::Array);
    many.into_iter().flat_map(Json::items).chain(one)
}

/// Whether a URL is absolute: it begins with a scheme.
pub(super) fn has_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}
