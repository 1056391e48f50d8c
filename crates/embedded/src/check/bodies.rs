//! Checking the entries of a version against a fresh extraction from its body.

use fhir::{Reference, Resource, ResourceKey, ResourceType, Time};
use search::{Entries, Extractor, ParamId, ParameterSet, Target, Value};

use crate::StorageError;
use crate::contents::Reading;
use crate::encode::encode_entries;
use crate::varint::Reader;

/// What can be wrong with the body of a current version, or with the entries beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyFault {
    /// There is none.
    #[error("is current and has no body")]
    Missing,
    /// It is not the text of a resource.
    #[error("has a body that is no resource")]
    Unreadable,
    /// The type or the id in it is not what it is stored as.
    #[error("has the body of another resource")]
    Foreign,
    /// The entries are not those that extraction finds in it.
    #[error("has other entries than its body")]
    OtherEntries,
}

/// What is wrong with the body of a current version, or with the entries beside it.
pub(super) fn fault_of(
    reading: &Reading<'_>,
    of: ResourceType,
    ordinal: u32,
) -> Result<Option<BodyFault>, StorageError> {
    let block = reading.block(of, ordinal)?;
    let written = block.written(ordinal);
    let Some(body) = written.body else { return Ok(Some(BodyFault::Missing)) };
    let Ok(resource) = Resource::parse_slice(&body) else { return Ok(Some(BodyFault::Unreadable)) };
    let key = ResourceKey { of, id: written.version.id };
    if resource.key().as_ref() != Some(&key) {
        return Ok(Some(BodyFault::Foreign));
    }
    let stored = encode_entries(&reading.entries(&block, of, ordinal)?);
    let parameters = &reading.view.parameters;
    let created = reading.birth(of, ordinal)?.0;
    let is_same = agree(&resource, &key, created, &settled_terms(&stored, parameters)?, parameters)?;
    Ok((!is_same).then_some(BodyFault::OtherEntries))
}

/// One encoded entry: parameter and first term.
type Term<'a> = (u64, &'a [u8]);

/// Whether `stored`, in order, is what extraction finds in a resource under some base URL.
///
/// The store does not know the base under which it was written, and it may have changed since. Without a base
/// every absolute reference is an address; those that were the store's own are then missing from `stored`, and
/// all of them have the same base, so the first one tells it.
fn agree(
    resource: &Resource,
    key: &ResourceKey,
    created: Time,
    stored: &[Term<'_>],
    parameters: &ParameterSet,
) -> Result<bool, StorageError> {
    let extract = |base: &str| {
        let (mut entries, is_whole) = extract(base, resource, key, parameters);
        entries.set_created(created);
        (entries, is_whole)
    };
    let (fresh, is_whole) = extract("");
    let encoded = encode_entries(&fresh);
    if is_whole && settled_terms(&encoded, parameters)? == stored {
        return Ok(true);
    }
    let values = fresh.iter().map(|(_, value)| value);
    let mut missing = values.zip(terms(&encoded)?).filter(|(_, term)| stored.binary_search(term).is_err());
    let Some(base) = missing.find_map(|(value, _)| base_of(value)) else { return Ok(false) };
    let (fresh, is_whole) = extract(base);
    Ok(is_whole && settled_terms(&encode_entries(&fresh), parameters)? == stored)
}

/// The entries of a resource, and whether they are all; too many cannot have been stored.
fn extract(base: &str, resource: &Resource, key: &ResourceKey, parameters: &ParameterSet) -> (Entries, bool) {
    let mut entries = Entries::new();
    let is_whole = Extractor::new(base, parameters).extract(resource, key, &mut entries).is_ok();
    (entries, is_whole)
}

/// The base of the first absolute reference to a RESTful server in a value.
fn base_of(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Reference(Target::Url(url)) => match Reference::parse(url) {
            Reference::Absolute { base, .. } => Some(base),
            _ => None,
        },
        Value::Composite(parts) => parts.iter().find_map(base_of),
        _ => None,
    }
}

fn terms(encoded: &[u8]) -> Result<Vec<Term<'_>>, StorageError> {
    let mut reader = Reader::new(encoded);
    let mut terms = Vec::new();
    while !reader.is_empty() {
        terms.push((reader.varint()?, reader.bytes()?));
    }
    Ok(terms)
}

/// The terms of parameters that are wholly indexed, in order.
fn settled_terms<'e>(encoded: &'e [u8], parameters: &ParameterSet) -> Result<Vec<Term<'e>>, StorageError> {
    let mut terms = terms(encoded)?;
    let is_settled =
        |param: u64| u16::try_from(param).is_ok_and(|param| parameters.is_settled(ParamId(param)));
    terms.retain(|(param, _)| is_settled(*param));
    terms.sort_unstable();
    Ok(terms)
}
