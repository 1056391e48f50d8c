//! Writes what is current of one type, in the order in which it was written.

use bytes::Bytes;
use fhir::{Document, ResourceType, Subset, Time};
use search::{Filter, Position, Search, Visible};
use store::{Store, StoreError, Stored};

/// Resources read at a time.
const PAGE_ROWS: std::ops::RangeInclusive<usize> = 1..=2_000;
/// Pages grow while they are smaller than this, in bytes, and shrink when they are four times larger.
const PAGE_BYTES: usize = 4 << 20;

/// Pages of a type in the order written, as large as memory likes.
pub(crate) struct Pages<'v> {
    of: ResourceType,
    filter: Filter,
    visible: &'v Visible,
    /// Where the next page begins.
    after: Option<Position>,
    rows: usize,
}

/// One of them.
pub(crate) struct Page {
    pub(crate) rows: Vec<Stored>,
    /// Where the page after it begins; `None` if there is none.
    pub(crate) next: Option<Position>,
}

impl<'v> Pages<'v> {
    /// The pages of what passes `filter`, from a place on.
    pub(crate) fn new(
        of: ResourceType,
        filter: Filter,
        visible: &'v Visible,
        after: Option<Position>,
    ) -> Pages<'v> {
        // A Binary may be as large as a body can be: begin with one.
        let rows = if of.name() == "Binary" { 1 } else { 64 };
        Pages { of, filter, visible, after, rows }
    }

    /// The next page.
    pub(crate) async fn next(&mut self, store: &dyn Store) -> Result<Page, StoreError> {
        let mut search = Search::new(self.visible, self.of, self.filter.clone());
        search.after = self.after.take();
        search.count = self.rows;
        let found = store.search(&search).await?;
        let bytes: usize = found.matches.iter().map(Stored::body_bytes).sum();
        if bytes < PAGE_BYTES {
            self.rows = (self.rows * 2).min(*PAGE_ROWS.end());
        } else if bytes > 4 * PAGE_BYTES {
            self.rows = (self.rows / 2).max(*PAGE_ROWS.start());
        }
        self.after = found.next.clone();
        Ok(Page { rows: found.matches, next: found.next })
    }
}

/// The rows last written up to `until`, a line each, and how many they are. With `part`, only that part of each.
pub(crate) fn lines<'r>(
    rows: impl IntoIterator<Item = &'r Stored>,
    until: Time,
    part: Option<&Subset>,
) -> (u64, Bytes) {
    let (mut count, mut out) = (0, Vec::new());
    for row in rows {
        let Some(body) = row.body.as_ref().filter(|_| row.updated <= until) else { continue };
        match part {
            None => fhir::emit(&row.key, body, row.version, row.updated, &mut out),
            Some(part) => push_part(row, body, part, &mut out),
        }
        out.push(b'\n');
        count += 1;
    }
    (count, out.into())
}

fn push_part(row: &Stored, body: &[u8], part: &Subset, out: &mut Vec<u8>) {
    let mut whole = Vec::new();
    fhir::emit(&row.key, body, row.version, row.updated, &mut whole);
    match Document::parse_slice(&whole) {
        Ok(document) => part.push(document.root(), out),
        // What is stored was parsed before.
        Err(_) => out.extend_from_slice(&whole),
    }
}
