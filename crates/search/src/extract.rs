//! Resource → entries, in one walk: all search parameters of a type compiled into one trie over element names
//! (R4 search, section 3.1.1.4, says how each data type becomes values).

mod codes;
pub(crate) mod compile;
mod contained;
mod expression;
mod form;
mod names;
mod numbers;
mod paths;
pub(crate) mod plan;
mod references;
mod strings;
mod times;
mod walk;

use crate::{Entries, ParamId, ParameterSet, Target, Value};
use fhir::{Json, Kind, Resource, ResourceKey, SearchParameterDefinition};
use plan::{Plan, ROOT, Truth};
use std::fmt;
use walk::Walk;

/// Turns resources into entries.
#[derive(Clone, PartialEq, Debug)]
pub struct Extractor {
    base: String,
    parameters: ParameterSet,
}

/// Why a resource cannot be indexed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtractError {
    /// Its codes and values combine into more composite entries than one resource may have.
    TooManyComposites,
    /// An expression of one of the data store's own parameters would take too much work.
    TooMuchWork,
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExtractError::TooManyComposites => {
                write!(
                    f,
                    "codes and values combine into more than {} composite entries",
                    walk::COMPOSITES_MAX
                )
            }
            ExtractError::TooMuchWork => {
                f.write_str("the expression of a search parameter takes too much work on it")
            }
        }
    }
}

impl std::error::Error for ExtractError {}

impl Extractor {
    /// An extractor for the data store whose FHIR base URL is `base`: absolute references below it are
    /// references to the store's own resources. An empty base means that only relative ones are. `parameters`
    /// are those that the data store has.
    pub fn new(base: &str, parameters: &ParameterSet) -> Extractor {
        Extractor { base: base.trim_end_matches('/').to_owned(), parameters: parameters.clone() }
    }

    /// Adds to `entries` what the index knows about a resource that is stored as `key`: the values of its
    /// search parameters, its compartments under [`ParamId::COMPARTMENT`], and of a List what it lists under
    /// [`ParamId::LISTED`]. `_id` and `_lastUpdated` are
    /// facts of the store and no entries.
    ///
    /// # Errors
    /// [`ExtractError`] when the resource would take too much of the index; `entries` is then incomplete.
    pub fn extract(
        &self,
        resource: &Resource,
        key: &ResourceKey,
        entries: &mut Entries,
    ) -> Result<(), ExtractError> {
        entries.set_extraction(self.parameters.extraction());
        let root = resource.document().root();
        let plan = self.parameters.plan(key.of);
        if plan.is_compartment {
            let own = Target::Local { of: key.of, id: key.id.as_str(), version: None };
            entries.push(ParamId::COMPARTMENT, Value::Reference(own));
        }
        push_truths(plan, root, entries);
        let mut walk = Walk::new(plan, root, &self.base);
        walk.visit(ROOT, root, entries)?;
        paths::paths(&walk, key.of, entries)
    }
}

/// A search parameter of a resource type that is never indexed.
#[derive(Clone, Copy, Debug)]
pub struct NotIndexed {
    /// The search parameter.
    pub definition: &'static SearchParameterDefinition,
    /// Why it is not.
    pub reason: &'static str,
}

/// Adds what the parameters say that ask whether an element is there.
fn push_truths(plan: &Plan, root: Json<'_>, entries: &mut Entries) {
    for truth in &plan.truths {
        let code = Some(if holds(truth, root) { "true" } else { "false" });
        entries.push(truth.param, Value::Token { system: None, code });
    }
}

/// Whether one of the elements is there and is not `false`.
fn holds(truth: &Truth, root: Json<'_>) -> bool {
    let mut members = root.members();
    members.any(|(name, value)| {
        name.symbol().is_some_and(|symbol| truth.members.contains(&symbol))
            && value.kind() != Kind::Null
            && value.as_bool() != Some(false)
    })
}

#[cfg(test)]
mod tests;
