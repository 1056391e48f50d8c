//! Contained resources as matches of their own (`_containedType=contained`, R4 search §3.1.1.5.5): each is an entry,
//! and a page is cut by entries, so that it may end within what one resource contains.

use std::ops::Range;

use fhir::{Document, Json};
use search::{Position, Search};
use store::{Found, Selected};

use crate::Context;
use crate::bundle::{BundleWriter, SearchMode};
use crate::outcome::Refusal;
use crate::page_token::ShownPart;

/// One page as it is shown.
pub(crate) struct Shown {
    /// What was found, and where the pages beside it are.
    pub(crate) found: Found,
    /// Which parts of each match stand on the page; `None`: each match as it is.
    pub(crate) parts: Option<Vec<Range<usize>>>,
    /// What of the first match of the next page stands on this one.
    pub(crate) part: Option<ShownPart>,
}

impl Shown {
    /// A page of resources as they are.
    pub(crate) fn whole(found: Found) -> Shown {
        Shown { found, parts: None, part: None }
    }

    /// How many matches stand on the page.
    pub(crate) fn count(&self) -> usize {
        self.parts.as_ref().map_or(self.found.matches.len(), |parts| parts.iter().map(Range::len).sum())
    }
}

/// A page of contained resources, from within the first match if something of it was shown before. There is no way
/// back but to the first page.
pub(crate) async fn page(
    context: &Context<'_>,
    search: &Search,
    before: Option<ShownPart>,
) -> Result<Shown, Refusal> {
    let mut found = context.store.search(search).await?;
    found.previous = None;
    let skipped =
        before.filter(|part| found.matches.first().is_some_and(|row| row.key.to_string() == part.of));
    let skipped = skipped.map_or(0, |part| part.count);
    let (parts, is_cut) = cut(&found.selected, skipped, search.count);
    let mut shown = Shown { found, parts: None, part: None };
    if is_cut && search.count > 0 {
        let last = parts.len() - 1;
        let is_within = parts[last].end < shown.found.selected[last].count();
        let whole = if is_within { last } else { parts.len() };
        shown.found.next = position_after(context, search, whole).await?;
        let of = || shown.found.matches[last].key.to_string();
        shown.part = is_within.then(|| ShownPart { of: of(), count: parts[last].end });
    }
    shown.parts = Some(parts);
    Ok(shown)
}

/// Which parts of the matches stand on a page of `count`, and whether something is left of them.
fn cut(selected: &[Selected], skipped: usize, count: usize) -> (Vec<Range<usize>>, bool) {
    let (mut parts, mut left, mut from) = (Vec::new(), count, skipped);
    for one in selected {
        if left == 0 {
            return (parts, true);
        }
        let begin = from.min(one.count());
        let end = one.count().min(begin + left);
        parts.push(begin..end);
        left -= end - begin;
        from = 0;
        if end < one.count() {
            return (parts, true);
        }
    }
    (parts, false)
}

/// Where the search goes on after its first `rows` matches; nowhere if those behind them are gone meanwhile.
async fn position_after(
    context: &Context<'_>,
    search: &Search,
    rows: usize,
) -> Result<Option<Position>, Refusal> {
    if rows == 0 {
        return Ok(Some(search.after.clone().unwrap_or(Position(Vec::new()))));
    }
    let mut shorter = search.clone();
    shorter.count = rows;
    shorter.total = search::Total::None;
    Ok(context.store.search(&shorter).await?.next)
}

/// Writes the parts of the matches.
pub(crate) fn write(found: &Found, parts: &[Range<usize>], bundle: &mut BundleWriter<'_>) {
    for ((row, selected), parts) in found.matches.iter().zip(&found.selected).zip(parts) {
        let whole = usize::from(selected.is_whole);
        if whole == 1 && parts.contains(&0) {
            bundle.found(row, SearchMode::Match);
        }
        let wanted: Vec<usize> = parts.clone().filter_map(|part| part.checked_sub(whole)).collect();
        let Some(document) = row.body.as_deref().and_then(|body| Document::parse_slice(body).ok()) else {
            continue;
        };
        let all: Vec<Json<'_>> =
            document.root().get("contained").map(|all| all.items().collect()).unwrap_or_default();
        for at in wanted.iter().filter_map(|part| selected.contained.get(*part)) {
            let Some(json) = all.get(*at) else { continue };
            let id = json.get("id").and_then(Json::as_str).unwrap_or_default();
            bundle.contained(row, &id, json.raw());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(is_whole: bool, contained: usize) -> Selected {
        Selected { is_whole, contained: (0..contained).collect() }
    }

    #[test]
    fn a_page_is_cut_by_what_is_shown() {
        let all = [selected(false, 2), selected(true, 0), selected(true, 2)];
        let parts = |skipped, count| {
            let (parts, is_more) = cut(&all, skipped, count);
            (parts.iter().map(|part| format!("{part:?}")).collect::<Vec<_>>().join(" "), is_more)
        };
        for (skipped, count, expected, is_more) in [
            (0, 6, "0..2 0..1 0..3", false),
            (0, 7, "0..2 0..1 0..3", false),
            (0, 5, "0..2 0..1 0..2", true),
            (0, 3, "0..2 0..1", true),
            (0, 1, "0..1", true),
            (1, 1, "1..2", true),
            (2, 1, "2..2 0..1", true),
            (9, 1, "2..2 0..1", true),
            (0, 0, "", true),
        ] {
            assert_eq!(parts(skipped, count), (expected.to_owned(), is_more));
        }
    }
}
