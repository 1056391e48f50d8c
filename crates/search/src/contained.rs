//! Contained resources, judged like resources of their own (`_contained`, R4 search §3.1.1.5.5).
//!
//! A contained resource belongs to its container: who may see the one may see the other, it was last written when
//! its container was, and it is in the compartments that its container is in. Its id is the one within the container.

use fhir::{ResourceKey, ResourceType};

use crate::filter::{Graph, Row, Within};
use crate::value::{Target, Value};
use crate::{Entries, Extractor, Filter, ParamId, SystemTest, Test};

/// What is asked of the resources that one contains.
#[derive(Clone, PartialEq, Debug)]
pub struct Containment {
    /// The types that count, each with what it must pass.
    pub types: Vec<(ResourceType, Filter)>,
    /// Only those that the container refers to by this parameter (`#id`), for chains.
    pub by: Option<ParamId>,
    /// By what they are extracted.
    pub extractor: Extractor,
}

/// One contained resource.
#[derive(Clone, Debug)]
pub struct Contained {
    /// Which one of its container's, counted from zero.
    pub at: usize,
    /// Its type, and its id within the container.
    pub key: ResourceKey,
    /// What an index would know of it.
    pub entries: Entries,
    /// Its text as it stands there.
    pub body: Box<[u8]>,
}

/// What of each match is shown, where contained resources are asked for themselves.
#[derive(Clone, PartialEq, Debug)]
pub struct SelectedContents {
    /// Which contained resources are.
    pub contained: Containment,
    /// Which matches are themselves; of types that do not stand here none.
    pub whole: Vec<(ResourceType, Filter)>,
}

impl Contained {
    /// It as a filter sees it, in its container `at` with this body.
    pub fn row<'a>(&'a self, at: Row<'a>, container: &'a [u8]) -> Row<'a> {
        let Contained { key, entries, body, .. } = self;
        Row { key, updated: at.updated, entries, within: Some(Within { body, container }) }
    }
}

impl Containment {
    /// What a resource passes that contains such resources: by a fact of the index, and of them the bodies.
    pub fn filter(self) -> Filter {
        let names = self.types.iter().map(|(of, _)| {
            let code = Some(of.name().into());
            Filter::Has(ParamId::CONTAINED, Test::Token { system: SystemTest::Any, code })
        });
        let mut names: Vec<Filter> = names.collect();
        let holds_some = match names.len() {
            0 => return Filter::Nothing,
            1 => names.remove(0),
            many if many == ResourceType::all().count() => Filter::Has(ParamId::CONTAINED, Test::Any),
            _ => Filter::Or(names),
        };
        let all_pass =
            self.by.is_none() && self.types.iter().all(|(_, filter)| *filter == Filter::Everything);
        if all_pass { holds_some } else { holds_some.and(Filter::Contains(Box::new(self))) }
    }

    /// The same for what is contained itself, of whose neighbours no index tells.
    pub fn filter_within(self) -> Filter {
        Filter::Contains(Box::new(self))
    }

    /// The contained resources in this body, of the types that count, that `at` refers to as it must.
    pub fn candidates(&self, at: Row<'_>, body: &[u8]) -> Vec<Contained> {
        let mut found = self.extractor.contained(body, |of| self.types.iter().any(|(one, _)| *one == of));
        if let Some(by) = self.by {
            found.retain(|one| at.entries.of(by).any(|value| names(&value, one.key.id.as_str())));
        }
        found
    }

    /// Whether a resource with this body contains one that passes. Slow, obvious, and what every backend must
    /// agree with.
    pub(crate) fn is_in(&self, at: Row<'_>, body: &[u8], graph: &dyn Graph) -> bool {
        !self.passing(at, body, graph).is_empty()
    }

    /// Which of the contained resources in this body pass, counted from zero.
    pub fn passing(&self, at: Row<'_>, body: &[u8], graph: &dyn Graph) -> Vec<usize> {
        let passes = |one: &Contained| {
            let row = one.row(at, body);
            self.types.iter().any(|(of, filter)| *of == one.key.of && filter.matches(row, graph))
        };
        self.candidates(at, body).iter().filter(|one| passes(one)).map(|one| one.at).collect()
    }
}

/// Whether a value is a reference to the contained resource of this id.
fn names(value: &Value<'_>, id: &str) -> bool {
    matches!(value, Value::Reference(Target::Url(url)) if url.strip_prefix('#') == Some(id))
}
