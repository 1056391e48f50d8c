//! One page of matches: cut out of what each searched type finds.

use std::cmp::Ordering;

use fhir::ResourceType;
use roaring::RoaringBitmap;
use search::{Position, Row, Search, Sort, SortValue, Total};
use store::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX};
use store::{Selected, StoreError, Stored};

use crate::StorageError;
use crate::contents::Reading;
use crate::node::Node;
use crate::place::{At, Edges, Marks, Place, Way};

/// Rows that are looked at one by one for what chains ask, before all that pass are found at once.
pub(crate) const LOOKED_AT_MAX: usize = 512;

/// How many times more are looked at next, where no index tells which pass.
const LOOKED_AT_GROWTH: usize = 8;

/// The matches of one page, and what there is beside it.
pub(crate) struct Page {
    pub(crate) rows: Vec<At>,
    pub(crate) matches: Vec<Stored>,
    pub(crate) selected: Vec<Selected>,
    pub(crate) previous: Option<Position>,
    pub(crate) next: Option<Position>,
    pub(crate) total: Option<u64>,
}

/// What a page is cut by.
pub(crate) struct Cut<'s> {
    pub(crate) sort: &'s [Sort],
    /// Where it begins, with what the row there is ordered by.
    pub(crate) place: Option<(Place, Vec<Option<SortValue>>)>,
    marks: Marks,
    pub(crate) way: Way,
    /// One row more than the page holds, to know whether there is more.
    pub(crate) count: usize,
}

/// A row with what it is ordered by.
pub(crate) struct Ranked {
    pub(crate) values: Vec<Option<SortValue>>,
    pub(crate) at: At,
}

