//! Delete (R4 http, section 3.1.0.7): the resource ends, its history stays.

use fhir::ResourceKey;
use store::{CommitError, Transaction, Write};

use crate::Context;
use crate::interaction::{When, is_immutable};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::Reply;
use crate::update::{check_condition, relied_on};

/// Deletes a resource. One that never was, or was deleted before, is as gone as asked: that is a success,
/// unless the request is conditional on a version.
pub(crate) async fn delete(context: &Context<'_>, key: ResourceKey, when: &When) -> Result<Reply, Refusal> {
    if is_immutable(key.of) {
        return Err(Refusal::immutable(&key));
    }
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let found = current(context, &key).await?;
        check_condition(when, &key, found.as_ref())?;
        let Some(found) = found else { return Ok(Reply::empty(204)) };
        if found.body.is_none() {
            return Ok(Reply::empty(204).of_version(found.version, found.updated));
        }
        let transaction = Transaction {
            preconditions: vec![relied_on(&key, Some(&found))],
            writes: vec![Write::Delete(key.clone())],
        };
        match context.store.commit(transaction).await {
            Ok(committed) => {
                let version = committed.versions.first().copied().unwrap_or_default();
                return Ok(Reply::empty(204).of_version(version, committed.updated));
            }
            Err(CommitError::Conflict(_)) => continue,
            Err(CommitError::Failed(error)) => return Err(error.into()),
        }
    }
    Err(Refusal::contended(&key))
}
