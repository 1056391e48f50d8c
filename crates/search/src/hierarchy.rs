//! A resource with all that stand above or below it, from part to whole (R4 search §3.1.1.4.14).

use std::collections::BTreeSet;

use fhir::{ResourceKey, ResourceType};

use crate::filter::references;
use crate::{Filter, Graph, ParamId, ReferenceTest, Test};

/// Which way to go in a hierarchy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the parts, or the more specific.
    Below,
    /// To the whole, or the more general.
    Above,
}

/// What is referred to, with all resources of one type that stand above or below it.
#[derive(Clone, PartialEq, Debug)]
pub struct Hierarchy {
    /// The type, whose resources are parts of each other.
    pub of: ResourceType,
    /// By which parameter a part refers to the whole.
    pub parent: ParamId,
    /// Where it begins: a resource of this type, or an address that its resources may refer to.
    pub root: ReferenceTest,
    /// Which way it goes from there.
    pub direction: Direction,
    /// What a resource must pass for its own reference to be followed: that the caller may see it. It must be
    /// local.
    pub filter: Filter,
}

impl Hierarchy {
    /// The resources above or below, where it begins perhaps among them. One above need not exist: that it is
    /// referred to is what counts. Going round in a circle ends where it began.
    pub fn members(&self, graph: &dyn Graph) -> BTreeSet<ResourceKey> {
        let mut members = BTreeSet::new();
        match self.direction {
            Direction::Below => {
                let mut whole = vec![self.root.clone()];
                while let Some(one) = whole.pop() {
                    let is_part = Filter::Has(self.parent, Test::Reference(one)).and(self.filter.clone());
                    for part in graph.rows(self.of).filter(|row| is_part.matches(*row, graph)) {
                        if members.insert(part.key.clone()) {
                            whole.push(ReferenceTest::Key(part.key.clone()));
                        }
                    }
                }
            }
            Direction::Above => {
                let mut parts: Vec<ResourceKey> = self.root_key().into_iter().collect();
                while let Some(part) = parts.pop() {
                    let row = graph.row(&part).filter(|row| self.filter.matches(*row, graph));
                    let wholes = row.into_iter().flat_map(|row| self.wholes_of(row.entries));
                    parts.extend(wholes.filter(|whole| members.insert(whole.clone())));
                }
            }
        }
        members
    }

    /// The resource that it begins at, if it is one of this store.
    pub fn root_key(&self) -> Option<ResourceKey> {
        match &self.root {
            ReferenceTest::Key(key) => Some(key.clone()).filter(|key| key.of == self.of),
            ReferenceTest::Id(id) => Some(ResourceKey { of: self.of, id: fhir::Id::parse(id)? }),
            ReferenceTest::Version(..) | ReferenceTest::Url(_) | ReferenceTest::UrlVersions(_) => None,
        }
    }

    /// What a resource of these entries is a part of.
    pub fn wholes_of(&self, entries: &crate::Entries) -> Vec<ResourceKey> {
        references(entries, self.parent).filter(|key| key.of == self.of).collect()
    }

    /// What a reference by `param` to where it begins or to one of its `members` passes.
    pub fn referred(&self, param: ParamId, members: BTreeSet<ResourceKey>) -> Filter {
        let members = members.into_iter().map(ReferenceTest::Key);
        let tests = std::iter::once(self.root.clone()).chain(members);
        Filter::Or(tests.map(|test| Filter::Has(param, Test::Reference(test))).collect())
    }
}

impl Filter {
    /// The same with every hierarchy replaced by the resources in it, which `members` knows. Fails as that fails.
    pub fn with_members<E>(
        &self,
        members: &mut impl FnMut(&Hierarchy) -> Result<BTreeSet<ResourceKey>, E>,
    ) -> Result<Filter, E> {
        Ok(match self {
            Filter::And(filters) | Filter::Or(filters) => {
                let known: Vec<Filter> =
                    filters.iter().map(|one| one.with_members(members)).collect::<Result<_, E>>()?;
                if matches!(self, Filter::And(_)) { Filter::And(known) } else { Filter::Or(known) }
            }
            Filter::Not(filter) => Filter::Not(Box::new(filter.with_members(members)?)),
            Filter::Refers { param, of, filter } => {
                Filter::Refers { param: *param, of: *of, filter: Box::new(filter.with_members(members)?) }
            }
            Filter::ReferredBy { by, param, filter } => {
                Filter::ReferredBy { by: *by, param: *param, filter: Box::new(filter.with_members(members)?) }
            }
            Filter::Contains(contained) => {
                let mut known = contained.clone();
                for (_, filter) in &mut known.types {
                    *filter = filter.with_members(members)?;
                }
                Filter::Contains(known)
            }
            Filter::RefersWithin { param, hierarchy } => hierarchy.referred(*param, members(hierarchy)?),
            other => other.clone(),
        })
    }

    /// Whether it asks of a hierarchy.
    pub fn has_hierarchy(&self) -> bool {
        match self {
            Filter::And(filters) | Filter::Or(filters) => filters.iter().any(Filter::has_hierarchy),
            Filter::Not(filter) | Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => {
                filter.has_hierarchy()
            }
            Filter::Contains(contained) => contained.types.iter().any(|(_, filter)| filter.has_hierarchy()),
            Filter::RefersWithin { .. } => true,
            _ => false,
        }
    }
}
