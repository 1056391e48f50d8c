//! No two entries of a transaction may mean the same resource (R4 http, section 3.1.0.11.2).

use std::collections::HashMap;

use fhir::{Issue, IssueCode, ResourceKey, ResourceType, Time};
use search::{Filter, Graph, Row};
use store::{Precondition, Write};

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

/// Refuses an entry whose criterion another entry's resource matches: done one by one, it would have found that
/// too. A deletion comes before all that is made.
pub(super) fn check_criteria(prepared: &[(usize, Prepared)]) -> Result<(), Refusal> {
    for (number, one) in prepared {
        if matches!(one.write, Some(Write::Delete(_))) {
            continue;
        }
        for precondition in &one.preconditions {
            let (of, filter) = match precondition {
                Precondition::NoMatch(of, filter) => (*of, filter),
                Precondition::OnlyMatch(key, filter) => (key.of, filter),
                _ => continue,
            };
            let others = prepared.iter().filter(|(other, _)| other != number);
            for (other, another) in others {
                if is_match(of, filter, another) {
                    let sentence = "What one entry asks for by its criteria, another entry makes.";
                    return Err(twice(sentence, "request", [*number.min(other), *number.max(other)]));
                }
            }
        }
    }
    Ok(())
}

/// Whether what is prepared will match. What a chain leads to is not looked at: there the state before the commit
/// decides.
fn is_match(of: ResourceType, filter: &Filter, prepared: &Prepared) -> bool {
    let Some(Write::Put(put)) = &prepared.write else { return false };
    let row = Row { key: &put.key, updated: Time(0), entries: &put.entries, within: None };
    put.key.of == of && filter.is_local() && filter.matches(row, &Alone)
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
