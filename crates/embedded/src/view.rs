//! What there is at one moment, as readers see it: never changed, replaced as a whole by the writer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use fhir::{Id, ResourceKey, ResourceType, Time};
use roaring::RoaringBitmap;
use search::{Entries, ParameterSet, Row};
use store::Operation;

use crate::index::Segment;
use crate::needle::{Needle, Needles, add_needles};

/// All types at one moment.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// The number of the last commit.
    pub(crate) sequence: u64,
    /// The time of the last commit.
    pub(crate) newest: Option<Time>,
    /// The search parameters that there are.
    pub(crate) parameters: ParameterSet,
    /// What there is of each type that has any, by the type's number.
    pub(crate) types: BTreeMap<u16, Arc<TypeView>>,
    /// The same in all views between two erasures: while it is held, somebody may still read what was erased
    /// after it.
    pub(crate) era: Arc<()>,
}

/// One type at one moment.
#[derive(Clone, Default)]
pub(crate) struct TypeView {
    /// The ordinal that the next version gets.
    pub(crate) next: u32,
    /// The folded ordinals that were live at the last fold.
    pub(crate) live: Arc<RoaringBitmap>,
    /// The ordinals that died since, folded or recent.
    pub(crate) dead: Arc<RoaringBitmap>,
    /// The index of the folded ordinals, by rising ordinals.
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    /// Ordinals that were given to runs which never became visible.
    pub(crate) void: Arc<Vec<Range<u32>>>,
    /// The ordinals whose versions were removed for good.
    pub(crate) erased: Arc<RoaringBitmap>,
    /// Those of them of which something may be left on the disk.
    pub(crate) erasing: Arc<RoaringBitmap>,
    /// What was committed since the last fold, oldest first.
    pub(crate) recent: Vec<Arc<Group>>,
}

/// One version that is not folded yet.
#[derive(Debug)]
pub(crate) struct Recent {
    pub(crate) ordinal: u32,
    pub(crate) key: ResourceKey,
    pub(crate) number: u64,
    pub(crate) updated: Time,
    /// When the resource came to be.
    pub(crate) created: Time,
    pub(crate) operation: Operation,
    pub(crate) entries: Entries,
}

impl Recent {
    pub(crate) fn row(&self) -> Row<'_> {
        Row { key: &self.key, updated: self.updated, entries: &self.entries, within: None }
    }

    pub(crate) fn is_deletion(&self) -> bool {
        self.operation == Operation::Delete
    }
}

/// Some recent versions of one type, in order, with the newest of each resource among them.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) rows: Vec<Arc<Recent>>,
    newest: HashMap<Id, usize>,
    /// Made when they are first asked for: large groups live long.
    needles: OnceLock<Needles>,
}

/// Rows from which a group is worth needles.
const NEEDLES_FROM_ROWS: usize = 32;

impl Group {
    fn push(&mut self, row: Arc<Recent>) {
        if let Some(known) = self.needles.get_mut() {
            add_needles(known, self.rows.len(), &row.entries);
        }
        self.newest.insert(row.key.id.clone(), self.rows.len());
        self.rows.push(row);
    }

    /// The rows of this group that may have one of these needles.
    fn with_needles(&self, wanted: &[Needle]) -> Vec<&Arc<Recent>> {
        if self.rows.len() < NEEDLES_FROM_ROWS {
            return self.rows.iter().collect();
        }
        let needles = self.needles.get_or_init(|| {
            let mut needles = Needles::new();
            self.rows.iter().enumerate().for_each(|(at, row)| add_needles(&mut needles, at, &row.entries));
            needles
        });
        let found: BTreeSet<u32> =
            wanted.iter().filter_map(|needle| needles.get(needle)).flatten().copied().collect();
        found.into_iter().map(|at| &self.rows[at as usize]).collect()
    }
}

impl View {
    pub(crate) fn of(&self, of: ResourceType) -> Option<&TypeView> {
        self.types.get(&of.number()).map(Arc::as_ref)
    }

    /// One type, to be changed; readers keep what they have.
    pub(crate) fn change(&mut self, of: u16) -> &mut TypeView {
        Arc::make_mut(self.types.entry(of).or_default())
    }

