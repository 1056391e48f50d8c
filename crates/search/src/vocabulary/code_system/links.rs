//! Which concepts stand directly above or below which: one row of numbers for all.

/// From each concept to others.
#[derive(Default, Debug)]
pub(super) struct Links {
    /// Where those of a concept begin; one more than there are concepts.
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Links {
    /// Of pairs of a concept and another, for `len` concepts.
    pub(super) fn of_pairs(len: usize, mut pairs: Vec<(u32, u32)>) -> Links {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = Vec::with_capacity(len + 1);
        let mut at = 0;
        for number in 0..=len as u32 {
            while pairs.get(at).is_some_and(|(from, _)| *from < number) {
                at += 1;
            }
            starts.push(at as u32);
        }
        Links { starts, targets: pairs.into_iter().map(|(_, to)| to).collect() }
    }

    /// The concepts that one leads to, in their order.
    pub(super) fn of(&self, number: u32) -> &[u32] {
        let at = number as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(start), Some(end)) => &self.targets[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.targets)
    }
}
