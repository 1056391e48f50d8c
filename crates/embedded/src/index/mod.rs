//! The index: for every parameter the terms that occur, in order, each with the ordinals that have it. It is
//! kept in segments, each over a stretch of one type's ordinals and never changed once written.

mod block;
mod build;
mod gather;
mod merge;
mod read;

pub use block::Postings;
pub use build::{SegmentWriter, TermTable};
pub use gather::Gathered;
pub(crate) use merge::RowStream;
pub use merge::merge;
pub use read::{Directories, SegmentReader};

/// A stretch of ordinals of one type whose index lies together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The number of the type.
    pub of: u16,
    /// Its number within the type, never used twice.
    pub number: u32,
    /// The first ordinal.
    pub base: u32,
    /// The ordinal after the last.
    pub end: u32,
}

impl Segment {
    /// The key of block `block` of `param`; block 0 is the parameter's directory.
    pub fn key(&self, param: u16, block: u32) -> Vec<u8> {
        let mut key = Vec::with_capacity(12);
        key.extend_from_slice(&self.of.to_be_bytes());
        key.extend_from_slice(&self.number.to_be_bytes());
        key.extend_from_slice(&param.to_be_bytes());
        key.extend_from_slice(&block.to_be_bytes());
        key
    }
}
