//! Resource → entries, in one walk: all search parameters of a type compiled into one trie over element names
//! (R4 search, section 3.1.1.4, says how each data type becomes values).

mod codes;
mod compile;
mod expression;
mod form;
mod names;
mod numbers;
mod plan;
mod references;
mod strings;
mod times;
mod walk;

use crate::{Entries, ParamId, Target, Value};
use fhir::{Json, Kind, Resource, ResourceKey, ResourceType, SearchParameterDefinition};
use plan::{Plan, ROOT, Truth};
use std::fmt;
use std::sync::{LazyLock, OnceLock};
use walk::Walk;

/// Turns resources into entries.
#[derive(Clone, Debug)]
pub struct Extractor {
    base: String,
}

/// Why a resource cannot be indexed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtractError {
    /// Its codes and values combine into more composite entries than one resource may have.
    TooManyComposites,
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
        }
    }
}

impl std::error::Error for ExtractError {}

impl Extractor {
    /// An extractor for the data store whose FHIR base URL is `base`: absolute references below it are
    /// references to the store's own resources. An empty base means that only relative ones are.
    pub fn new(base: &str) -> Extractor {
        Extractor { base: base.trim_end_matches('/').to_owned() }
    }

    /// Adds to `entries` what the index knows about a resource that is stored as `key`: the values of its
    /// search parameters, and its compartments under [`ParamId::COMPARTMENT`]. `_id` and `_lastUpdated` are
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
        let root = resource.document().root();
        let plan = plan_of(key.of);
        if plan.is_compartment {
            let own = Target::Local { of: key.of, id: key.id.as_str(), version: None };
            entries.push(ParamId::COMPARTMENT, Value::Reference(own));
        }
        for truth in &plan.truths {
            let code = Some(if holds(truth, root) { "true" } else { "false" });
            entries.push(truth.param, Value::Token { system: None, code });
        }
        Walk::new(plan, root, &self.base).visit(ROOT, root, entries)
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

/// The search parameters of `of` that extraction cannot fill: those that the standard gives no expression
/// (`_text`, `_content`). `_id` and `_lastUpdated` are not among them.
pub fn not_indexed(of: ResourceType) -> &'static [NotIndexed] {
    &plan_of(of).not_indexed
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

/// The plan of a resource type, compiled on first use.
fn plan_of(of: ResourceType) -> &'static Plan {
    static PLANS: LazyLock<Vec<OnceLock<Plan>>> =
        LazyLock::new(|| ResourceType::all().map(|_| OnceLock::new()).collect());
    PLANS[usize::from(of.number())].get_or_init(|| compile::compile(of))
}

#[cfg(test)]
mod tests;
