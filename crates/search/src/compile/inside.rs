//! Chains go on inside contained resources: a reference `#id` leads to the one of that id (R4 search §3.1.1.5.5).

use std::collections::BTreeMap;
use std::slice;

use fhir::ResourceType;

use super::Context;
use crate::{Containment, Extractor, Filter, ParamId};

/// Where the resource that is asked stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// On its own.
    Alone,
    /// In the `contained` of another, beside those that its `#id` lead to.
    Contained,
}

/// The same condition, with chains that lead to contained resources too. A chain that left a container for a
/// resource of its own does not enter another one: sizes stay small, however deep chains nest.
pub(super) fn inside(filter: Filter, stands: Stands, context: &Context<'_>) -> Filter {
    if !has_links(&filter) || !context.parameters.is_settled(ParamId::CONTAINED) {
        return filter;
    }
    let extractor = Extractor::new(context.base, context.parameters);
    Entry { extractor: &extractor }.of(&filter, stands)
}

fn has_links(filter: &Filter) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(has_links),
        Filter::Not(filter) | Filter::ReferredBy { filter, .. } => has_links(filter),
        Filter::Refers { .. } => true,
        _ => false,
    }
}

struct Entry<'e> {
    extractor: &'e Extractor,
}

impl Entry<'_> {
    fn of(&self, filter: &Filter, stands: Stands) -> Filter {
        match filter {
            Filter::And(filters) => Filter::And(filters.iter().map(|one| self.of(one, stands)).collect()),
            Filter::Or(filters) => self.any(filters, stands),
            Filter::Not(filter) => Filter::Not(Box::new(self.of(filter, stands))),
            Filter::Refers { .. } => self.any(slice::from_ref(filter), stands),
            // Nothing but its container refers to a contained resource.
            Filter::ReferredBy { .. } if stands == Stands::Contained => Filter::Nothing,
            Filter::ReferredBy { by, param, filter } => Filter::ReferredBy {
                by: *by,
                param: *param,
                filter: Box::new(self.of(filter, Stands::Alone)),
            },
            other => other.clone(),
        }
    }

    /// One of these, or what the links among them ask of contained resources, together for each parameter.
    fn any(&self, filters: &[Filter], stands: Stands) -> Filter {
        let mut found = Vec::new();
        let mut contained: BTreeMap<ParamId, Vec<(ResourceType, Filter)>> = BTreeMap::new();
        for filter in filters {
            let Filter::Refers { param, of, filter: asked } = filter else {
                found.push(self.of(filter, stands));
                continue;
            };
            match self.of(asked, Stands::Contained) {
                Filter::Nothing => {}
                inside => contained.entry(*param).or_default().push((*of, inside)),
            }
            found.push(match stands {
                Stands::Alone => {
                    let filter = Box::new(self.of(asked, Stands::Alone));
                    Filter::Refers { param: *param, of: *of, filter }
                }
                Stands::Contained => filter.clone(),
            });
        }
        let within = |(param, types)| {
            let containment = Containment { types, by: Some(param), extractor: self.extractor.clone() };
            match stands {
                Stands::Alone => containment.filter(),
                Stands::Contained => containment.filter_within(),
            }
        };
        found.extend(contained.into_iter().map(within));
        if found.len() == 1 { found.remove(0) } else { Filter::Or(found) }
    }
}
