//! Which resources a search wants, and what that means: [`Filter::matches`] is the specification that
//! every backend is tested against.

use std::borrow::Cow;

use fhir::{Id, ResourceKey, ResourceType, Time};

use crate::value::{Target, Value};
use crate::{Containment, Entries, Hierarchy, ParamId, Prefix, Test, TextQuery, canonical_types, refers_to};

/// A condition on resources of one type.
#[derive(Clone, PartialEq, Debug)]
pub enum Filter {
    /// Every resource passes.
    Everything,
    /// None does.
    Nothing,
    /// All of these hold.
    And(Vec<Filter>),
    /// One of these holds.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// The id is one of these (`_id`).
    Ids(Vec<Id>),
    /// `_lastUpdated`: a fact of the store, so it is no entry.
    Updated(Prefix, fhir::Span),
    /// Some value of the parameter passes.
    Has(ParamId, Test),
    /// The parameter has no value (`:missing=true`).
    Missing(ParamId),
    /// The body has these words (`_text`, `_content`).
    Text(TextQuery),
    /// It contains a resource that passes (`_contained`).
    Contains(Box<Containment>),
    /// Chain: some value of `param` refers to an `of` that passes `filter`, by its key or, if the type has
    /// them, its canonical `url`, whatever the version.
    Refers {
        /// The reference parameter.
        param: ParamId,
        /// The type referred to.
        of: ResourceType,
        /// What it must pass.
        filter: Box<Filter>,
    },
    /// `_has`: some `by` that passes `filter` refers here by `param`, in the same ways.
    ReferredBy {
        /// The referring type.
        by: ResourceType,
        /// Its reference parameter.
        param: ParamId,
        /// What it must pass.
        filter: Box<Filter>,
    },
    /// Some value of `param` refers into a hierarchy: to where it begins, or above or below (`:above`, `:below`).
    RefersWithin {
        /// The reference parameter.
        param: ParamId,
        /// Where references may lead.
        hierarchy: Box<Hierarchy>,
    },
}

/// One current resource as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its type and id.
    pub key: &'a ResourceKey,
    /// When it was last written.
    pub updated: Time,
    /// Its indexed facts.
    pub entries: &'a Entries,
    /// Of a contained resource, what no graph can look up.
    pub within: Option<Within<'a>>,
}

/// Where a contained resource stands.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    /// Its own body.
    pub body: &'a [u8],
    /// That of the resource that contains it.
    pub container: &'a [u8],
}

/// The other resources of the data store, for chains.
pub trait Graph {
    /// The current resource of this key, if there is one.
    fn row(&self, key: &ResourceKey) -> Option<Row<'_>>;
    /// The body of the current resource of this key, for those who look for words in it.
    fn body(&self, _key: &ResourceKey) -> Option<Cow<'_, [u8]>> {
        None
    }
    /// The same for those who look for resources contained in it.
    fn container(&self, _key: &ResourceKey) -> Option<Cow<'_, [u8]>> {
        None
    }
    /// All current resources of a type, in any order.
    fn rows(&self, of: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_>;
}

impl Filter {
    /// Both hold; simplified where one side decides.
    pub fn and(self, other: Filter) -> Filter {
        match (self, other) {
            (Filter::Everything, filter) | (filter, Filter::Everything) => filter,
            (Filter::Nothing, _) | (_, Filter::Nothing) => Filter::Nothing,
            (Filter::And(mut all), Filter::And(more)) => {
                all.extend(more);
                Filter::And(all)
            }
            (Filter::And(mut all), one) => {
                all.push(one);
                Filter::And(all)
            }
            (one, other) => Filter::And(vec![one, other]),
        }
    }

    /// The same, with what looks into bodies after what does not.
    pub fn bodies_last(self) -> Filter {
        match self {
            Filter::And(mut filters) => {
                filters.sort_by_key(Filter::looks_into_bodies);
                Filter::And(filters)
            }
            other => other,
        }
    }

    /// What everything passes that passes this, without a look into bodies.
    #[must_use]
    pub fn without_bodies(&self) -> Filter {
        match self {
            Filter::And(filters) => Filter::And(filters.iter().map(Filter::without_bodies).collect()),
            Filter::Or(filters) => Filter::Or(filters.iter().map(Filter::without_bodies).collect()),
            Filter::Refers { param, of, filter } => {
                Filter::Refers { param: *param, of: *of, filter: Box::new(filter.without_bodies()) }
            }
            Filter::ReferredBy { by, param, filter } => {
                Filter::ReferredBy { by: *by, param: *param, filter: Box::new(filter.without_bodies()) }
            }
            other if other.looks_into_bodies() => Filter::Everything,
            other => other.clone(),
        }
    }

