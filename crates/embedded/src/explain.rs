//! How a search is answered here: which part of the index decides each condition, the cheapest first.

use fhir::ResourceType;
use search::{Filter, ParameterSet, Search};
use store::{Explain, Plan, StoreError, plan};

use crate::contents::Reading;
use crate::node::{Cost, Node};

impl Reading<'_> {
    /// The plan of a search (`Store::explain`).
    pub(crate) fn explain(&self, search: &Search, parameters: &ParameterSet) -> Result<Plan, StoreError> {
        self.hierarchy_max.set(search.hierarchy_max);
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
        // Looking into bodies is what a search is careful with; an explanation names the most there may be.
        Ok(self.select(of, &filter.without_bodies())?.len())
    }

    fn way(&self, filter: &Filter) -> String {
        let way = match filter {
            Filter::And(_) | Filter::Or(_) | Filter::Everything | Filter::Nothing => "",
            Filter::Not(_) => "what is left of all",
            Filter::Ids(_) => "by identity",
            Filter::RefersWithin { .. } => "the hierarchy level by level, then looked up in the index",
            Filter::Refers { .. } | Filter::ReferredBy { .. } => {
                "by the references in the index, or row by row until a page is full"
            }
            _ => match Node::of(filter).cost() {
                Cost::Chain => "in the bodies of what contains some",
                Cost::Free | Cost::Lookup => "looked up in the index",
                Cost::Scan => "a range of the index",
                Cost::Complement => "what is left of all",
                Cost::Bodies if matches!(filter, Filter::Contains(_)) => {
                    "in the bodies that the other conditions leave, until a page is full"
                }
                Cost::Bodies => "in each body that the other conditions leave",
            },
        };
        way.to_owned()
    }

    fn order<'f>(&self, filters: &'f [Filter]) -> Vec<&'f Filter> {
        let mut order: Vec<&Filter> = filters.iter().collect();
        order.sort_by_key(|filter| Node::of(filter).cost());
        order
    }
}
