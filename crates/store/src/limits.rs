//! Limits of the store that callers may rely on. Each has a name and a unit.

/// The largest body of one resource, in bytes: what an import may bring (HealthLake's limit for Binary).
pub const BODY_BYTES_MAX: usize = 164 * 1024 * 1024;

/// Writes in one transaction.
pub const TRANSACTION_WRITES_MAX: usize = 10_000;

/// Puts in one run of an import.
pub const RUN_PUTS_MAX: usize = 131_072;

/// Rows of one page, matches or versions.
pub const PAGE_ROWS_MAX: usize = 10_000;

/// Bodies of one page, matches or versions, in bytes: it ends before the row that would take it beyond, but
/// holds at least one.
pub const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Steps of a plan; of what is left out it says that there is more.
pub const PLAN_STEPS_MAX: usize = 500;

/// How deep chains may nest in one filter.
pub use search::limits::CHAIN_DEPTH_MAX;

/// How many resources at the other end of references a backend may have to look up, one by one, for one link of a
/// chain; a search that needs more may be refused.
pub const CHAIN_TARGETS_MAX: usize = 4_000_000;

/// How many times what was included may include more (`_include:iterate`).
pub const INCLUDE_ROUNDS_MAX: usize = 16;

/// The longest name of a note, in bytes.
pub const NOTE_NAME_BYTES_MAX: usize = 200;

/// The largest content of a note, in bytes.
pub const NOTE_BYTES_MAX: usize = 32 * 1024 * 1024;
