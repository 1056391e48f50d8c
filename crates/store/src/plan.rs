//! How a search is answered, step by step, in words that a person understands.
//!
//! The walk over the search is the same for every backend, and so is what it counts; a backend tells in which
//! order it takes conditions and how it looks each up. Only what the caller may see is counted.

use std::fmt;

use fhir::ResourceType;
use search::{Filter, ParameterSet, Search, include_words, sort_words, words};

use crate::StoreError;
use crate::limits::PLAN_STEPS_MAX;

/// How a search would be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan(pub Vec<Step>);

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How deep it lies in the step it is a part of.
    pub depth: usize,
    /// What is done.
    pub what: String,
    /// How it is done, and what that costs, as far as the backend tells.
    pub how: String,
    /// How many resources pass it, alone; `None` where nothing passes or fails.
    pub hits: Option<u64>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:width$}{}", "", self.what, width = self.depth * 2)?;
        if !self.how.is_empty() {
            write!(f, " ({})", self.how)?;
        }
        match self.hits {
            Some(hits) => write!(f, ": {hits}"),
            None => Ok(()),
        }
    }
}

/// What a backend tells of itself to a plan.
pub trait Explain {
    /// What there is to search of a type.
    fn overview(&self, of: ResourceType) -> String;
    /// How many current resources of a type pass.
    ///
    /// # Errors
    /// As a search does.
    fn hits(&self, of: ResourceType, filter: &Filter) -> Result<u64, StoreError>;
    /// How a condition is looked up.
    fn way(&self, filter: &Filter) -> String;
    /// The conditions that must all hold, in the order in which they are taken.
    fn order<'f>(&self, filters: &'f [Filter]) -> Vec<&'f Filter>;
}

/// The plan of a search.
///
/// # Errors
/// As the search would fail.
pub fn plan(search: &Search, parameters: &ParameterSet, by: &dyn Explain) -> Result<Plan, StoreError> {
    let mut plan = Planner { search, parameters, by, steps: Vec::new() };
    let (mut matches, mut empty) = (0, 0);
    for (of, filter) in search.types() {
        let hits = by.hits(*of, filter)?;
        matches += hits;
        if by.hits(*of, search.visible().of(*of))? == 0 && search.types().len() > 1 {
            empty += 1;
            continue;
        }
        plan.push(0, format!("search {of}"), by.overview(*of), Some(hits));
        plan.condition(*of, filter, 1)?;
    }
    if empty > 0 {
        plan.push(0, format!("search {empty} more types of which there is none"), String::new(), Some(0));
    }
    let order = match search.sort.as_slice() {
        [] => "in the order written, oldest first".to_owned(),
        sort => format!("order by {}, missing last", sort_words(sort, parameters)),
    };
    plan.push(0, order, String::new(), None);
    let (page, from) = (search.count, if search.after.is_some() { ", from a place on" } else { "" });
    plan.push(0, format!("show up to {page} of {matches} matches{from}"), String::new(), None);
    for include in &search.include {
        plan.push(0, format!("add {}", include_words(include, parameters)), String::new(), None);
    }
    if !search.include.is_empty() {
        plan.push(0, format!("add no more than {} in all", search.include_max), String::new(), None);
    }
    Ok(Plan(plan.steps))
}

struct Planner<'a> {
    search: &'a Search,
    parameters: &'a ParameterSet,
    by: &'a dyn Explain,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn push(&mut self, depth: usize, what: String, how: String, hits: Option<u64>) {
        self.steps.push(Step { depth, what, how, hits });
    }

    /// A condition on contained resources, which nothing counts.
    fn inside(&mut self, filter: &Filter, depth: usize) {
        if self.steps.len() >= PLAN_STEPS_MAX {
            return;
        }
        self.push(depth, words(filter, self.parameters), String::new(), None);
        match filter {
            Filter::And(filters) | Filter::Or(filters) => {
                filters.iter().for_each(|one| self.inside(one, depth + 1));
            }
            Filter::Not(filter) | Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => {
                self.inside(filter, depth + 1);
            }
            _ => {}
        }
    }

    fn condition(&mut self, of: ResourceType, filter: &Filter, depth: usize) -> Result<(), StoreError> {
        if self.steps.len() >= PLAN_STEPS_MAX {
            if self.steps.len() == PLAN_STEPS_MAX {
                self.push(0, "and more conditions".to_owned(), String::new(), None);
            }
            return Ok(());
        }
        let visible = self.search.visible().of(of).clone();
        let hits = self.by.hits(of, &visible.and(filter.clone()))?;
        self.push(depth, words(filter, self.parameters), self.by.way(filter), Some(hits));
        match filter {
            Filter::And(filters) => {
                for filter in self.by.order(filters) {
                    self.condition(of, filter, depth + 1)?;
                }
                Ok(())
            }
            Filter::Or(filters) => filters.iter().try_for_each(|one| self.condition(of, one, depth + 1)),
            Filter::Not(filter) => self.condition(of, filter, depth + 1),
            Filter::Contains(contained) => {
                contained.types.iter().for_each(|(_, filter)| self.inside(filter, depth + 1));
                Ok(())
            }
            Filter::Refers { of, filter, .. } => self.condition(*of, filter, depth + 1),
            Filter::ReferredBy { by, filter, .. } => self.condition(*by, filter, depth + 1),
            _ => Ok(()),
        }
    }
}
