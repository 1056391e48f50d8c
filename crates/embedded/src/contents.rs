//! What every reader of a data store shares, and the steps that all readings have in common: from a key to
//! its newest version, from an ordinal to the version and its entries.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, RwLock};

use fhir::{ResourceKey, ResourceType, Time};
use search::limits::{CONTAINERS_MAX, HIERARCHY_RESOURCES_MAX, TEXT_BODIES_MAX};
use search::{Entries, Filter, Graph, Hierarchy, Row, Visible};
use store::Stored;

use crate::StorageError;
use crate::index::{Directories, Segment, SegmentReader};
use crate::keyspace::IDENTITY;
use crate::kv::Kv;
use crate::patience::{BLOCK_COST, Patience, RESOURCE_COST};
use crate::records::{Identity, Meta};
use crate::seal::Sealer;
use crate::version::{Birth, Block, damaged};
use crate::view::{TypeView, View};

/// The database of one data store with the newest view of it.
pub(crate) struct Contents {
    pub(crate) kv: Kv,
    pub(crate) sealer: Sealer,
    pub(crate) directories: Directories,
    view: RwLock<Arc<View>>,
    next_segment: AtomicU32,
    is_stopped: AtomicBool,
    /// One more for every backup under way.
    backups: Arc<()>,
}

impl Contents {
    pub(crate) fn new(kv: Kv, sealer: Sealer, directories: Directories) -> Self {
        let (view, next_segment, is_stopped, backups) = Default::default();
        Contents { kv, sealer, directories, view, next_segment, is_stopped, backups }
    }

    /// The number of the next segment that is made.
    pub(crate) fn next_segment(&self) -> &AtomicU32 {
        &self.next_segment
    }

    /// Whether a write failed, so that what is on disk may be ahead of what is known.
    pub(crate) fn is_stopped(&self) -> &AtomicBool {
        &self.is_stopped
    }

    /// Counts one backup more, until it is dropped.
    pub(crate) fn count_backup(&self) -> Arc<()> {
        self.backups.clone()
    }

    /// Whether backups hold what is on the disk, so that nothing can leave it.
    pub(crate) fn is_being_backed_up(&self) -> bool {
        Arc::strong_count(&self.backups) > 1
    }

    /// The records of `meta`.
    pub(crate) fn meta(&self) -> Meta<'_> {
        Meta { kv: &self.kv, sealer: &self.sealer }
    }

    /// What there is now.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().expect("nothing panics while it holds the view").clone()
    }

    /// Lets readers see `view` from now on.
    pub(crate) fn publish(&self, view: Arc<View>) {
        *self.view.write().expect("nothing panics while it holds the view") = view;
    }

    /// A reader of what there is now.
    pub(crate) fn reading(&self) -> Reading<'_> {
        self.reading_of(self.view())
    }

    /// A reader of one view.
    pub(crate) fn reading_of(&self, view: Arc<View>) -> Reading<'_> {
        Reading {
            contents: self,
            view,
            blocks: Default::default(),
            bodies_left: Cell::new(TEXT_BODIES_MAX),
            containers_left: Cell::new(CONTAINERS_MAX),
            hierarchy_max: Cell::new(HIERARCHY_RESOURCES_MAX),
            hierarchies: Default::default(),
            patience: Patience::default(),
        }
    }
}

/// One reading: a view and the blocks it opened lately.
pub(crate) struct Reading<'a> {
    pub(crate) contents: &'a Contents,
    pub(crate) view: Arc<View>,
    blocks: std::cell::RefCell<HashMap<u16, Arc<Block>>>,
    /// Into how many more bodies may be looked for words.
    pub(crate) bodies_left: Cell<usize>,
    /// How many more may be opened for the resources contained in them.
    pub(crate) containers_left: Cell<usize>,
    /// How many resources a filter may name with all that stand above or below them.
    pub(crate) hierarchy_max: Cell<usize>,
    /// The hierarchies that were gone through.
    pub(crate) hierarchies: std::cell::RefCell<Vec<(Hierarchy, BTreeSet<ResourceKey>)>>,
    /// Ends the reading early.
    pub(crate) patience: Patience,
}

/// The newest version of a resource in a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) ordinal: u32,
    pub(crate) number: u64,
    pub(crate) is_deletion: bool,
    /// When the resource came to be.
    pub(crate) created: Time,
}

