//! All spaces of a data store's database, in one table. `docs/storage-format.md` describes every byte.

use crate::kv::{Space, SpaceOptions};

/// Where a resource stands: type, blind(id) → newest version and where its body is.
pub const IDENTITY: Space = Space(0);
/// Bodies in blocks: type, first ordinal → versions with their bodies.
pub const BODY: Space = Space(1);
/// What every commit and run did: sequence → writes.
pub const LOG: Space = Space(2);
/// Terms and who has them: type, segment, parameter, block → rows.
pub const INDEX: Space = Space(3);
/// Facts about the store: format, segments, live ordinals, runs.
pub const META: Space = Space(4);

const MEMTABLE_BYTES: u64 = 8 * 1024 * 1024;

/// The table, in the order of the numbers above.
pub const SPACES: [SpaceOptions; 5] = [
    SpaceOptions { name: "identity", block_bytes: 4 * 1024, memtable_bytes: MEMTABLE_BYTES },
    SpaceOptions { name: "body", block_bytes: 16 * 1024, memtable_bytes: MEMTABLE_BYTES },
    SpaceOptions { name: "log", block_bytes: 4 * 1024, memtable_bytes: MEMTABLE_BYTES },
    SpaceOptions { name: "index", block_bytes: 8 * 1024, memtable_bytes: MEMTABLE_BYTES },
    SpaceOptions { name: "meta", block_bytes: 4 * 1024, memtable_bytes: MEMTABLE_BYTES },
];