impl Reading<'_> {
    /// The page that `search` asks for.
    pub(crate) fn page(&self, search: &Search) -> Result<Page, StoreError> {
        let place = self.place(search)?;
        let edges = match &place {
            None => Edges::first(self.marks(search)),
            Some(place) => Edges::of_page_at(place),
        };
        let count = search.count.min(PAGE_ROWS_MAX);
        let cut = self.cut(search, place, count)?;
        // Nearest to the place first; a page that goes back is turned round in the end.
        let (mut rows, total) = if search.sort.is_empty() {
            self.rows_as_written(search, &cut)?
        } else {
            self.rows_by_values(search, &cut)?
        };
        let found = rows.len();
        rows.truncate(count);
        let mut matches = self.bodies(&rows)?;
        rows.truncate(matches.len());
        let is_more = rows.len() < found;
        if cut.way == Way::Back {
            rows.reverse();
            matches.reverse();
        }
        let sides = if count == 0 { [None, None] } else { edges.around(&rows, is_more) };
        let [previous, next] = sides;
        let selected = self.selected(search, &rows, &matches)?;
        Ok(Page { rows, matches, selected, previous, next, total })
    }

    fn cut<'s>(
        &self,
        search: &'s Search,
        place: Option<Place>,
        count: usize,
    ) -> Result<Cut<'s>, StorageError> {
        let sort = search.sort.as_slice();
        let marks = place.as_ref().map_or_else(|| self.marks(search), |place| place.marks.clone());
        let way = place.as_ref().map_or(Way::On, |place| place.way);
        let place = match place {
            None => None,
            Some(place) => {
                let values = |row: Row<'_>| sort.iter().map(|sort| sort.value(row)).collect();
                let values = self.with_row(place.row.of, place.row.ordinal, values)?;
                Some((place, values))
            }
        };
        Ok(Cut { sort, place, marks, way, count: count + 1 })
    }

    /// The rows of a page in the order of types and writing: types that cannot be on it are not looked at.
    fn rows_as_written(
        &self,
        search: &Search,
        cut: &Cut<'_>,
    ) -> Result<(Vec<At>, Option<u64>), StorageError> {
        let mut types = self.ready_types(search)?;
        if cut.way == Way::Back {
            types.reverse();
        }
        let counts = search.total == Total::Accurate;
        let (mut rows, mut total) = (Vec::new(), 0);
        for (of, node) in types {
            let is_on_page = cut.count > 1 && rows.len() < cut.count && cut.may_show(of);
            let wanted = cut.count - rows.len();
            let at = |ordinal| At { of, ordinal };
            if counts {
                let found = self.select_node(of, &node)?;
                total += self.count(search, of, &found)?;
                if is_on_page {
                    rows.extend(cut.in_order(of, &found, wanted).map(at));
                }
            } else if is_on_page {
                rows.extend(self.nearest(of, node, cut, wanted)?.into_iter().map(at));
            }
        }
        Ok((rows, counts.then_some(total)))
    }

    /// The rows of a page in the order of their values: the first of each type, merged.
    fn rows_by_values(&self, search: &Search, cut: &Cut<'_>) -> Result<(Vec<At>, Option<u64>), StorageError> {
        let counts = search.total == Total::Accurate;
        let (mut ranked, mut total) = (Vec::new(), 0);
        for (of, node) in self.ready_types(search)? {
            if counts {
                let found = self.select_node(of, &node)?;
                total += self.count(search, of, &found)?;
                if cut.count > 1 {
                    ranked.extend(self.sorted(of, cut, &cut.marked(of, &found), cut.count)?);
                }
            } else if cut.count > 1 {
                ranked.extend(self.best(of, node, cut)?);
            }
        }
        ranked.sort_by(|a, b| cut.compare(a, b));
        let rows = ranked.into_iter().take(cut.count).map(|row| row.at).collect();
        Ok((rows, counts.then_some(total)))
    }

    /// The nearest rows of one type, in the order of writing. What chains ask is decided row by row until there
    /// are enough, unless that takes too long or is found out quickly for all.
    fn nearest(
        &self,
        of: ResourceType,
        node: Node,
        cut: &Cut<'_>,
        wanted: usize,
    ) -> Result<Vec<u32>, StorageError> {
        let (cheap, costly) = node.split_chains();
        let candidates = self.select_node(of, &Node::all(cheap))?;
        if !costly.is_empty() && !self.are_quick(&costly)? {
            let mut rows = Vec::new();
            let mut all = cut.in_order(of, &candidates, usize::MAX);
            // No index tells what bodies hold, so that nothing is quicker in the end.
            let is_only_way = costly.iter().any(Node::is_within);
            for ordinal in all.by_ref().take(if is_only_way { usize::MAX } else { LOOKED_AT_MAX }) {
                if self.passes(of, ordinal, &costly)? {
                    rows.push(ordinal);
                }
                if rows.len() == wanted {
                    return Ok(rows);
                }
            }
            if all.next().is_none() {
                return Ok(rows);
            }
        }
        let found = self.narrow(of, &costly, candidates)?;
        Ok(cut.in_order(of, &found, wanted).collect())
    }

    /// The best rows of one type by their values, likewise.
    fn best(&self, of: ResourceType, node: Node, cut: &Cut<'_>) -> Result<Vec<Ranked>, StorageError> {
        let (cheap, costly) = node.split_chains();
        let candidates = cut.marked(of, &self.select_node(of, &Node::all(cheap))?);
        if !costly.is_empty() && !self.are_quick(&costly)? {
            let (mut looked_at, mut seen) = (LOOKED_AT_MAX.max(cut.count), 0);
            let mut passing = Vec::new();
            loop {
                let rows = self.sorted(of, cut, &candidates, looked_at)?;
                let are_all = rows.len() < looked_at;
                for row in rows.into_iter().skip(seen) {
                    if self.passes(of, row.at.ordinal, &costly)? {
                        passing.push(row);
                    }
                    if passing.len() == cut.count {
                        return Ok(passing);
                    }
                }
                if are_all {
                    return Ok(passing);
                }
                if !costly.iter().any(Node::is_within) {
                    break;
                }
                (seen, looked_at) = (looked_at, looked_at.saturating_mul(LOOKED_AT_GROWTH));
            }
        }
        let found = self.narrow(of, &costly, candidates)?;
        self.sorted(of, cut, &found, cut.count)
    }

    fn passes(&self, of: ResourceType, ordinal: u32, nodes: &[Node]) -> Result<bool, StorageError> {
        self.with_row(of, ordinal, |row| self.matches_all(nodes, row))?
    }

    /// The types of a search with their conditions made ready.
    fn ready_types(&self, search: &Search) -> Result<Vec<(ResourceType, Node)>, StorageError> {
        search.types().iter().map(|(of, filter)| Ok((*of, self.ready(filter)?))).collect()
    }

    /// The first of these rows, until their bodies are too large for one page.
    fn bodies(&self, rows: &[At]) -> Result<Vec<Stored>, StorageError> {
        let mut matches = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        for at in rows {
            let stored = self.stored(at.of, at.ordinal)?;
            bytes += stored.body_bytes();
            if bytes > PAGE_BYTES_MAX && !matches.is_empty() {
                break;
            }
            matches.push(stored);
        }
        Ok(matches)
    }
}

