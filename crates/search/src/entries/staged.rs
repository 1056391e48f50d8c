//! Putting composites together inside the arena, so that no text is copied for a combination.

use super::{Entries, Packed, Text};
use crate::ParamId;

/// The most components of one composite parameter; the standard's have up to three.
const COMPONENTS_MAX: usize = 4;

/// Where the rows that count as staged begin.
#[derive(Clone, Copy)]
pub(crate) struct Stage(usize);

/// There would be more combinations than are left to be made.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Entries {
    /// From now on, entries are only staged: they stand for components, and their parameters number those.
    pub(crate) fn stage(&self) -> Stage {
        Stage(self.rows.len())
    }

    /// Takes everything since `stage` off the entries, to be combined.
    pub(crate) fn unstage(&mut self, Stage(first): Stage) {
        self.staged.clear();
        self.staged.extend(self.rows.drain(first..).filter(|(_, packed)| is_compared(packed)));
    }

    /// Adds one composite for each way to choose a staged value for every component, and takes their number
    /// off `left`.
    pub(crate) fn push_combinations(
        &mut self,
        param: ParamId,
        components: &[ParamId],
        left: &mut usize,
    ) -> Result<(), TooMany> {
        let mut chosen = [Packed::String(Text { start: 0, len: 0 }); COMPONENTS_MAX];
        if components.len() > COMPONENTS_MAX {
            return Ok(());
        }
        self.combine(param, components, 0, &mut chosen, left)
    }

    fn combine(
        &mut self,
        param: ParamId,
        components: &[ParamId],
        at: usize,
        chosen: &mut [Packed; COMPONENTS_MAX],
        left: &mut usize,
    ) -> Result<(), TooMany> {
        let Some(component) = components.get(at) else {
            *left = left.checked_sub(1).ok_or(TooMany)?;
            let first = self.parts.len() as u32;
            self.parts.extend_from_slice(&chosen[..at]);
            self.rows.push((param, Packed::Composite { first, count: at as u32 }));
            return Ok(());
        };
        for number in 0..self.staged.len() {
            let (of, packed) = self.staged[number];
            if of == *component {
                chosen[at] = packed;
                self.combine(param, components, at + 1, chosen, left)?;
            }
        }
        Ok(())
    }
}

/// Whether a value can be compared as a component; the others serve modifiers, which components cannot have.
fn is_compared(packed: &Packed) -> bool {
    use Packed::{ReferenceIdentifier, TokenText, TypedIdentifier};
    !matches!(packed, TokenText(_) | TypedIdentifier { .. } | ReferenceIdentifier { .. })
}
