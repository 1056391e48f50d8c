//! The order of the rows that one type finds.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::ControlFlow;

use fhir::{ResourceType, Time};
use roaring::RoaringBitmap;
use search::{End, Sort, SortKey, SortValue};

use crate::StorageError;
use crate::contents::Reading;
use crate::encode::{UPDATED, sort_value};
use crate::page::{Cut, Ranked, first_difference};
use crate::place::At;
use crate::top::Top;
use crate::view::TypeView;

/// Results up to which the values to order by are taken from their entries rather than from the index.
const ORDER_BY_ENTRIES_MAX: u64 = 128;

/// What one sort key says about many ordinals: a number for each, whose order is that of the values.
struct Column {
    /// The values that occur, the lowest first.
    values: Vec<SortValue>,
    /// Which of them an ordinal has.
    of: Numbers,
}

/// A number for some ordinals: in a table when most of a stretch have one, else in a map.
enum Numbers {
    Table { first: u32, numbers: Vec<u32> },
    Map(HashMap<u32, u32>),
}

const NO_NUMBER: u32 = u32::MAX;
/// One in how many ordinals of a stretch must be a row for a table to be worth it.
const TABLE_FROM_SHARE: u64 = 16;

impl Numbers {
    fn for_rows(rows: &RoaringBitmap) -> Numbers {
        let (Some(first), Some(last)) = (rows.min(), rows.max()) else { return Numbers::Map(HashMap::new()) };
        let stretch = u64::from(last - first) + 1;
        if rows.len() * TABLE_FROM_SHARE < stretch {
            return Numbers::Map(HashMap::new());
        }
        Numbers::Table { first, numbers: vec![NO_NUMBER; stretch as usize] }
    }

    fn get(&self, ordinal: u32) -> Option<u32> {
        match self {
            Numbers::Table { first, numbers } => {
                let at = ordinal.checked_sub(*first)?;
                numbers.get(at as usize).copied().filter(|number| *number != NO_NUMBER)
            }
            Numbers::Map(numbers) => numbers.get(&ordinal).copied(),
        }
    }

    fn set(&mut self, ordinal: u32, number: u32) {
        match self {
            Numbers::Table { first, numbers } => numbers[(ordinal - *first) as usize] = number,
            Numbers::Map(numbers) => {
                numbers.insert(ordinal, number);
            }
        }
    }

    /// Gives each number its new name.
    fn rename(&mut self, names: &[u32]) {
        let rename = |number: &mut u32| {
            if *number != NO_NUMBER {
                *number = names[*number as usize];
            }
        };
        match self {
            Numbers::Table { numbers, .. } => numbers.iter_mut().for_each(rename),
            Numbers::Map(numbers) => numbers.values_mut().for_each(rename),
        }
    }
}

