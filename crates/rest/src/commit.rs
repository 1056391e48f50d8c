//! Commits of this door: by the search parameters that the data store has when it takes them.

use search::Extractor;
use store::reindex::{extract_again, is_parameter};
use store::{CommitError, Committed, StoreError, Transaction, Write};

use crate::Context;
use crate::limits::COMMIT_ATTEMPTS_MAX;

impl Context<'_> {
    /// Commits. When the search parameters changed since the writes were prepared, they are indexed anew; when they
    /// change by this very commit, what is there already is indexed again in the background.
    pub(crate) async fn commit(&self, mut transaction: Transaction) -> Result<Committed, CommitError> {
        let changes = transaction.writes.iter().any(is_about_parameter);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            match self.store.commit(transaction.clone()).await {
                Err(CommitError::Failed(StoreError::Outdated)) => self.renew(&mut transaction).await?,
                Ok(committed) => {
                    if changes {
                        self.ensure_reindex().await;
                    }
                    return Ok(committed);
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Outdated.into())
    }

    async fn renew(&self, transaction: &mut Transaction) -> Result<(), CommitError> {
        let extractor = Extractor::new(self.base.as_str(), &self.store.parameters().await?);
        for write in &mut transaction.writes {
            if let Write::Put(put) = write {
                put.entries = extract_again(&extractor, &put.key, &put.body).ok_or(StoreError::Outdated)?;
            }
        }
        Ok(())
    }

    /// Has the data store indexed again if its search parameters wait for that. What is committed stands whatever
    /// comes of it: the next to ask by such a parameter tries again.
    pub(crate) async fn ensure_reindex(&self) {
        let ensured = async {
            let parameters = self.store.parameters().await?;
            jobs::ensure_reindex(self.queue, self.catalog, &self.record.id, &parameters, self.now).await
        };
        if let Err(error) = ensured.await {
            tracing::error!(%error, "a data store could not be set to be indexed again");
        }
    }
}

fn is_about_parameter(write: &Write) -> bool {
    match write {
        Write::Put(put) => is_parameter(put.key.of),
        Write::Delete(key) | Write::Erase(key) => is_parameter(key.of),
        _ => false,
    }
}
