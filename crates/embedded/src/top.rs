//! The first rows of a large result by date, without looking at the values of all of them: the terms of the
//! index are walked from the best on, until no other row can be among the first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use search::{Sort, SortKey, SortValue};

use crate::StorageError;
use crate::contents::Reading;
use crate::encode::{UPDATED, date_from, date_of};
use crate::index::Postings;
use crate::view::TypeView;

/// Rows of the same time as the last one of the page before, up to which the next one is found by this walk.
const TIES_MAX: usize = 128;

/// Some rows of a result, and the value such that every row left out is worse.
pub(crate) struct Top {
    pub(crate) rows: RoaringBitmap,
    pub(crate) worst: SortValue,
    /// The folded ones of the rows with the best value met. Where the walk began at the best there is, that is the
    /// best that the row has: every term up to the worst was met.
    pub(crate) known: Vec<(u32, SortValue)>,
}

/// The walk so far. Times are negated for an ascending order, so that greater is better.
struct Walk<'r> {
    rows: &'r RoaringBitmap,
    is_descending: bool,
    count: usize,
    /// The best value known of each row met.
    known: HashMap<u32, i64>,
    /// The best first values of as many rows as are wanted.
    best: BinaryHeap<Reverse<i64>>,
    is_date: bool,
}

impl Reading<'_> {
    /// Rows among which the first `count` of `rows` are likely to be, of those whose time is not before `begin`
    /// in the order: the folded ones only, with all recent.
    /// `None` if the order is not by time or there are not enough.
    pub(crate) fn top(
        &self,
        types: &TypeView,
        sort: &Sort,
        begin: Option<i64>,
        rows: &RoaringBitmap,
        count: usize,
    ) -> Result<Option<Top>, StorageError> {
        let param = match sort.by {
            SortKey::Param(param) => param.0,
            SortKey::Updated => UPDATED,
            SortKey::Id | SortKey::Type => return Ok(None),
        };
        let (known, best) = Default::default();
        let is_descending = sort.descending;
        // The rows at the place itself, which were shown already, must not crowd out those after it.
        let count = if begin.is_some() { count + TIES_MAX } else { count };
        let mut walk = Walk { rows, is_descending, count, known, best, is_date: true };
        for segment in types.segments.iter() {
            if rows.range(segment.base..segment.end).next().is_none() {
                continue;
            }
            let reader = self.segment(segment);
            let span_max = i64::try_from(reader.spans(param)?.date_us).unwrap_or(i64::MAX);
            if is_descending {
                let to = begin.and_then(|time| time.checked_add(1)).map_or(vec![u8::MAX], date_from);
                reader.range_back(param, &to, |term, postings| walk.visit(term, postings, span_max))?;
            } else {
                let from = begin.map_or_else(Vec::new, date_from);
                reader.range(param, &from, |term, postings| walk.visit(term, postings, 0))?;
            }
            if !walk.is_date {
                return Ok(None);
            }
        }
        Ok(walk.top(&types.live))
    }
}

impl Walk<'_> {
    fn visit(
        &mut self,
        term: &[u8],
        postings: Postings<'_>,
        span_max: i64,
    ) -> Result<ControlFlow<()>, StorageError> {
        if term.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let Some((from, to)) = date_of(term) else {
            self.is_date = false;
            return Ok(ControlFlow::Break(()));
        };
        let (value, reachable) =
            if self.is_descending { (to, from.saturating_add(span_max)) } else { (!from, !from) };
        if self.worst().is_some_and(|worst| reachable < worst) {
            return Ok(ControlFlow::Break(()));
        }
        match postings.as_bitmap()? {
            Some(bitmap) => (bitmap & self.rows).into_iter().for_each(|ordinal| self.meet(ordinal, value)),
            None => postings.each(|ordinal| {
                if self.rows.contains(ordinal) {
                    self.meet(ordinal, value);
                }
            })?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// One of the rows has this value.
    fn meet(&mut self, ordinal: u32, value: i64) {
        let mut is_new = false;
        let known = self.known.entry(ordinal).or_insert_with(|| {
            is_new = true;
            value
        });
        *known = value.max(*known);
        if is_new {
            self.best.push(Reverse(value));
            if self.best.len() > self.count {
                self.best.pop();
            }
        }
    }

    /// What a row must reach to be among the first, once there are enough of them.
    fn worst(&self) -> Option<i64> {
        self.best.peek().filter(|_| self.best.len() == self.count).map(|worst| worst.0)
    }

    fn top(self, folded: &RoaringBitmap) -> Option<Top> {
        let worst = self.worst()?;
        let mut rows = self.rows - folded;
        let time = |value: i64| SortValue::Time(if self.is_descending { value } else { !value });
        let known = self.known.iter().filter(|(_, value)| **value >= worst);
        let known: Vec<_> = known.map(|(ordinal, value)| (*ordinal, time(*value))).collect();
        rows.extend(known.iter().map(|(ordinal, _)| *ordinal));
        Some(Top { rows, worst: time(worst), known })
    }
}