impl Reading<'_> {
    /// The `count` rows of one type that are the nearest by their values, from the place of `cut` on its way.
    pub(crate) fn sorted(
        &self,
        of: ResourceType,
        cut: &Cut<'_>,
        rows: &RoaringBitmap,
        count: usize,
    ) -> Result<Vec<Ranked>, StorageError> {
        let Some(types) = self.of(of) else { return Ok(Vec::new()) };
        if rows.intersection_len(&types.live) > ORDER_BY_ENTRIES_MAX
            && let Some(begin) = cut.begin()
            && let Some(top) = self.top(types, &cut.sort[0], begin, rows, count)?
        {
            let first = match cut.sort {
                [only] if begin.is_none() => self.first_known(of, cut, only, &top, count)?,
                _ => self.first_of(of, cut, types, &top.rows, count)?,
            };
            let last = first.get(count - 1).map(|last| &last.values[0]);
            if last.is_some_and(|last| cut.sort[0].compare(last, &Some(top.worst)) != Ordering::Greater) {
                return Ok(first);
            }
        }
        self.first_of(of, cut, types, rows, count)
    }

    /// The first rows of a page by one value that is known of the folded ones.
    fn first_known(
        &self,
        of: ResourceType,
        cut: &Cut<'_>,
        sort: &Sort,
        top: &Top,
        count: usize,
    ) -> Result<Vec<Ranked>, StorageError> {
        let ranked = |ordinal, value| Ranked { values: vec![value], at: At { of, ordinal } };
        let known = top.known.iter().map(|(ordinal, value)| ranked(*ordinal, Some(value.clone())));
        let mut first: Vec<Ranked> = known.collect();
        let folded: RoaringBitmap = top.known.iter().map(|(ordinal, _)| *ordinal).collect();
        for ordinal in &top.rows - &folded {
            first.push(ranked(ordinal, self.with_row(of, ordinal, |row| sort.value(row))?));
        }
        first.sort_unstable_by(|a, b| cut.compare(a, b));
        first.truncate(count);
        Ok(first)
    }

    fn first_of(
        &self,
        of: ResourceType,
        cut: &Cut<'_>,
        types: &TypeView,
        rows: &RoaringBitmap,
        count: usize,
    ) -> Result<Vec<Ranked>, StorageError> {
        let columns = cut.sort.iter().map(|sort| self.column(of, types, sort, rows));
        let columns: Vec<Column> = columns.collect::<Result<_, _>>()?;
        let mut left: Vec<u32> = match &cut.place {
            None => rows.iter().collect(),
            Some((place, values)) => {
                let ranks: Vec<_> =
                    columns.iter().zip(values).map(|(column, value)| column.rank(value.as_ref())).collect();
                let is_shown = |ordinal: &u32| {
                    let keys = cut.sort.iter().zip(&columns).zip(&ranks);
                    let by_values = first_difference(
                        keys.map(|((sort, column), rank)| column.beside(sort, *ordinal, *rank)),
                    );
                    place.shows(by_values.then_with(|| At { of, ordinal: *ordinal }.cmp(&place.row)))
                };
                rows.iter().filter(is_shown).collect()
            }
        };
        let compare = |a: &u32, b: &u32| {
            let by_values = cut.sort.iter().zip(&columns).map(|(sort, column)| column.compare(sort, *a, *b));
            cut.way.turn(first_difference(by_values).then(a.cmp(b)))
        };
        if left.len() > count {
            left.select_nth_unstable_by(count - 1, compare);
            left.truncate(count);
        }
        left.sort_unstable_by(compare);
        let ranked = |ordinal: u32| {
            let values = columns.iter().map(|column| column.value(ordinal).cloned()).collect();
            Ranked { values, at: At { of, ordinal } }
        };
        Ok(left.into_iter().map(ranked).collect())
    }

    fn column(
        &self,
        of: ResourceType,
        types: &TypeView,
        sort: &Sort,
        rows: &RoaringBitmap,
    ) -> Result<Column, StorageError> {
        let mut gathered = Gathered { sort, values: Vec::new(), of: Numbers::for_rows(rows) };
        if sort.by == SortKey::Type {
            gathered.add(SortValue::Text(of.name().to_owned()), rows);
            return Ok(gathered.column());
        }
        let by_entries = rows.intersection_len(&types.live) <= ORDER_BY_ENTRIES_MAX || sort.by == SortKey::Id;
        for ordinal in rows.iter().filter(|ordinal| by_entries || !types.live.contains(*ordinal)) {
            let value = match sort.by {
                SortKey::Id => Some(SortValue::Text(self.key(of, ordinal)?.id.as_str().to_owned())),
                _ => self.with_row(of, ordinal, |row| sort.value(row))?,
            };
            if let Some(value) = value {
                gathered.add(value, [ordinal]);
            }
        }
        if !by_entries {
            self.gather(types, rows, &mut gathered)?;
        }
        Ok(gathered.column())
    }

    /// The values of the folded `rows`, from the terms of the index.
    fn gather(
        &self,
        types: &TypeView,
        rows: &RoaringBitmap,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), StorageError> {
        let end = if gathered.sort.descending { End::High } else { End::Low };
        let (param, is_updated) = match gathered.sort.by {
            SortKey::Param(param) => (param.0, false),
            SortKey::Updated | SortKey::Id | SortKey::Type => (UPDATED, true),
        };
        for segment in types.segments.iter() {
            if rows.range(segment.base..segment.end).next().is_none() {
                continue;
            }
            self.segment(segment).range(param, &[], |term, postings| {
                let value =
                    if is_updated { Some(SortValue::Time(time_of(term)?.0)) } else { sort_value(term, end)? };
                if let Some(value) = value {
                    let mut ordinals = RoaringBitmap::new();
                    postings.add_to(&mut ordinals)?;
                    ordinals &= rows;
                    if !ordinals.is_empty() {
                        gathered.add(value, ordinals);
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }
}

fn time_of(term: &[u8]) -> Result<Time, StorageError> {
    let bytes = term.get(1..9).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| StorageError::Damaged("a time in the index".to_owned()))?;
    Ok(Time((u64::from_be_bytes(bytes) ^ 1 << 63) as i64))
}

/// Values as they are found, with who has them: of several the lowest counts, or the highest if descending.
struct Gathered<'s> {
    sort: &'s Sort,
    values: Vec<SortValue>,
    of: Numbers,
}

impl Gathered<'_> {
    fn add(&mut self, value: SortValue, ordinals: impl IntoIterator<Item = u32>) {
        let number = self.values.len() as u32;
        for ordinal in ordinals {
            let is_better = self.of.get(ordinal).is_none_or(|before| {
                let order = value.cmp(&self.values[before as usize]);
                if self.sort.descending { order.is_gt() } else { order.is_lt() }
            });
            if is_better {
                self.of.set(ordinal, number);
            }
        }
        self.values.push(value);
    }

    fn column(mut self) -> Column {
        let mut order: Vec<u32> = (0..self.values.len() as u32).collect();
        order.sort_by(|a, b| self.values[*a as usize].cmp(&self.values[*b as usize]));
        let mut ranks = vec![0; order.len()];
        let mut values: Vec<SortValue> = Vec::new();
        for at in order {
            let value = &self.values[at as usize];
            if values.last().is_none_or(|last| last.cmp(value).is_ne()) {
                values.push(value.clone());
            }
            ranks[at as usize] = values.len() as u32 - 1;
        }
        self.of.rename(&ranks);
        Column { values, of: self.of }
    }
}

impl Column {
    fn value(&self, ordinal: u32) -> Option<&SortValue> {
        self.of.get(ordinal).map(|rank| &self.values[rank as usize])
    }

    /// Where a value stands among those that occur: on one of them, or before one.
    fn rank(&self, value: Option<&SortValue>) -> Option<Result<usize, usize>> {
        value.map(|value| self.values.binary_search(value))
    }

    /// The order of an ordinal and a value of this rank under `sort`, missing last.
    fn beside(&self, sort: &Sort, ordinal: u32, rank: Option<Result<usize, usize>>) -> Ordering {
        let own = self.of.get(ordinal).map(|number| number as usize);
        match (own, rank) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(own), Some(rank)) => {
                let order = match rank {
                    Ok(same) => own.cmp(&same),
                    Err(next) if own < next => Ordering::Less,
                    Err(_) => Ordering::Greater,
                };
                if sort.descending { order.reverse() } else { order }
            }
        }
    }

    /// The order of two ordinals under `sort`, missing last.
    fn compare(&self, sort: &Sort, a: u32, b: u32) -> Ordering {
        match (self.of.get(a), self.of.get(b)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if sort.descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
        }
    }
}