impl Cut<'_> {
    /// Whether rows of a type can be on the page, going by types alone.
    fn may_show(&self, of: ResourceType) -> bool {
        self.place.as_ref().is_none_or(|(place, _)| match place.way {
            Way::On => of >= place.row.of,
            Way::Back => of <= place.row.of,
        })
    }

    /// What was there when the first page was made.
    pub(crate) fn marked(&self, of: ResourceType, found: &RoaringBitmap) -> RoaringBitmap {
        let Some(mark) = self.marks.get(&of) else { return RoaringBitmap::new() };
        let mut rows = found.clone();
        if *mark < u32::MAX {
            rows.remove_range(mark + 1..);
        }
        rows
    }

    /// The first `count` of `found` on this way, nearest first.
    fn in_order<'f>(
        &self,
        of: ResourceType,
        found: &'f RoaringBitmap,
        count: usize,
    ) -> Box<dyn Iterator<Item = u32> + 'f> {
        let Some(mark) = self.marks.get(&of).copied() else { return Box::new(std::iter::empty()) };
        let (mut first, mut last) = (0, mark);
        if let Some((place, _)) = self.place.as_ref().filter(|(place, _)| place.row.of == of) {
            let (row, with_it) = (place.row.ordinal, place.shows(Ordering::Equal));
            match (place.way, with_it) {
                (Way::On, true) => first = row,
                (Way::On, false) if row == mark => return Box::new(std::iter::empty()),
                (Way::On, false) => first = row + 1,
                (Way::Back, true) => last = row,
                (Way::Back, false) if row == 0 => return Box::new(std::iter::empty()),
                (Way::Back, false) => last = row - 1,
            }
        }
        let rows = found.range(first..=last);
        match self.way {
            Way::On => Box::new(rows.take(count)),
            Way::Back => Box::new(rows.rev().take(count)),
        }
    }

    /// Where an order by time begins on this way, if it can be told: anywhere, or at the time of the place.
    pub(crate) fn begin(&self) -> Option<Option<i64>> {
        match (&self.place, self.way) {
            (None, _) => Some(None),
            (Some((_, values)), Way::On) => match values.first()? {
                Some(SortValue::Time(time)) => Some(Some(*time)),
                _ => None,
            },
            (Some(_), Way::Back) => None,
        }
    }

    fn compare_values(&self, a: &[Option<SortValue>], b: &[Option<SortValue>]) -> Ordering {
        let orders = self.sort.iter().zip(a.iter().zip(b)).map(|(sort, (a, b))| sort.compare(a, b));
        first_difference(orders)
    }

    /// Which of two rows is nearer on this way.
    pub(crate) fn compare(&self, a: &Ranked, b: &Ranked) -> Ordering {
        self.way.turn(self.compare_values(&a.values, &b.values).then(a.at.cmp(&b.at)))
    }
}

impl Way {
    /// The order on this way of what has this order going on.
    pub(crate) fn turn(self, order: Ordering) -> Ordering {
        match self {
            Way::On => order,
            Way::Back => order.reverse(),
        }
    }
}

pub(crate) fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
