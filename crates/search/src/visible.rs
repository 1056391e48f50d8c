//! What a caller may see, as a filter per resource type. Absence means nothing is visible.

use std::collections::BTreeMap;

use fhir::ResourceType;

use crate::{Containment, Filter};

/// What a caller may see. Access is an argument: every method of a store that returns rows takes one.
#[derive(Clone, PartialEq, Debug)]
pub struct Visible {
    by_type: BTreeMap<ResourceType, Filter>,
    otherwise: Filter,
}

impl Visible {
    /// Nothing.
    pub fn nothing() -> Self {
        Visible { by_type: BTreeMap::new(), otherwise: Filter::Nothing }
    }

    /// Everything; `why` says in a word who may see that much. Its call sites are a golden list.
    pub fn everything(why: &'static str) -> Self {
        debug_assert!(!why.is_empty(), "say who may see everything");
        Visible { by_type: BTreeMap::new(), otherwise: Filter::Everything }
    }

    /// What was visible before, and those `of` resources that pass `filter`, which must be local:
    /// what a caller may see is decided resource by resource.
    pub fn allow(mut self, of: ResourceType, filter: Filter) -> Self {
        assert!(filter.is_local(), "what a caller may see is decided resource by resource");
        let seen = match self.by_type.remove(&of) {
            None => filter,
            Some(before) => Filter::Or(vec![before, filter]),
        };
        self.by_type.insert(of, seen);
        self
    }

    /// The filter of one type.
    pub fn of(&self, of: ResourceType) -> &Filter {
        self.by_type.get(&of).unwrap_or(&self.otherwise)
    }

    /// `filter` over `of`, so that neither it nor any chain in it looks at what is not visible.
    pub fn confine(&self, of: ResourceType, filter: Filter) -> Filter {
        self.of(of).clone().and(self.confine_chains(filter))
    }

    /// What is asked of contained resources, likewise.
    pub(crate) fn confine_contained(&self, mut contained: Containment) -> Containment {
        for (_, filter) in &mut contained.types {
            *filter = self.confine_chains(std::mem::replace(filter, Filter::Nothing));
        }
        contained
    }

    fn confine_chains(&self, filter: Filter) -> Filter {
        let all = |filters: Vec<Filter>| filters.into_iter().map(|f| self.confine_chains(f)).collect();
        match filter {
            Filter::And(filters) => Filter::And(all(filters)),
            Filter::Or(filters) => Filter::Or(all(filters)),
            Filter::Not(filter) => Filter::Not(Box::new(self.confine_chains(*filter))),
            Filter::Refers { param, of, filter } => {
                Filter::Refers { param, of, filter: Box::new(self.confine(of, *filter)) }
            }
            Filter::ReferredBy { by, param, filter } => {
                Filter::ReferredBy { by, param, filter: Box::new(self.confine(by, *filter)) }
            }
            Filter::RefersWithin { param, mut hierarchy } => {
                hierarchy.filter = self.of(hierarchy.of).clone().and(hierarchy.filter);
                Filter::RefersWithin { param, hierarchy }
            }
            // What is contained is seen by whom its container is.
            Filter::Contains(contained) => Filter::Contains(Box::new(self.confine_contained(*contained))),
            local => local,
        }
    }
}
