//! The sizes that jobs work in. Each has a name and a unit.

use serde::{Deserialize, Serialize};

/// Lines of one run of an import, blank ones too.
pub const RUN_LINES_MAX: usize = 65_536;
/// Bytes of text in one run, at the most and at the least; the line that reaches it still belongs to it.
pub const RUN_BYTES_MAX: usize = 32 << 20;
/// See [`RUN_BYTES_MAX`].
pub const RUN_BYTES_MIN: usize = 1 << 20;
/// What an import takes for each byte of a run: its lines, what is extracted of them, what is written of that, for the
/// run being stored and the one being prepared.
const MEMORY_A_RUN_BYTE: usize = 16;
/// Files that end in one run.
pub const RUN_FILES_MAX: usize = 1_000;
/// The longest line, in bytes: what an import may bring.
pub const LINE_BYTES_MAX: usize = store::limits::BODY_BYTES_MAX;
/// Runs' worth of text that is read ahead of the decision about it. A longer line waits until it can have all of it.
pub const RUNS_OF_TEXT_AHEAD: usize = 2;
/// A part of an export is ended after the page that takes it past this, in bytes.
pub const PART_BYTES_MAX: u64 = 64 << 20;

const _: () = assert!(RUN_LINES_MAX <= store::limits::RUN_PUTS_MAX);

/// The sizes of one job. They are part of its checkpoint, since the bounds of its runs follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Lines of one run.
    pub run_lines: usize,
    /// Bytes of one run.
    pub run_bytes: usize,
    /// Files that end in one run.
    pub run_files: usize,
    /// Bytes of a line.
    pub line_bytes: usize,
    /// Bytes of a part of an export.
    pub part_bytes: u64,
}

impl Sizes {
    /// Sizes with which one job stays within so much memory, in bytes.
    pub fn within(memory_bytes: usize) -> Sizes {
        let run_bytes = (memory_bytes / MEMORY_A_RUN_BYTE).clamp(RUN_BYTES_MIN, RUN_BYTES_MAX);
        Sizes { run_bytes, ..Sizes::default() }
    }
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes {
            run_lines: RUN_LINES_MAX,
            run_bytes: RUN_BYTES_MAX,
            run_files: RUN_FILES_MAX,
            line_bytes: LINE_BYTES_MAX,
            part_bytes: PART_BYTES_MAX,
        }
    }
}
