//! Where the pages of a search in the model begin and end.

use std::cmp::Ordering;

use search::Position;

/// A place beside one row of an order, the direction that a page goes from there, and the newest version
/// that there was when the first page was made. All are numbers: the values that the order looks at are
/// found again by the row's ordinal.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) mark: usize,
    pub(super) row: usize,
    pub(super) side: Side,
    pub(super) way: Way,
}

/// On which side of its row a place is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Before,
    Behind,
}

/// In which direction a page goes from its place.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    On,
    Back,
}

/// The places beside a page.
pub(super) struct Edges {
    mark: usize,
    way: Way,
    pub(super) previous: Option<Place>,
    pub(super) next: Option<Place>,
}

impl Place {
    /// Whether a row is on this place's way, by how it compares with the row of the place.
    pub(super) fn shows(self, row: Ordering) -> bool {
        match (self.way, self.side) {
            (Way::On, Side::Behind) => row.is_gt(),
            (Way::On, Side::Before) => row.is_ge(),
            (Way::Back, Side::Before) => row.is_lt(),
            (Way::Back, Side::Behind) => row.is_le(),
        }
    }

    pub(super) fn position(self) -> Position {
        let form = u8::from(self.way == Way::Back) << 1 | u8::from(self.side == Side::Before);
        let mut bytes = vec![form];
        bytes.extend((self.mark as u64).to_be_bytes());
        bytes.extend((self.row as u64).to_be_bytes());
        Position(bytes)
    }

    pub(super) fn read(position: &Position) -> Option<Place> {
        let (form, rest) = position.0.split_first()?;
        let (mark, rest) = rest.split_first_chunk::<8>()?;
        let row = <[u8; 8]>::try_from(rest).ok()?;
        Some(Place {
            mark: usize::try_from(u64::from_be_bytes(*mark)).ok()?,
            row: usize::try_from(u64::from_be_bytes(row)).ok()?,
            side: if form & 1 == 0 { Side::Behind } else { Side::Before },
            way: if form & 2 == 0 { Way::On } else { Way::Back },
        })
        .filter(|_| *form < 4)
    }
}

impl Edges {
    /// Of the first page: there is nothing before it.
    pub(super) fn first(mark: usize) -> Edges {
        Edges { mark, way: Way::On, previous: None, next: None }
    }

    /// Of the page at a place: back from there is whence it came.
    pub(super) fn of_page_at(place: Place) -> Edges {
        let (previous, next) = match place.way {
            Way::On => (Some(Place { way: Way::Back, ..place }), None),
            Way::Back => (None, Some(Place { way: Way::On, ..place })),
        };
        Edges { mark: place.mark, way: place.way, previous, next }
    }

    /// The same with the far edge, if there is more beyond these rows.
    pub(super) fn end(mut self, mut rows: impl DoubleEndedIterator<Item = usize>, is_more: bool) -> Edges {
        let mark = self.mark;
        match self.way {
            _ if !is_more => {}
            Way::On => {
                let row = rows.next_back();
                self.next = row.map(|row| Place { mark, row, side: Side::Behind, way: Way::On });
            }
            Way::Back => {
                let row = rows.next();
                self.previous = row.map(|row| Place { mark, row, side: Side::Before, way: Way::Back });
            }
        }
        self
    }
}
