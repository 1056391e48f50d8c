//! Why a store could not answer.

use thiserror::Error;

/// Why a store could not answer. No variant carries patient data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The data store has no contents: not created yet, or deleted.
    #[error("the data store has no contents")]
    Absent,
    /// The page position is not one that this store made.
    #[error("the page position is not valid")]
    Position,
    /// No room is left to write; reads go on.
    #[error("no space is left for writing")]
    Full,
    /// Something on disk is not what was written; `0` names it.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A limit with a name was reached.
    #[error("the limit {0} was reached")]
    Limit(&'static str),
    /// The entries were not found by the search parameters that the data store has now. Nothing was written; to be
    /// extracted again.
    #[error("the search parameters of the data store have changed")]
    Outdated,
    /// A SearchParameter cannot be served. Nothing was written.
    #[error("a search parameter cannot be served: {0}")]
    Parameter(search::ParameterError),
    /// The work was ended by the [`Cancellation`](search::Cancellation) that it came with.
    #[error("the work was ended before its answer was found")]
    Cancelled,
    /// Anything else, for the log.
    #[error("the store failed: {0}")]
    Failed(String),
}
