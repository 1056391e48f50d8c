//! How a search is answered here: which part of the index decides each condition, the cheapest first.

use fhir::ResourceType;
use search::{Filter, ParameterSet, Search};
use store::{Explain, Plan, StoreError, plan};

use crate::contents::Reading;
use crate::select::{Cost, Node};

impl Reading<'_> {
    /// The plan of a search (`Store::explain`).
    pub(crate) fn explain(&self, search: &Search, parameters: &ParameterSet) -> Result<Plan, StoreError> {
        plan(search, parameters, self)
    }
}

impl Explain for Reading<'_> {
    fn overview(&self, of: ResourceType) -> String {
        match self.of(of) {
            None => "there is none".to_owned(),
            Some(types) => format!(
                "{} current, the index in {} segments, {} recent versions looked at one by one",
                types.current().len(),
                types.segments.len(),
                types.recent_rows().count()
            ),
        }
    }

    fn hits(&self, of: ResourceType, filter: &Filter) -> Result<u64, StoreError> {
        Ok(self.select(of, filter)?.len())
    }

    fn way(&self, filter: &Filter) -> String {
        let way = match filter {
            Filter::And(_) | Filter::Or(_) | Filter::Everything | Filter::Nothing => "",
            Filter::Not(_) => "what is left of all",
            Filter::Ids(_) => "by identity",
            Filter::Refers { .. } | Filter::ReferredBy { .. } => "by the references in the index",
            _ => match cost(filter) {
                Cost::Free | Cost::Lookup => "looked up in the index",
                Cost::Scan => "a range of the index",
                Cost::Complement => "what is left of all",
            },
        };
        way.to_owned()
    }

    fn order<'f>(&self, filters: &'f [Filter]) -> Vec<&'f Filter> {
        let mut order: Vec<&Filter> = filters.iter().collect();
        order.sort_by_key(|filter| cost(filter));
        order
    }
}

/// As [`Node::cost`] has it, of a filter whose chains are not resolved.
fn cost(filter: &Filter) -> Cost {
    match filter {
        Filter::And(filters) => filters.iter().map(cost).min().unwrap_or(Cost::Free),
        Filter::Or(filters) => filters.iter().map(cost).max().unwrap_or(Cost::Free),
        Filter::Not(_) => Cost::Complement,
        Filter::Refers { .. } => Cost::Scan,
        Filter::ReferredBy { .. } => Cost::Free,
        leaf => Node::Leaf(leaf.clone()).cost(),
    }
}
