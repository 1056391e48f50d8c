//! Searching the model: look at every current resource, keep, order, cut.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use fhir::ResourceKey;
use search::{Filter, Graph, Include, Position, Search, Sort, SortValue, Total, references};

use super::contents::Contents;
use crate::limits::{CHAIN_DEPTH_MAX, PAGE_ROWS_MAX};
use crate::stored::rows_of_page;
use crate::{Found, Plan, StoreError, Stored};

/// Where a page ended: its last row, and the newest version that there was when the first page was made.
/// Neither is patient data; the values that the order looks at are found again by the row's ordinal.
struct Place {
    mark: usize,
    last: usize,
}

/// A row with what it is ordered by.
struct Ordered {
    values: Vec<Option<SortValue>>,
    ordinal: usize,
}

impl Contents {
    pub(super) fn search(&self, search: &Search) -> Result<Found, StoreError> {
        check_depth(search.filter())?;
        let place = search.after.as_ref().map(|position| self.place(search, position)).transpose()?;
        let all: Vec<usize> = self.current(search.of()).filter(|o| self.passes(search, *o)).collect();
        let total = (search.total == Total::Accurate).then_some(all.len() as u64);
        let left = self.ordered_after(&search.sort, all, place.as_ref());
        let page = &left[..left.len().min(search.count).min(PAGE_ROWS_MAX)];
        let page = &page[..rows_of_page(page.iter().map(|row| &self.versions[row.ordinal].stored))];
        let mark = place.map_or_else(|| self.versions.len().saturating_sub(1), |place| place.mark);
        let next = page.last().filter(|_| page.len() < left.len());
        Ok(Found {
            matches: page.iter().map(|row| self.versions[row.ordinal].stored.clone()).collect(),
            included: self.included(search, page),
            next: next.map(|row| Place { mark, last: row.ordinal }.position()),
            total,
        })
    }

    fn passes(&self, search: &Search, ordinal: usize) -> bool {
        search.filter().matches(self.versions[ordinal].row(), self)
    }

    fn ordered_after(&self, sort: &[Sort], rows: Vec<usize>, place: Option<&Place>) -> Vec<Ordered> {
        let mark = place.map_or(usize::MAX, |place| place.mark);
        let last = place.map(|place| self.ordered(sort, place.last));
        let mut rows: Vec<Ordered> = rows
            .into_iter()
            .filter(|ordinal| *ordinal <= mark)
            .map(|ordinal| self.ordered(sort, ordinal))
            .filter(|row| last.as_ref().is_none_or(|last| compare(sort, last, row) == Ordering::Less))
            .collect();
        rows.sort_by(|a, b| compare(sort, a, b));
        rows
    }

    fn ordered(&self, sort: &[Sort], ordinal: usize) -> Ordered {
        let row = self.versions[ordinal].row();
        Ordered { values: sort.iter().map(|key| key.value(row)).collect(), ordinal }
    }

    fn included(&self, search: &Search, page: &[Ordered]) -> Vec<Stored> {
        let matches: BTreeSet<&ResourceKey> =
            page.iter().map(|row| &self.versions[row.ordinal].stored.key).collect();
        let mut wanted = BTreeSet::new();
        for include in &search.include {
            match include {
                Include::Forward { param, target } => wanted.extend(
                    page.iter()
                        .flat_map(|row| references(&self.versions[row.ordinal].entries, *param))
                        .filter(|key| target.is_none_or(|of| key.of == of)),
                ),
                Include::Reverse { by, param } => wanted.extend(
                    self.rows(*by)
                        .filter(|row| references(row.entries, *param).any(|key| matches.contains(&key)))
                        .map(|row| row.key.clone()),
                ),
            }
        }
        wanted
            .iter()
            .filter(|key| !matches.contains(key))
            .filter(|key| self.row(key).is_some_and(|row| search.visible().of(key.of).matches(row, self)))
            .filter_map(|key| Some(self.newest(key)?.stored.clone()))
            .take(search.include_max)
            .collect()
    }

    fn place(&self, search: &Search, position: &Position) -> Result<Place, StoreError> {
        let place = Place::read(position).ok_or(StoreError::Position)?;
        let is_ours = place.last <= place.mark
            && place.mark < self.versions.len()
            && self.versions[place.last].stored.key.of == search.of()
            && !self.versions[place.last].is_deletion();
        if is_ours { Ok(place) } else { Err(StoreError::Position) }
    }

    pub(super) fn explain(&self, search: &Search) -> Plan {
        let mut lines = vec![
            format!("look at each of the {} current resources", self.current(search.of()).count()),
            format!("keep those that pass {:?}", search.filter()),
        ];
        if !search.sort.is_empty() {
            lines.push(format!("order them by {:?}", search.sort));
        }
        lines.push(format!("answer {} of them", search.count));
        Plan(lines)
    }
}

impl Place {
    fn position(&self) -> Position {
        let mut bytes = (self.mark as u64).to_be_bytes().to_vec();
        bytes.extend_from_slice(&(self.last as u64).to_be_bytes());
        Position(bytes)
    }

    fn read(position: &Position) -> Option<Place> {
        let (mark, rest) = position.0.split_first_chunk::<8>()?;
        let last = <[u8; 8]>::try_from(rest).ok()?;
        Some(Place {
            mark: usize::try_from(u64::from_be_bytes(*mark)).ok()?,
            last: usize::try_from(u64::from_be_bytes(last)).ok()?,
        })
    }
}

fn compare(sort: &[Sort], a: &Ordered, b: &Ordered) -> Ordering {
    sort.iter()
        .zip(a.values.iter().zip(&b.values))
        .map(|(key, (a, b))| key.compare(a, b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.ordinal.cmp(&b.ordinal))
}

/// Refuses a filter whose chains nest deeper than [`CHAIN_DEPTH_MAX`].
pub(super) fn check_depth(filter: &Filter) -> Result<(), StoreError> {
    if chain_depth(filter) > CHAIN_DEPTH_MAX {
        return Err(StoreError::Limit("CHAIN_DEPTH_MAX"));
    }
    Ok(())
}

fn chain_depth(filter: &Filter) -> usize {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().map(chain_depth).max().unwrap_or(0),
        Filter::Not(one) => chain_depth(one),
        Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => 1 + chain_depth(filter),
        _ => 0,
    }
}
