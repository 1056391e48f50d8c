//! What can go wrong below the waist.

use store::StoreError;

use crate::kv::KvError;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] KvError),
    /// Something on disk is not what was written; `0` names it, without patient data.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A limit with a name was reached.
    #[error("the limit {0} was reached")]
    Limit(&'static str),
    /// Nobody wants the answer any more.
    #[error("the work was ended before its answer was found")]
    Cancelled,
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Engine(KvError::Full) => StoreError::Full,
            StorageError::Engine(KvError::Damaged(place)) | StorageError::Damaged(place) => {
                StoreError::Damaged(place)
            }
            StorageError::Engine(error) => StoreError::Failed(error.to_string()),
            StorageError::Limit(name) => StoreError::Limit(name),
            StorageError::Cancelled => StoreError::Cancelled,
        }
    }
}
