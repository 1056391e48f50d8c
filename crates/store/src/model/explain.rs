//! What the model tells of how it answers: it looks at every current resource.

use fhir::ResourceType;
use search::{Filter, ParameterSet, Search};

use super::contents::Contents;
use super::select::check_depth;
use crate::plan::{Explain, plan};
use crate::{Plan, StoreError};

impl Contents {
    pub(super) fn explain(&self, search: &Search, parameters: &ParameterSet) -> Result<Plan, StoreError> {
        search.types().iter().try_for_each(|(_, filter)| {
            check_depth(filter)?;
            self.check_hierarchies(filter, search.hierarchy_max)
        })?;
        plan(search, parameters, self)
    }
}

impl Explain for Contents {
    fn overview(&self, of: ResourceType) -> String {
        format!("each of {} current ones is looked at", self.current(of).count())
    }

    fn hits(&self, of: ResourceType, filter: &Filter) -> Result<u64, StoreError> {
        Ok(self.current(of).filter(|ordinal| self.passes(filter, *ordinal)).count() as u64)
    }

    fn way(&self, _: &Filter) -> String {
        String::new()
    }

    fn order<'f>(&self, filters: &'f [Filter]) -> Vec<&'f Filter> {
        filters.iter().collect()
    }
}
