//! A whole search: matches, page, total, and what the page includes.

use search::Search;
use store::{Found, StoreError};

use crate::contents::Reading;
use crate::include::Included;
use crate::page::Page;

impl Reading<'_> {
    /// One page of matches and what they include (`Store::search`).
    pub(crate) fn search(&self, search: &Search) -> Result<Found, StoreError> {
        self.bodies_left.set(search.bodies_max);
        self.hierarchy_max.set(search.hierarchy_max);
        self.containers_left.set(search.containers_max);
        let page = self.page(search)?;
        let included = self.included(search, &page.rows)?;
        let Page { matches, selected, previous, next, total, .. } = page;
        let Included { rows: included, is_cut: included_is_cut, .. } = included;
        Ok(Found { matches, selected, included, included_is_cut, next, previous, total })
    }
}
