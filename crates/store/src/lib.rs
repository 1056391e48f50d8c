//! The waist: the promise that every backend keeps and every door relies on.
//!
//! A [`Store`] holds the contents of one data store, a [`Catalog`] the records of all of them. Above this
//! crate nobody knows a backend, below it nobody knows a protocol.

use std::future::Future;
use std::pin::Pin;

use fhir::ResourceKey;
use search::{ParameterSet, Search, Visible};

mod catalog;
mod clock;
mod datastore;
mod deletion;
mod error;
mod export;
mod history;
mod job;
mod keyring;
pub mod limits;
mod model;
mod note;
mod plan;
mod random;
pub mod reindex;
mod stored;
#[cfg(feature = "suite")]
pub mod suite;
mod transaction;

pub use catalog::{Catalog, CatalogError, Change, Request, Revised};
pub use clock::{Clock, ManualClock, SystemClock};
pub use datastore::{
    Backup, BackupStatus, CmkType, Datastore, DatastoreId, DatastoreStatus, ErrorCategory, ErrorCause,
    IdentityProvider, Strategy,
};
pub use deletion::{DeleteOperation, DeleteTarget, Deletion};
pub use error::StoreError;
pub use export::{Export, ExportAsked, ExportFile, ExportForm, ExportLevel, ExportTarget};
pub use history::{History, Scope, Versions};
pub use job::{Job, JobId, JobKind, JobOutput, JobStatus, Lease, Progress, ValidationLevel};
pub use keyring::{DataKey, Keyring, RootKey, WrapError};
pub use model::{Model, ModelCatalog};
pub use note::Note;
pub use plan::{Explain, Plan, Step, plan};
pub use random::{Random, SeededRandom, SystemRandom, uuid};
pub use reindex::{Reindex, ReindexOrder, Reindexed};
pub use stored::{Found, Selected, Stored};
pub use transaction::{
    CommitError, Committed, Ingested, Operation, Precondition, Put, Run, RunId, Transaction, Write,
};

/// What a store method returns: a future that may be sent between threads.
pub type Answer<'a, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The contents of one data store.
///
/// No method shows a row that its [`Visible`] does not (a [`Search`] carries one). What is acknowledged is
/// durable, and every later call sees it.
pub trait Store: Send + Sync {
    /// Current resources, in the order asked. Absent and hidden are both `None`; a deleted resource is
    /// answered as its deletion, with its version, if the version before it was visible.
    fn read<'a>(&'a self, keys: &'a [ResourceKey], visible: &'a Visible) -> Answer<'a, Vec<Option<Stored>>>;

    /// Versions, newest first, one page: of one resource (vread is one version), a type, or all. Newest is
    /// what was written last; within one transaction or run the later write. A deletion is visible to whom
    /// the version before it was, every other version if it passes itself. What is written later never
    /// shifts a page.
    fn history<'a>(&'a self, of: &'a History, visible: &'a Visible) -> Answer<'a, Versions>;

    /// One page of matches and what they include, with the total if asked, from one read view.
    ///
    /// Order: the sort keys, then the types in alphabetical order, then the order in which the current
    /// versions were written, oldest first. The first page marks the newest version there is; the pages that
    /// its positions lead to look at the newest state, but do not show what was written after the mark. So
    /// from one page to the next each resource is shown at most once, and one that was there all along and
    /// did not change exactly once; one that was updated in between is not shown again, nor on a later page.
    ///
    /// `next` is there if there is more. A page that was reached by going on has a `previous`, which goes back
    /// from where it began: to the same number of rows before that place, nearest first, in the same order. A
    /// page that was reached by going back has a `next` that leads whence it came, and a `previous` if there
    /// is more before it.
    ///
    /// Where bodies must be opened for the resources contained in them, a search that finds nothing opens each that
    /// passes everything else, and is refused if those are more than it may open. One that finds something may be
    /// content with fewer.
    ///
    /// The total is of the newest state, whatever the page. With a count of zero there are neither matches nor
    /// other pages. A count above [`limits::PAGE_ROWS_MAX`] means that. A page whose bodies are large ends
    /// early, by [`limits::PAGE_BYTES_MAX`], and so does one of a history.
    ///
    /// A page that ended with a resource which was erased since goes on if there are no sort keys, and else is
    /// a [`StoreError::Position`]: what it was ordered by is gone.
    ///
    /// Included are current resources that are visible, each once and no match of the page: what the matches
    /// are linked with, then round by round what is linked with that, by those links that iterate, up to
    /// [`limits::INCLUDE_ROUNDS_MAX`] more rounds. Within a round their order is that of matches without sort
    /// keys. They end where the search's own limit or [`limits::PAGE_BYTES_MAX`] would be passed, and the
    /// answer says so.
    fn search<'a>(&'a self, search: &'a Search) -> Answer<'a, Found>;

    /// How `search` would be answered: a plan a person can read, with the names of `parameters`.
    fn explain<'a>(&'a self, search: &'a Search, parameters: &'a ParameterSet) -> Answer<'a, Plan>;

    /// All the writes or none. Times and versions are the store's to give: every write of a transaction
    /// gets the same time, later than or equal to any before. `Conflict` names the first precondition that
    /// does not hold. Versions of a resource count up from 1, deletions included; a put on a deleted
    /// resource is its next version. Two writes of one resource, or of one note, are refused.
    ///
    /// What is erased is gone from reads, histories and searches at once; deletions that are left are visible
    /// to whom the newest version before them that is left was, or, if none is, to whom the whole type is.
    fn commit<'a>(&'a self, transaction: Transaction) -> Answer<'a, Committed, CommitError>;

    /// Returns when of what was erased before nothing is left in what the store keeps: neither bodies nor
    /// what was indexed of them. An erasure hides at once and for ever; this is the slow rest of it. What it
    /// was interrupted in, the next call ends.
    fn scrub<'a>(&'a self) -> Answer<'a, ()>;

    /// The note of this name, if it is there: a [`Note`] is gone from its end on, by the clock of the store.
    fn note<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Note>>;

    /// Some of the notes whose names start with `prefix`, in the order of their names, those after `after`
    /// only. No more than `count`, nor than [`limits::PAGE_ROWS_MAX`] or contents of
    /// [`limits::PAGE_BYTES_MAX`], but at least one if there is one.
    fn notes<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, count: usize) -> Answer<'a, Vec<Note>>;

    /// Many puts, each on its own, in order, as fast as the backend can: for import. All of a run becomes
    /// visible and durable at once. A run whose id is that of the job's last run is not done again: the
    /// first outcome is answered, so that a caller that crashed may simply ask again. A number below the
    /// last one's is refused.
    fn ingest<'a>(&'a self, run: Run) -> Answer<'a, Ingested>;

    /// The search parameters that the data store has now: what it is extracted and searched by.
    ///
    /// A put of a SearchParameter, and its deletion, change them in the same commit (refused as
    /// [`StoreError::Parameter`] if it cannot be served; a run stores it and does not serve it). Entries that were
    /// found by another set are refused as [`StoreError::Outdated`], by a transaction or run before anything is
    /// written, so that what is written after a parameter came is indexed by it.
    fn parameters(&self) -> Answer<'_, ParameterSet>;

    /// Indexes current resources of a type again, from their bodies by the parameters of now: one step, small enough
    /// to be done again after a crash. Nothing but the entries changes: no version, no time, no place in any order.
    /// Reading and writing go on meanwhile; what is written meanwhile is indexed already.
    fn reindex<'a>(&'a self, step: &'a Reindex) -> Answer<'a, Reindexed>;
}
