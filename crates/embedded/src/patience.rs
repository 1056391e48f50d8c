//! How long a reading may go on: until nobody wants its answer, and at first only briefly.
//!
//! Most answers take less time than it takes to wake another thread. So a reading is tried where it was asked for, with
//! so little patience that it holds nobody up, and moves to a thread that may take its time when that is spent.

use std::cell::Cell;

use search::Cancellation;

use crate::StorageError;

/// What a step costs that opens a block: reading, decrypting, decompressing and looking through it.
pub(crate) const BLOCK_COST: u32 = 16;

/// What a step costs that decides about one resource.
pub(crate) const RESOURCE_COST: u32 = 1;

/// What a brief reading may cost: about a millisecond, most of it blocks.
const BRIEF_COST_MAX: u32 = 128 * BLOCK_COST;

/// The patience of one reading.
#[derive(Default)]
pub(crate) struct Patience {
    cancellation: Cancellation,
    /// What it may still cost; `None`: anything.
    left: Option<Cell<u32>>,
}

impl Patience {
    /// Until the flag is raised.
    pub(crate) fn until(cancellation: Cancellation) -> Patience {
        Patience { cancellation, left: None }
    }

    /// The same, and only briefly.
    pub(crate) fn briefly(cancellation: Cancellation) -> Patience {
        Patience { cancellation, left: Some(Cell::new(BRIEF_COST_MAX)) }
    }

    /// Whether the reading ended for no other reason than that it was to be brief.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.as_ref().is_some_and(|left| left.get() == 0) && !self.cancellation.is_cancelled()
    }

    /// Takes the cost of a step; fails if there is no patience for it.
    pub(crate) fn check(&self, cost: u32) -> Result<(), StorageError> {
        if self.cancellation.is_cancelled() {
            return Err(StorageError::Cancelled);
        }
        if let Some(left) = &self.left {
            left.set(left.get().saturating_sub(cost));
            if left.get() == 0 {
                return Err(StorageError::Cancelled);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_reading_ends_when_its_cost_is_spent_and_another_never() {
        let (brief, long) = (Patience::briefly(Cancellation::default()), Patience::default());
        let steps = (0..).take_while(|_| brief.check(BLOCK_COST).is_ok()).count() as u32;
        assert_eq!(steps, BRIEF_COST_MAX / BLOCK_COST - 1);
        assert!(brief.is_spent());
        assert!((0..10 * steps).all(|_| long.check(BLOCK_COST).is_ok()) && !long.is_spent());
    }

    #[test]
    fn what_nobody_wants_is_not_tried_again() {
        let flag = Cancellation::new();
        let brief = Patience::briefly(flag.clone());
        while brief.check(BLOCK_COST).is_ok() {}
        flag.cancel();
        assert!(!brief.is_spent() && brief.check(RESOURCE_COST).is_err());
    }
}