    /// How many versions wait to be folded.
    pub(crate) fn recent_count(&self) -> usize {
        self.types.values().flat_map(|of| &of.recent).map(|group| group.rows.len()).sum()
    }
}

impl TypeView {
    /// The folded ordinals that live still, or those of them that stand in `within`.
    pub(crate) fn folded_current(&self, within: Option<&RoaringBitmap>) -> RoaringBitmap {
        let live = within.map_or_else(|| RoaringBitmap::clone(&self.live), |within| within & &*self.live);
        live - &*self.dead
    }

    /// All recent versions, oldest first, whether they live or not.
    pub(crate) fn recent_rows(&self) -> impl DoubleEndedIterator<Item = &Arc<Recent>> {
        self.recent.iter().flat_map(|group| group.rows.iter())
    }

    /// The recent versions that are current and no deletions.
    pub(crate) fn recent_live(&self) -> impl Iterator<Item = &Arc<Recent>> {
        self.recent_rows().filter(|row| !row.is_deletion() && !self.dead.contains(row.ordinal))
    }

    /// The same, but only those that may have one of these needles.
    pub(crate) fn recent_with(&self, wanted: &[Needle]) -> impl Iterator<Item = &Arc<Recent>> {
        let found = self.recent.iter().flat_map(|group| group.with_needles(wanted));
        found.filter(|row| !row.is_deletion() && !self.dead.contains(row.ordinal))
    }

    /// The newest recent version of a resource.
    pub(crate) fn recent_of(&self, id: &Id) -> Option<&Arc<Recent>> {
        self.recent.iter().rev().find_map(|group| group.newest.get(id).map(|at| &group.rows[*at]))
    }

    /// The recent version of an ordinal.
    pub(crate) fn recent_at(&self, ordinal: u32) -> Option<&Arc<Recent>> {
        let at =
            self.recent.partition_point(|group| group.rows.last().is_some_and(|row| row.ordinal < ordinal));
        let rows = &self.recent.get(at)?.rows;
        rows.binary_search_by_key(&ordinal, |row| row.ordinal).ok().map(|at| &rows[at])
    }

    /// The current ordinals that are no deletions.
    pub(crate) fn current(&self) -> RoaringBitmap {
        let mut current = &*self.live - &*self.dead;
        current.extend(self.recent_live().map(|row| row.ordinal));
        current
    }

    /// Whether an ordinal is one that readers of this view may look at.
    pub(crate) fn is_known(&self, ordinal: u32) -> bool {
        ordinal < self.next
            && !self.erased.contains(ordinal)
            && !self.void.iter().any(|range| range.contains(&ordinal))
    }

    /// Adds a version and marks the one it replaces as dead.
    pub(crate) fn push(&mut self, row: Arc<Recent>, prior: Option<u32>) {
        self.next = row.ordinal + 1;
        if let Some(prior) = prior {
            Arc::make_mut(&mut self.dead).insert(prior);
        }
        match self.recent.last_mut().and_then(Arc::get_mut) {
            Some(group) => group.push(row),
            None => {
                let mut group = Group::default();
                group.push(row);
                self.recent.push(Arc::new(group));
            }
        }
    }

    /// Joins groups so that their number stays logarithmic and looking through them cheap.
    pub(crate) fn join_groups(&mut self) {
        while let [.., before, last] = self.recent.as_slice() {
            if before.rows.len() > 2 * last.rows.len() {
                break;
            }
            let mut joined =
                Group { rows: before.rows.clone(), newest: before.newest.clone(), needles: OnceLock::new() };
            last.rows.iter().for_each(|row| joined.push(row.clone()));
            self.recent.truncate(self.recent.len() - 2);
            self.recent.push(Arc::new(joined));
        }
    }

    /// Drops the recent versions before `end`, which are folded now.
    pub(crate) fn forget_recent(&mut self, end: u32) {
        let mut kept = Group::default();
        self.recent_rows().filter(|row| row.ordinal >= end).for_each(|row| kept.push(row.clone()));
        self.recent = if kept.rows.is_empty() { Vec::new() } else { vec![Arc::new(kept)] };
    }
}
