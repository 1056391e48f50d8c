//! Indexing resources again that are there already: what a search parameter that came later, or a changed
//! extraction, finds in them.

use bytes::Bytes;
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

/// The entries of a stored body, by what a data store extracts now; `None` if it cannot be indexed. When the resource
/// came to be is not among them.
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

/// The search parameters after the writes of a transaction, in whatever order it names a composite and its parts.
///
/// # Errors
/// [`StoreError::Parameter`] when one of them is a SearchParameter that cannot be served.
pub fn parameters_after(set: &ParameterSet, writes: &[Write]) -> Result<ParameterSet, StoreError> {
    let mut after = set.clone();
    let mut waiting = Vec::new();
    for write in writes {
        match parameters_after_write(&after, write) {
            Ok(next) => after = next,
            Err(_) => waiting.push(write),
        }
    }
    // No composite is part of another, so that all others are there now or gone.
    waiting.into_iter().try_fold(after, |after, write| parameters_after_write(&after, write))
}

fn parameters_after_write(set: &ParameterSet, write: &Write) -> Result<ParameterSet, StoreError> {
    match write {
        Write::Put(put) if is_parameter(put.key.of) => parameters_with(set, put),
        Write::Delete(key) | Write::Erase(key) if is_parameter(key.of) => {
            set.changed(&key.id, None).map_err(StoreError::Parameter)
        }
        Write::Indexed { since, types } => Ok(set.indexed(*since, types)),
        _ => Ok(set.clone()),
    }
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
    parameters_of(set, &put.key.id, &put.body).map_err(StoreError::Parameter)
}

/// The search parameters that a store has by what it holds alone: `stored` are its current SearchParameters, ids and
/// bodies. With those that cannot be served, each with the reason.
pub fn parameters_of_all(stored: &[(Id, Bytes)]) -> (ParameterSet, Vec<(&Id, ParameterError)>) {
    let (mut set, mut waiting, mut refused) = (ParameterSet::r4(), Vec::new(), Vec::new());
    for (id, body) in stored {
        match parameters_of(&set, id, body) {
            Ok(next) => set = next,
            // A composite may stand before its parts.
            Err(_) => waiting.push((id, body)),
        }
    }
    for (id, body) in waiting {
        match parameters_of(&set, id, body) {
            Ok(next) => set = next,
            Err(error) => refused.push((id, error)),
        }
    }
    (set, refused)
}

fn parameters_of(set: &ParameterSet, id: &Id, body: &[u8]) -> Result<ParameterSet, ParameterError> {
    let unreadable =
        |_| ParameterError { at: "SearchParameter".to_owned(), reason: "it cannot be read".into() };
    set.changed(id, Some(&Resource::parse_slice(body).map_err(unreadable)?))
}
