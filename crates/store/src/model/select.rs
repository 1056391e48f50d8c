//! Searching the model: look at every current resource, keep, order, cut.

use std::cmp::Ordering;
use std::sync::atomic::Ordering::Relaxed;

use fhir::ResourceType;
use search::{Filter, Position, Search, Sort, SortValue, Total};

use super::contents::{Contents, Version};
use super::place::{Edges, Place, Way};
use crate::limits::{CHAIN_DEPTH_MAX, PAGE_ROWS_MAX};
use crate::stored::rows_of_page;
use crate::{Found, Selected, StoreError};

/// A row with what it is ordered by.
struct Ordered {
    values: Vec<Option<SortValue>>,
    of: ResourceType,
    ordinal: usize,
}

impl Contents {
    pub(super) fn search(&self, search: &Search) -> Result<Found, StoreError> {
        search.types().iter().try_for_each(|(_, filter)| check_depth(filter))?;
        search
            .types()
            .iter()
            .try_for_each(|(_, filter)| self.check_hierarchies(filter, search.hierarchy_max))?;
        self.opened.store(0, Relaxed);
        self.containers.store(0, Relaxed);
        let place = search.after.as_ref().map(|position| self.place(search, position)).transpose()?;
        let all: Vec<usize> = search
            .types()
            .iter()
            .flat_map(|(of, filter)| self.current(*of).filter(|o| self.passes(filter, *o)))
            .collect();
        if self.opened.swap(0, Relaxed) > search.bodies_max {
            return Err(StoreError::Limit("TEXT_BODIES_MAX"));
        }
        if self.containers.swap(0, Relaxed) > search.containers_max {
            return Err(StoreError::Limit("CONTAINERS_MAX"));
        }
        let total = (search.total == Total::Accurate).then(|| self.count(search, &all));
        let mark = place.map_or_else(|| self.versions.len().saturating_sub(1), |place| place.mark);
        let rows = self.ordered_beyond(&search.sort, all, mark, place);
        let count = search.count.min(PAGE_ROWS_MAX);
        let page = self.page_of(&rows, count, place.is_some_and(|place| place.way == Way::Back));
        let edges = place.map_or_else(|| Edges::first(mark), Edges::of_page_at);
        let ordinals: Vec<usize> = page.iter().map(|row| row.ordinal).collect();
        let edges = edges.end(ordinals.iter().copied(), page.len() < rows.len() && count > 0);
        let (included, included_is_cut) = self.included(search, &ordinals);
        Ok(Found {
            matches: page.iter().map(|row| self.versions[row.ordinal].stored.clone()).collect(),
            selected: ordinals.iter().filter_map(|ordinal| self.selected(search, *ordinal)).collect(),
            included,
            included_is_cut,
            next: edges.next.filter(|_| count > 0).map(Place::position),
            previous: edges.previous.filter(|_| count > 0).map(Place::position),
            total,
        })
    }

    pub(super) fn passes(&self, filter: &Filter, ordinal: usize) -> bool {
        filter.matches(self.versions[ordinal].row(), self)
    }

    /// Refuses a filter that names more resources than `max` with all that stand above or below them.
    pub(super) fn check_hierarchies(&self, filter: &Filter, max: usize) -> Result<(), StoreError> {
        let mut left = max;
        let counted = filter.with_members(&mut |hierarchy| {
            let members = hierarchy.members(self);
            left = left.checked_sub(members.len() + 1).ok_or(StoreError::Limit("HIERARCHY_RESOURCES_MAX"))?;
            Ok(members)
        });
        counted.map(|_| ())
    }

    fn count(&self, search: &Search, all: &[usize]) -> u64 {
        let shown =
            |ordinal: &usize| self.selected(search, *ordinal).map_or(1, |selected| selected.count() as u64);
        all.iter().map(shown).sum()
    }

    /// What is shown of a match, if the search says.
    fn selected(&self, search: &Search, ordinal: usize) -> Option<Selected> {
        let contents = search.contents()?;
        let version = &self.versions[ordinal];
        let body = version.stored.body.as_deref().unwrap_or_default();
        let mut whole = contents.whole.iter().filter(|(of, _)| *of == version.stored.key.of);
        Some(Selected {
            is_whole: whole.any(|(_, filter)| self.passes(filter, ordinal)),
            contained: contents.contained.passing(version.row(), body, self),
        })
    }

    /// The rows that no page before this one in its direction showed, in order.
    fn ordered_beyond(
        &self,
        sort: &[Sort],
        rows: Vec<usize>,
        mark: usize,
        place: Option<Place>,
    ) -> Vec<Ordered> {
        let cut = place.map(|place| (place, self.ordered(sort, place.row)));
        let mut rows: Vec<Ordered> = rows
            .into_iter()
            .filter(|ordinal| *ordinal <= mark)
            .map(|ordinal| self.ordered(sort, ordinal))
            .filter(|row| cut.as_ref().is_none_or(|(place, at)| place.shows(compare(sort, row, at))))
            .collect();
        rows.sort_by(|a, b| compare(sort, a, b));
        rows
    }

    /// Up to `count` of `rows` whose bodies fit on a page: from the first on, or up to the last.
    fn page_of<'r>(&self, rows: &'r [Ordered], count: usize, is_back: bool) -> &'r [Ordered] {
        let stored = |row: &'r Ordered| &self.versions[row.ordinal].stored;
        let count = rows.len().min(count);
        if is_back {
            let nearest = &rows[rows.len() - count..];
            &nearest[count - rows_of_page(nearest.iter().rev().map(stored))..]
        } else {
            &rows[..rows_of_page(rows[..count].iter().map(stored))]
        }
    }

    fn ordered(&self, sort: &[Sort], ordinal: usize) -> Ordered {
        let row = self.versions[ordinal].row();
        Ordered { values: sort.iter().map(|key| key.value(row)).collect(), of: row.key.of, ordinal }
    }

    fn place(&self, search: &Search, position: &Position) -> Result<Place, StoreError> {
        let place = Place::read(position).ok_or(StoreError::Position)?;
        let is_ours = place.row <= place.mark
            && place.mark < self.versions.len()
            && search.types().iter().any(|(of, _)| *of == self.versions[place.row].stored.key.of)
            && self.can_continue_after(search, &self.versions[place.row]);
        if is_ours { Ok(place) } else { Err(StoreError::Position) }
    }

    /// Of what was erased, only the place is left: enough to go on in the order written.
    fn can_continue_after(&self, search: &Search, last: &Version) -> bool {
        if last.is_erased { search.sort.is_empty() } else { !last.is_deletion() }
    }
}

fn compare(sort: &[Sort], a: &Ordered, b: &Ordered) -> Ordering {
    sort.iter()
        .zip(a.values.iter().zip(&b.values))
        .map(|(key, (a, b))| key.compare(a, b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| (a.of, a.ordinal).cmp(&(b.of, b.ordinal)))
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
        Filter::Contains(contained) => {
            let depth = contained.types.iter().map(|(_, filter)| chain_depth(filter)).max().unwrap_or(0);
            depth + usize::from(contained.by.is_some())
        }
        Filter::Refers { filter, .. } | Filter::ReferredBy { filter, .. } => 1 + chain_depth(filter),
        _ => 0,
    }
}