    /// Whether bodies must be looked into.
    pub fn looks_into_bodies(&self) -> bool {
        match self {
            Filter::Text(_) | Filter::Contains(_) => true,
            Filter::And(filters) | Filter::Or(filters) => filters.iter().any(Filter::looks_into_bodies),
            Filter::Not(filter) | Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => {
                filter.looks_into_bodies()
            }
            _ => false,
        }
    }

    /// Whether it asks what refers to a resource, other than at the other end of a chain.
    pub fn asks_for_referrers(&self) -> bool {
        match self {
            Filter::And(filters) | Filter::Or(filters) => filters.iter().any(Filter::asks_for_referrers),
            Filter::Not(filter) => filter.asks_for_referrers(),
            Filter::ReferredBy { .. } => true,
            _ => false,
        }
    }

    /// Whether it can be decided from one resource's own entries, without looking at another.
    pub fn is_local(&self) -> bool {
        match self {
            Filter::And(filters) | Filter::Or(filters) => filters.iter().all(Filter::is_local),
            Filter::Not(filter) => filter.is_local(),
            Filter::Refers { .. }
            | Filter::ReferredBy { .. }
            | Filter::RefersWithin { .. }
            | Filter::Contains(_) => false,
            _ => true,
        }
    }

    /// Whether the resource `at` passes. Slow, obvious, and what every backend must agree with.
    pub fn matches(&self, at: Row<'_>, graph: &dyn Graph) -> bool {
        match self {
            Filter::Everything => true,
            Filter::Nothing => false,
            Filter::And(filters) => filters.iter().all(|filter| filter.matches(at, graph)),
            Filter::Or(filters) => filters.iter().any(|filter| filter.matches(at, graph)),
            Filter::Not(filter) => !filter.matches(at, graph),
            Filter::Ids(ids) => ids.contains(&at.key.id),
            Filter::Updated(prefix, span) => updated_matches(*prefix, *span, at.updated),
            Filter::Has(param, test) => at.entries.of(*param).any(|value| test.matches(&value)),
            Filter::Text(query) => match at.within {
                Some(within) => query.matches(within.body),
                None => graph.body(at.key).is_some_and(|body| query.matches(&body)),
            },
            Filter::Contains(containment) => match at.within {
                Some(within) => containment.is_in(at, within.container, graph),
                None => graph.container(at.key).is_some_and(|body| containment.is_in(at, &body, graph)),
            },
            Filter::Missing(param) => at.entries.of(*param).next().is_none(),
            Filter::Refers { param, of, filter } if canonical_types().contains(of) => graph
                .rows(*of)
                .any(|row| refers_to(row, *param).matches(at, graph) && filter.matches(row, graph)),
            Filter::Refers { param, of, filter } => references(at.entries, *param)
                .filter(|key| key.of == *of)
                .any(|key| graph.row(&key).is_some_and(|row| filter.matches(row, graph))),
            Filter::ReferredBy { by, param, filter } => {
                let way = refers_to(at, *param);
                graph.rows(*by).any(|row| way.matches(row, graph) && filter.matches(row, graph))
            }
            Filter::RefersWithin { param, hierarchy } => {
                hierarchy.referred(*param, hierarchy.members(graph)).matches(at, graph)
            }
        }
    }
}

/// Whether a resource last written at `updated` passes; `_lastUpdated` is compared as the moment, to the
/// millisecond, that `meta.lastUpdated` shows.
pub fn updated_matches(prefix: Prefix, span: fhir::Span, updated: Time) -> bool {
    let shown = Time(updated.0.div_euclid(1000) * 1000);
    Test::Date(prefix, span).matches(&Value::Date(fhir::Span { from: shown, to: Time(shown.0 + 1) }))
}

/// The resources of this data store that `param` refers to.
pub fn references(entries: &Entries, param: ParamId) -> impl Iterator<Item = ResourceKey> {
    entries.of(param).filter_map(|value| match value {
        Value::Reference(Target::Local { of, id, .. }) => Some(ResourceKey { of, id: Id::parse(id)? }),
        _ => None,
    })
}
