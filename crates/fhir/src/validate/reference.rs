//! Literal references: their form, the types they may be to, and that what is contained is there.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use super::bundle::EntryTypes;
use super::path::At;
use super::plan::Rule;
use super::report::Report;
use crate::document::Json;
use crate::{IssueCode, Reference, ResourceType, Symbol};

/// Contained resources up to which each reference looks through them; beyond, their ids are gathered once, so
/// that many of both stay cheap and few need no memory.
const LOOKED_THROUGH_MAX: usize = 16;

static REFERENCE: LazyLock<Symbol> =
    LazyLock::new(|| Symbol::of("reference").expect("the list of names has reference"));
static TYPE: LazyLock<Symbol> = LazyLock::new(|| Symbol::of("type").expect("the list of names has type"));

/// The resource that holds what `#` refers to.
pub(super) struct Container<'a> {
    resource: Json<'a>,
    /// The ids of what it contains, once they were needed.
    ids: Option<HashSet<Cow<'a, str>>>,
}

/// Checks the literal reference of a Reference inside the resource `container`; `entries` are those of the Bundle.
pub(super) fn check(
    report: &mut Report,
    at: &At<'_>,
    rule: &Rule,
    value: Json<'_>,
    container: &mut Container<'_>,
    entries: &mut EntryTypes<'_>,
) {
    let Some(text) = value.member(*REFERENCE).and_then(Json::as_str) else { return };
    let reference = Reference::parse(&text);
    match reference {
        Reference::Malformed(_) => {
            report.add(IssueCode::Value, at, "The reference has none of the forms of a literal reference");
        }
        Reference::Contained(id) if !id.is_empty() && !container.contains(id) => {
            report.add(IssueCode::NotFound, at, "The reference is to a contained resource that is not there");
        }
        _ => {}
    }
    let of = match reference {
        Reference::Urn(urn) => entries.of(urn),
        _ => reference.of(),
    };
    let Some(of) = of else { return };
    if !rule.targets.allow(of) {
        let name = rule.symbol.name();
        report.add(IssueCode::Structure, at, format!("The property {name} may not refer to a {of}"));
    }
    let told = value.member(*TYPE).and_then(Json::as_str);
    if told.is_some_and(|told| ResourceType::parse(&told).is_some_and(|told| told != of)) {
        report.add(IssueCode::Structure, at, format!("The type of the reference is not {of}"));
    }
}

impl<'a> Container<'a> {
    pub(super) fn new(resource: Json<'a>) -> Self {
        Container { resource, ids: None }
    }

    fn contains(&mut self, id: &str) -> bool {
        let contained = self.resource.get("contained");
        let mut ids = contained.into_iter().flat_map(Json::items).filter_map(|one| one.get("id")?.as_str());
        if contained.is_none_or(|all| all.len() <= LOOKED_THROUGH_MAX) {
            return ids.any(|found| *found == *id);
        }
        self.ids.get_or_insert_with(|| ids.collect()).contains(id)
    }
}
