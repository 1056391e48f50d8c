//! Conditions on contained resources: no index tells what they hold, so that the bodies of what contains them are
//! opened.

use fhir::ResourceType;
use roaring::RoaringBitmap;
use search::{Contained, Filter, Row, Search, SelectedContents};
use store::{Selected, Stored};

use crate::StorageError;
use crate::contents::Reading;
use crate::node::{Inside, Node};
use crate::place::At;
use crate::view::TypeView;

/// What a search says of what is shown, made ready.
struct Selection {
    inside: Inside,
    whole: Vec<(ResourceType, Node)>,
}

impl Reading<'_> {
    /// Those live ones, within what other conditions left, that contain what passes.
    pub(crate) fn containing(
        &self,
        of: ResourceType,
        types: &TypeView,
        inside: &Inside,
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for ordinal in types.folded_current(within) {
            if self.with_row(of, ordinal, |row| self.contains(inside, row))?? {
                found.insert(ordinal);
            }
        }
        Ok(found)
    }

    /// Whether a row contains what passes; each body opened counts.
    pub(crate) fn contains(&self, inside: &Inside, row: Row<'_>) -> Result<bool, StorageError> {
        if let Some(within) = row.within {
            return Ok(!self.passing(inside, row, within.container, true)?.is_empty());
        }
        let left = self.containers_left.get().checked_sub(1).ok_or(StorageError::Limit("CONTAINERS_MAX"))?;
        self.containers_left.set(left);
        let Some(standing) = self.newest(row.key)? else { return Ok(false) };
        let Some(body) = self.stored(row.key.of, standing.ordinal)?.body else { return Ok(false) };
        Ok(!self.passing(inside, row, &body, true)?.is_empty())
    }

    /// Which of the resources contained in this body pass, or the first of them.
    fn passing(
        &self,
        inside: &Inside,
        row: Row<'_>,
        body: &[u8],
        is_one_enough: bool,
    ) -> Result<Vec<usize>, StorageError> {
        let mut found = Vec::new();
        for one in inside.contained.candidates(row, body) {
            if self.passes_inside(inside, &one, one.row(row, body))? {
                found.push(one.at);
                if is_one_enough {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn passes_inside(&self, inside: &Inside, one: &Contained, row: Row<'_>) -> Result<bool, StorageError> {
        for (_, node) in inside.nodes.iter().filter(|(of, _)| *of == one.key.of) {
            if self.matches(node, row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is shown of some matches, if the search says.
    pub(crate) fn selected(
        &self,
        search: &Search,
        rows: &[At],
        matches: &[Stored],
    ) -> Result<Vec<Selected>, StorageError> {
        let Some(selection) = self.selection(search)? else { return Ok(Vec::new()) };
        let bodies = matches.iter().map(|row| row.body.as_deref().unwrap_or_default());
        rows.iter().zip(bodies).map(|(at, body)| self.selected_of(&selection, *at, body)).collect()
    }

    /// How many resources are shown of these matches.
    pub(crate) fn count(
        &self,
        search: &Search,
        of: ResourceType,
        found: &RoaringBitmap,
    ) -> Result<u64, StorageError> {
        let Some(selection) = self.selection(search)? else { return Ok(found.len()) };
        let mut count = 0;
        for ordinal in found {
            let body = self.stored(of, ordinal)?.body.unwrap_or_default();
            count += self.selected_of(&selection, At { of, ordinal }, &body)?.count() as u64;
        }
        Ok(count)
    }

    fn selection(&self, search: &Search) -> Result<Option<Selection>, StorageError> {
        let Some(SelectedContents { contained, whole }) = search.contents() else { return Ok(None) };
        let ready = |all: &[(ResourceType, Filter)]| {
            all.iter().map(|(of, filter)| Ok((*of, self.ready(filter)?))).collect::<Result<_, StorageError>>()
        };
        let inside = Inside { contained: contained.clone(), nodes: ready(&contained.types)? };
        Ok(Some(Selection { inside, whole: ready(whole)? }))
    }

    fn selected_of(&self, selection: &Selection, at: At, body: &[u8]) -> Result<Selected, StorageError> {
        self.with_row(at.of, at.ordinal, |row| {
            let mut is_whole = false;
            for (_, node) in selection.whole.iter().filter(|(of, _)| *of == at.of) {
                is_whole |= self.matches(node, row)?;
            }
            Ok(Selected { is_whole, contained: self.passing(&selection.inside, row, body, false)? })
        })?
    }
}
