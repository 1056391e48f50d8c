//! The limits of the FHIR door: each with a name and a unit.

use std::num::NonZeroUsize;

/// The largest body of a request, in bytes: HealthLake's 5 MB for a resource. More is answered with 413.
pub const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The largest Bundle that is processed as a batch or a transaction, in bytes. More is answered with 413.
pub const BUNDLE_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The most entries of a batch or a transaction, HealthLake's for asynchronous ones. More is answered with 422.
pub const BUNDLE_ENTRIES_MAX: usize = 500;

/// How many entries an operator may allow: what one commit can hold.
pub const BUNDLE_ENTRIES_CEILING: usize = store::limits::TRANSACTION_WRITES_MAX;

/// How large a Bundle an operator may allow, in bytes: what a parsed document can hold.
pub const BUNDLE_BYTES_CEILING: usize = fhir::DOCUMENT_BYTES_MAX;

/// What the entries of one Bundle may read and write together, in bytes: a small Bundle can ask for much.
pub const BUNDLE_CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most asynchronous transactions that wait in one data store, as on HealthLake. More is answered with 429.
pub const WAITING_TRANSACTIONS_MAX: usize = 500;

/// For how long the answer of an asynchronous transaction is kept, in days, as on HealthLake.
pub const TRANSACTION_ANSWER_DAYS: i64 = 90;

/// How many entries of a batch are done at the same time.
pub(crate) const BATCH_ENTRIES_AT_ONCE_MAX: usize = 64;

/// The most different conditional references of a transaction, or as many as it may have entries.
pub const CONDITIONAL_REFERENCES_MAX: usize = 500;

/// How often a transaction is looked at again when another write came between.
pub(crate) const TRANSACTION_ATTEMPTS_MAX: usize = 16;

/// How many entries of a transaction are worked on before others get their turn.
pub(crate) const ENTRIES_AT_A_STRETCH_MAX: usize = 16;

/// The most matches of one page, and the default (`_count`).
pub const PAGE_MATCHES_MAX: usize = 100;

/// The most resources that come with one page of matches (`_include`, `_revinclude`).
pub const INCLUDED_MAX: usize = 1000;

/// How many statements of what data stores with search parameters of their own can do (`metadata`) are kept.
pub(crate) const CAPABILITIES_KEPT_MAX: usize = 8;

/// The most versions of one page of a history, and the default; a larger `_count` is taken as this.
pub const PAGE_VERSIONS_MAX: usize = 100;

/// The most resources with a profile, tag or security label that `$meta` of a type or the data store looks at.
pub const META_RESOURCES_MAX: usize = 100_000;

/// The most resources of a List whose history is asked for (`_list`).
pub const LIST_ENTRIES_MAX: usize = 10_000;

/// The longest search as text, in bytes: URL query and form body together. It must fit, sealed, into the
/// `next` link.
pub const SEARCH_BYTES_MAX: usize = 32 * 1024;

/// The most parameters of one request.
pub const PARAMETERS_MAX: usize = 256;

/// The longest page token, in bytes of its text.
pub const PAGE_TOKEN_BYTES_MAX: usize = 60 * 1024;

/// Resources in one document that `$document` puts together.
pub const DOCUMENT_RESOURCES_MAX: usize = 10_000;

/// The largest document that `$document` puts together, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most concept maps that `$translate` looks into when none is named, the newest first, as on HealthLake.
pub const CONCEPT_MAPS_MAX: usize = 10;

/// Answers from this many bytes on are packed by gzip for clients that take it.
pub const GZIP_BYTES_MIN: usize = 1024;
/// How long an idempotency key is remembered, in milliseconds: a day, far longer than clients try again.
pub const IDEMPOTENCY_KEY_MS: i64 = 24 * 60 * 60 * 1000;

/// Resources in one `$everything`.
pub const EVERYTHING_RESOURCES_MAX: usize = 500_000;

/// How long the pages of one `$everything` can be asked for, in milliseconds.
pub const EVERYTHING_PAGES_MS: i64 = 3_600_000;

/// How often a write that nobody made conditional is tried again when another came between.
pub(crate) const COMMIT_ATTEMPTS_MAX: usize = 64;

/// The limits of one service, which an operator may set lower or higher than the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`BODY_BYTES_MAX`].
    pub body_bytes: usize,
    /// See [`BUNDLE_BYTES_MAX`]; at most [`BUNDLE_BYTES_CEILING`].
    pub bundle_bytes: usize,
    /// See [`BUNDLE_ENTRIES_MAX`]; at most [`BUNDLE_ENTRIES_CEILING`].
    pub bundle_entries: usize,
    /// See [`BUNDLE_CONTENT_BYTES_MAX`].
    pub bundle_content_bytes: usize,
    /// See [`PAGE_MATCHES_MAX`].
    pub page_matches: NonZeroUsize,
    /// See [`PAGE_VERSIONS_MAX`].
    pub page_versions: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        let some = |number| NonZeroUsize::new(number).expect("the default limits are not zero");
        Limits {
            body_bytes: BODY_BYTES_MAX,
            bundle_bytes: BUNDLE_BYTES_MAX,
            bundle_entries: BUNDLE_ENTRIES_MAX,
            bundle_content_bytes: BUNDLE_CONTENT_BYTES_MAX,
            page_matches: some(PAGE_MATCHES_MAX),
            page_versions: some(PAGE_VERSIONS_MAX),
        }
    }
}

impl Limits {
    /// The largest body of any request, in bytes: what a listener has to read.
    pub fn largest_body_bytes(&self) -> usize {
        self.body_bytes.max(self.bundle_bytes)
    }
}
