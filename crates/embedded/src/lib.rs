//! The store on an embedded LSM engine: sealed values, blinded keys, an index in segments.
//!
//! `docs/storage-format.md` describes every byte, `docs/decisions/` why it lies as it does.

mod answer;
mod backup;
mod catalog;
mod chain;
mod check;
mod contained;
mod contents;
mod dictionary;
mod encode;
mod erase;
mod error;
mod explain;
mod fold;
mod hierarchy;
mod history;
mod include;
pub mod index;
mod ingest;
pub mod keyspace;
pub mod kv;
mod needle;
mod node;
mod notes;
mod open;
mod order;
pub mod pack;
mod page;
mod patience;
mod place;
mod records;
mod reindex;
mod repair;
pub mod seal;
mod select;
mod store;
mod top;
mod varint;
mod version;
mod view;
mod writer;

pub use self::store::EmbeddedStore;
pub use backup::{BackupReader, PIECE_BYTES_MAX, Piece, PieceEntry, Restoration, RestoreError, Restored};
pub use catalog::{BackupBegun, EmbeddedCatalog};
pub use check::{Bodies, Report, check};
pub use error::StorageError;
pub use open::StoreLimits;
pub use repair::{StoreRepair, repair_store};
