//! Indexing resources again that are there already: what a search parameter that came later, or a changed
//! extraction, finds in them.

use fhir::{Id, Resource, ResourceKey, ResourceType};
use search::{Entries, Extractor, ParameterError, ParameterSet, Position};
use serde::{Deserialize, Serialize};

use crate::{Put, StoreError, Write};

/// One step of indexing the current resources of a type again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reindex {
    /// The type.
    pub of: ResourceType,
    /// Only this resource; what lies beside it may be done too.
    pub only: Option<Id>,
    /// The FHIR base URL of the data store, as extraction asks for it.
    pub base: String,
    /// Where the step before ended.
    pub after: Option<Position>,
}

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reindexed {
    /// Resources indexed again.
    pub done: u64,
    /// Resources that keep the entries they had, since they cannot be indexed by what there is now.
    pub failed: u64,
    /// Current resources of the type.
    pub total: u64,
    /// Where the next step begins; `None`: all are done.
    pub next: Option<Position>,
}

/// What a job indexes again, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReindexOrder {
    /// What the data store's search parameters wait for, whatever that is; the other members name nothing then.
    pub is_awaited: bool,
    /// The names of the types; none: all.
    pub types: Vec<String>,
    /// Only the resource of this id; then there is one type.
    pub only: Option<String>,
    /// Resources indexed again.
    pub done: u64,
    /// Those among them that keep the entries they had.
    pub failed: u64,
    /// Resources that there were when it began.
    pub total: u64,
}

/// The entries of a stored body, by what a data store extracts now; `None` if it cannot be indexed.
pub fn extract_again(extractor: &Extractor, key: &ResourceKey, body: &[u8]) -> Option<Entries> {
    let resource = Resource::parse_slice(body).ok()?;
    let mut entries = Entries::new();
    extractor.extract(&resource, key, &mut entries).ok()?;
    Some(entries)
}

/// Whether resources of this type are search parameters.
pub fn is_parameter(of: ResourceType) -> bool {
    of.name() == "SearchParameter"
}

/// Refuses entries that were found by other parameters than the data store has.
///
/// # Errors
/// [`StoreError::Outdated`].
pub fn check_extraction<'p>(
    set: &ParameterSet,
    puts: impl IntoIterator<Item = &'p Put>,
) -> Result<(), StoreError> {
    let is_present = |put: &Put| put.entries.extraction() == set.extraction();
    if puts.into_iter().all(is_present) { Ok(()) } else { Err(StoreError::Outdated) }
}

/// The search parameters after the writes of a transaction.
///
/// # Errors
/// [`StoreError::Parameter`] when one of them is a SearchParameter that cannot be served.
pub fn parameters_after(set: &ParameterSet, writes: &[Write]) -> Result<ParameterSet, StoreError> {
    let mut after = set.clone();
    for write in writes {
        after = match write {
            Write::Put(put) if is_parameter(put.key.of) => parameters_with(&after, put)?,
            Write::Delete(key) | Write::Erase(key) if is_parameter(key.of) => {
                after.changed(&key.id, None).map_err(StoreError::Parameter)?
            }
            Write::Indexed { since, types } => after.indexed(*since, types),
            _ => after,
        };
    }
    Ok(after)
}

/// The search parameters after a run, whose puts stand each on their own: one that cannot be served is stored and
/// not served.
pub fn parameters_after_run(set: &ParameterSet, puts: &[Put]) -> ParameterSet {
    puts.iter().filter(|put| is_parameter(put.key.of)).fold(set.clone(), |after, put| {
        let next = parameters_with(&after, put);
        // What it was before is not what it says now.
        next.or_else(|_| after.changed(&put.key.id, None).map_err(StoreError::Parameter)).unwrap_or(after)
    })
}

/// The search parameters with the one that a put defines.
///
/// # Errors
/// [`StoreError::Parameter`] when it cannot be served.
pub fn parameters_with(set: &ParameterSet, put: &Put) -> Result<ParameterSet, StoreError> {
    let unreadable =
        |_| ParameterError { at: "SearchParameter".to_owned(), reason: "it cannot be read".into() };
    let resource = Resource::parse_slice(&put.body).map_err(unreadable).map_err(StoreError::Parameter)?;
    set.changed(&put.key.id, Some(&resource)).map_err(StoreError::Parameter)
}