impl Standing {
    /// The same as it is kept.
    pub(crate) fn identity(&self) -> Identity {
        let Standing { ordinal, number, is_deletion, created } = *self;
        Identity { ordinal, number, is_deletion, created: Some(created) }
    }

    /// When the resource came to be of which a version follows that is no deletion.
    pub(crate) fn birth(before: Option<Standing>) -> Birth {
        match before {
            Some(Standing { is_deletion: false, created, .. }) => Birth::At(created),
            _ => Birth::Here,
        }
    }
}

/// A filter that looks at no other resource has no use for a graph.
pub(crate) struct NoGraph;

impl Graph for NoGraph {
    fn row(&self, _: &ResourceKey) -> Option<Row<'_>> {
        None
    }
    fn rows(&self, _: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

impl Reading<'_> {
    /// The same reading, with this much patience.
    pub(crate) fn with(self, patience: Patience) -> Self {
        Reading { patience, ..self }
    }

    pub(crate) fn of(&self, of: ResourceType) -> Option<&TypeView> {
        self.view.of(of)
    }

    /// The newest version of a resource, deletions included.
    pub(crate) fn newest(&self, key: &ResourceKey) -> Result<Option<Standing>, StorageError> {
        let Some(types) = self.of(key.of) else { return Ok(None) };
        if let Some(row) = types.recent_of(&key.id) {
            let (ordinal, number, is_deletion) = (row.ordinal, row.number, row.is_deletion());
            return Ok(Some(Standing { ordinal, number, is_deletion, created: row.created }));
        }
        let sealer = &self.contents.sealer;
        let at = Identity::key(sealer, key);
        let Some(sealed) = self.contents.kv.get(IDENTITY, &at)? else { return Ok(None) };
        let Identity { ordinal, number, is_deletion, created } = Identity::open(sealer, &at, &sealed)?;
        let created = match created {
            Some(created) => created,
            None => self.birth(key.of, ordinal)?.0,
        };
        self.known(types, key, Standing { ordinal, number, is_deletion, created })
    }

    /// The newest version at or before `standing` that this view knows: what a later commit or an
    /// abandoned run wrote over is found again by the versions' links.
    fn known(
        &self,
        types: &TypeView,
        key: &ResourceKey,
        mut standing: Standing,
    ) -> Result<Option<Standing>, StorageError> {
        while !types.is_known(standing.ordinal) {
            let block = self.block(key.of, standing.ordinal)?;
            let Some(prior) = block.version(standing.ordinal).prior else { return Ok(None) };
            let block = self.block(key.of, prior)?;
            let (number, is_deletion) = (block.version(prior).number, block.is_deletion(prior));
            standing =
                Standing { ordinal: prior, number, is_deletion, created: self.birth(key.of, prior)?.0 };
        }
        Ok(Some(standing))
    }

    /// When the resource of an ordinal's version came to be, and whether by this version.
    pub(crate) fn birth(&self, of: ResourceType, ordinal: u32) -> Result<(Time, bool), StorageError> {
        let (mut next, mut oldest) = (Some(ordinal), (Time(0), false));
        while let Some(at) = next {
            let block = self.block(of, at)?;
            let version = block.version(at);
            match version.birth {
                Birth::Here => return Ok((version.updated, at == ordinal)),
                Birth::At(created) => return Ok((created, false)),
                Birth::Unsaid if version.is_erased => {}
                Birth::Unsaid if at != ordinal && block.is_deletion(at) => break,
                Birth::Unsaid => oldest = (version.updated, at == ordinal),
            }
            next = version.prior;
        }
        Ok(oldest)
    }

    /// The block that holds an ordinal.
    pub(crate) fn block(&self, of: ResourceType, ordinal: u32) -> Result<Arc<Block>, StorageError> {
        let number = of.number();
        if let Some(block) = self.blocks.borrow().get(&number).filter(|block| block.holds(ordinal)) {
            self.patience.check(RESOURCE_COST)?;
            return Ok(block.clone());
        }
        self.patience.check(BLOCK_COST)?;
        let Contents { kv, sealer, .. } = self.contents;
        let block = Block::load(kv, sealer, number, ordinal)?.ok_or_else(|| damaged(number, ordinal))?;
        let block = Arc::new(block);
        self.blocks.borrow_mut().insert(number, block.clone());
        Ok(block)
    }

    /// The version of an ordinal as callers get it.
    pub(crate) fn stored(&self, of: ResourceType, ordinal: u32) -> Result<Stored, StorageError> {
        let written = self.block(of, ordinal)?.written(ordinal);
        let version = written.version;
        let (created, is_creation) = match version.birth {
            Birth::Here => (version.updated, true),
            Birth::At(created) => (created, false),
            Birth::Unsaid => self.birth(of, ordinal)?,
        };
        Ok(Stored {
            key: ResourceKey { of, id: version.id },
            version: version.number,
            updated: version.updated,
            created,
            is_creation,
            operation: version.operation,
            body: written.body,
        })
    }

    /// The key of an ordinal's resource.
    pub(crate) fn key(&self, of: ResourceType, ordinal: u32) -> Result<ResourceKey, StorageError> {
        if let Some(row) = self.of(of).and_then(|types| types.recent_at(ordinal)) {
            return Ok(row.key.clone());
        }
        Ok(ResourceKey { of, id: self.block(of, ordinal)?.version(ordinal).id.clone() })
    }

    /// Shows an ordinal's version to `look` as a filter sees it.
    pub(crate) fn with_row<T>(
        &self,
        of: ResourceType,
        ordinal: u32,
        look: impl FnOnce(Row<'_>) -> T,
    ) -> Result<T, StorageError> {
        if let Some(row) = self.of(of).and_then(|types| types.recent_at(ordinal)) {
            return Ok(look(row.row()));
        }
        let block = self.block(of, ordinal)?;
        let entries = self.entries(&block, of, ordinal)?;
        let version = block.version(ordinal);
        let key = ResourceKey { of, id: version.id.clone() };
        Ok(look(Row { key: &key, updated: version.updated, within: None, entries: &entries }))
    }

    pub(crate) fn entries(
        &self,
        block: &Block,
        of: ResourceType,
        ordinal: u32,
    ) -> Result<Entries, StorageError> {
        let Contents { kv, sealer, .. } = self.contents;
        block.entries(kv, sealer, of.number(), ordinal)
    }

    /// Whether a version may be seen; a deletion by whom the version before it was.
    pub(crate) fn sees(
        &self,
        visible: &Visible,
        of: ResourceType,
        ordinal: u32,
    ) -> Result<bool, StorageError> {
        match visible.of(of) {
            Filter::Everything => return Ok(true),
            Filter::Nothing => return Ok(false),
            _ => {}
        }
        let Some(judged) = self.judged(of, ordinal)? else { return Ok(false) };
        self.with_row(of, judged, |row| visible.of(of).matches(row, &NoGraph))
    }

    /// The version by which a version is judged: itself, or for a deletion the newest one before it that is left.
    fn judged(&self, of: ResourceType, ordinal: u32) -> Result<Option<u32>, StorageError> {
        let mut at = Some(ordinal);
        while let Some(judged) = at {
            let block = self.block(of, judged)?;
            let is_known = self.of(of).is_some_and(|types| types.is_known(judged));
            if is_known && !block.is_deletion(judged) {
                break;
            }
            at = block.version(judged).prior;
        }
        Ok(at)
    }

    /// Current resources, in the order asked (`Store::read`).
    pub(crate) fn read(
        &self,
        keys: &[ResourceKey],
        visible: &Visible,
    ) -> Result<Vec<Option<Stored>>, StorageError> {
        keys.iter()
            .map(|key| {
                let Some(standing) = self.newest(key)? else { return Ok(None) };
                if !self.sees(visible, key.of, standing.ordinal)? {
                    return Ok(None);
                }
                let stored = self.stored(key.of, standing.ordinal)?;
                // The identity is found by a hash of the key; the id itself is here.
                Ok((stored.key == *key).then_some(stored))
            })
            .collect()
    }

    /// A reader of one segment of the index.
    pub(crate) fn segment(&self, segment: &Segment) -> SegmentReader<'_> {
        let Contents { kv, sealer, directories, .. } = self.contents;
        SegmentReader::new(kv, sealer, directories, *segment).with(&self.patience)
    }
}
