//! No two entries of a transaction may mean the same resource (R4 http, section 3.1.0.11.2).

use std::collections::HashMap;

use fhir::{Issue, IssueCode, ResourceKey, ResourceType, Time};
use search::{Graph, Row};
use store::{Precondition, Put, Write};

use super::Aimed;
use crate::aim::Deed;
use crate::bundle_entry::Entry;
use crate::outcome::Refusal;
use crate::write::Prepared;

/// Refuses a fullUrl that stands twice: what refers to it would be ambiguous.
pub(super) fn check_full_urls(entries: &[Entry<'_>]) -> Result<(), Refusal> {
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let Some(url) = entry.full_url.as_deref() else { continue };
        if let Some(other) = seen.insert(url, entry.number) {
            return Err(twice("The same fullUrl stands twice.", "fullUrl", [other, entry.number]));
        }
    }
    Ok(())
}

/// Refuses two writes of one resource, and the end of one that another entry relies on finding.
pub(super) fn check_keys(aims: &[Aimed<'_>]) -> Result<(), Refusal> {
    let mut writers: HashMap<&ResourceKey, &Aimed<'_>> = HashMap::with_capacity(aims.len());
    let (kept, written): (Vec<_>, Vec<_>) = aims.iter().partition(|aimed| aimed.aim.deed == Deed::Keep);
    for aimed in written {
        if let Some(other) = writers.insert(&aimed.aim.key, aimed) {
            return Err(overlap([other, aimed]));
        }
    }
    for aimed in kept {
        if let Some(other) = writers.get(&aimed.aim.key).filter(|other| other.aim.deed == Deed::Delete) {
            return Err(overlap([other, aimed]));
        }
    }
    Ok(())
}

fn overlap(aims: [&Aimed<'_>; 2]) -> Refusal {
    let mut entries = aims.map(|aimed| aimed.entry.number);
    entries.sort_unstable();
    twice("Two entries write the same resource.", "request.url", entries)
}

/// Refuses an entry whose criterion nothing in the data store matches, but another entry's resource will.
pub(super) fn check_criteria(prepared: &[(usize, Prepared)]) -> Result<(), Refusal> {
    for (number, one) in prepared {
        for precondition in &one.preconditions {
            let Precondition::NoMatch(of, filter) = precondition else { continue };
            // What a chain leads to is not looked at: the commit decides by the state before it.
            let matches = |put: &Put| {
                let row = Row { key: &put.key, updated: Time(0), entries: &put.entries };
                put.key.of == *of && filter.is_local() && filter.matches(row, &Alone)
            };
            for (other, another) in prepared {
                if let Some(Write::Put(put)) = &another.write
                    && other != number
                    && matches(put)
                {
                    let sentence = "What one entry makes unless it is there, another entry makes.";
                    return Err(twice(sentence, "request", [*number.min(other), *number.max(other)]));
                }
            }
        }
    }
    Ok(())
}

/// No other resources.
struct Alone;

impl Graph for Alone {
    fn row(&self, _key: &ResourceKey) -> Option<Row<'_>> {
        None
    }

    fn rows(&self, _of: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

fn twice(sentence: &str, element: &str, entries: [usize; 2]) -> Refusal {
    let issue = Issue::error(IssueCode::Duplicate, sentence);
    let at = |issue: Issue, number| issue.at(format!("Bundle.entry[{number}].{element}"));
    Refusal::structure(entries.into_iter().fold(issue, at))
}
