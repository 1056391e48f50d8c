//! Where the pages of a search begin and end.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::ResourceType;
use search::{Position, Search};
use store::StoreError;

use crate::contents::Reading;

/// One version, by its type and ordinal. Their order is that of rows that nothing else orders.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct At {
    pub(crate) of: ResourceType,
    pub(crate) ordinal: u32,
}

/// The newest version there was of each type searched, when the first page was made.
pub(crate) type Marks = Arc<BTreeMap<ResourceType, u32>>;

/// A place beside one row of an order, and the direction that a page goes from there. All of it is numbers:
/// the values that the order looks at are found again by the row.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) marks: Marks,
    pub(crate) row: At,
    side: Side,
    pub(crate) way: Way,
}

/// On which side of its row a place is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Before,
    Behind,
}

/// In which direction a page goes from its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    On,
    Back,
}

/// The places beside a page.
pub(crate) struct Edges {
    marks: Marks,
    way: Way,
    previous: Option<Place>,
    next: Option<Place>,
}

impl Place {
    /// Whether a row is on this place's way, by how it compares with the row of the place.
    pub(crate) fn shows(&self, row: Ordering) -> bool {
        match (self.way, self.side) {
            (Way::On, Side::Behind) => row.is_gt(),
            (Way::On, Side::Before) => row.is_ge(),
            (Way::Back, Side::Before) => row.is_lt(),
            (Way::Back, Side::Behind) => row.is_le(),
        }
    }

    fn position(&self) -> Position {
        let form = u8::from(self.way == Way::Back) << 1 | u8::from(self.side == Side::Before);
        let mut bytes = vec![form];
        for (of, mark) in &*self.marks {
            put(&mut bytes, At { of: *of, ordinal: *mark });
        }
        put(&mut bytes, self.row);
        Position(bytes)
    }

    fn read(position: &Position) -> Option<Place> {
        let (form, rest) = position.0.split_first().filter(|(form, _)| **form < 4)?;
        let mut all = rest.chunks(AT_BYTES).map(take).collect::<Option<Vec<At>>>()?;
        let row = all.pop()?;
        let is_rising = all.windows(2).all(|pair| pair[0].of < pair[1].of);
        is_rising.then(|| Place {
            marks: Arc::new(all.into_iter().map(|at| (at.of, at.ordinal)).collect()),
            row,
            side: if form & 1 == 0 { Side::Behind } else { Side::Before },
            way: if form & 2 == 0 { Way::On } else { Way::Back },
        })
    }
}

const AT_BYTES: usize = 6;

fn put(out: &mut Vec<u8>, at: At) {
    out.extend_from_slice(&at.of.number().to_be_bytes());
    out.extend_from_slice(&at.ordinal.to_be_bytes());
}

fn take(bytes: &[u8]) -> Option<At> {
    let (of, ordinal) = bytes.split_first_chunk::<2>()?;
    let of = ResourceType::from_number(u16::from_be_bytes(*of))?;
    Some(At { of, ordinal: u32::from_be_bytes(<[u8; 4]>::try_from(ordinal).ok()?) })
}

impl Edges {
    /// Of the first page: there is nothing before it.
    pub(crate) fn first(marks: Marks) -> Edges {
        Edges { marks, way: Way::On, previous: None, next: None }
    }

    /// Of the page at a place: back from there is whence it came.
    pub(crate) fn of_page_at(place: &Place) -> Edges {
        let whence = |way| Some(Place { way, ..place.clone() });
        let (previous, next) = match place.way {
            Way::On => (whence(Way::Back), None),
            Way::Back => (None, whence(Way::On)),
        };
        Edges { marks: place.marks.clone(), way: place.way, previous, next }
    }

    /// The positions on both sides of a page of these rows, the second where the order goes on; `is_more`
    /// says whether there is more beyond them in the page's own direction.
    pub(crate) fn around(self, rows: &[At], is_more: bool) -> [Option<Position>; 2] {
        let Edges { marks, way, mut previous, mut next } = self;
        let far = match way {
            Way::On => rows.last().map(|row| (row, Side::Behind)),
            Way::Back => rows.first().map(|row| (row, Side::Before)),
        };
        let far = far.filter(|_| is_more).map(|(row, side)| Place { marks, row: *row, side, way });
        match way {
            Way::On => next = far,
            Way::Back => previous = far,
        }
        [previous, next].map(|place| place.map(|place| place.position()))
    }
}

impl Reading<'_> {
    /// The newest versions there are of the types searched.
    pub(crate) fn marks(&self, search: &Search) -> Marks {
        let newest = |of: &ResourceType| Some((*of, self.of(*of)?.next.checked_sub(1)?));
        Arc::new(search.types().iter().filter_map(|(of, _)| newest(of)).collect())
    }

    /// The place that a search goes on from, if it does.
    pub(crate) fn place(&self, search: &Search) -> Result<Option<Place>, StoreError> {
        let Some(position) = &search.after else { return Ok(None) };
        let place = Place::read(position).ok_or(StoreError::Position)?;
        let is_searched = |of: &ResourceType| search.types().iter().any(|(searched, _)| searched == of);
        let is_past = |(of, mark): (&ResourceType, &u32)| {
            is_searched(of) && self.of(*of).is_some_and(|types| *mark < types.next)
        };
        let At { of, ordinal } = place.row;
        let is_ours = place.marks.iter().all(is_past)
            && place.marks.get(&of).is_some_and(|mark| ordinal <= *mark)
            && self.can_go_on_from(search, of, ordinal)?;
        if is_ours { Ok(Some(place)) } else { Err(StoreError::Position) }
    }

    fn can_go_on_from(
        &self,
        search: &Search,
        of: ResourceType,
        ordinal: u32,
    ) -> Result<bool, crate::StorageError> {
        let Some(types) = self.of(of) else { return Ok(false) };
        if types.is_known(ordinal) {
            return Ok(!self.block(of, ordinal)?.is_deletion(ordinal));
        }
        // Of what was erased only the place is left: enough to go on in the order written.
        Ok(search.sort.is_empty() && types.erased.contains(ordinal))
    }
}
