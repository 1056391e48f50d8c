//! Update, also as create (R4 http, section 3.1.0.4).

use bytes::Bytes;
use fhir::ResourceKey;
use store::{CommitError, Operation, Precondition, Stored, Transaction, Write};

use crate::Context;
use crate::create::written;
use crate::intake;
use crate::interaction::{When, is_immutable};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::Reply;

/// Stores the next version of a resource, or its first.
///
/// What the answer says (created or updated) and what the condition looked at is a precondition of the
/// commit: when another write comes between, all is looked at again.
pub(crate) async fn update(
    context: &Context<'_>,
    key: ResourceKey,
    body: &Bytes,
    when: &When,
) -> Result<Reply, Refusal> {
    if is_immutable(key.of) {
        return Err(Refusal::immutable(&key));
    }
    let accepted = intake::accept(key.of, body)?;
    accepted.check_id(&key)?;
    let put = accepted.put(context.base, key.id.clone(), Operation::Update)?;
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let found = current(context, &key).await?;
        check_condition(when, &key, found.as_ref())?;
        let transaction = Transaction {
            preconditions: vec![relied_on(&key, found.as_ref())],
            writes: vec![Write::Put(put.clone())],
        };
        match context.store.commit(transaction).await {
            Ok(committed) => {
                let status = if is_present(found.as_ref()) { 200 } else { 201 };
                return Ok(written(context, status, &put, &committed));
            }
            Err(CommitError::Conflict(_)) => continue,
            Err(CommitError::Failed(error)) => return Err(error.into()),
        }
    }
    Err(Refusal::contended(&key))
}

/// Checks the condition on a write against what stands.
pub(crate) fn check_condition(when: &When, key: &ResourceKey, found: Option<&Stored>) -> Result<(), Refusal> {
    let version = found.map(|stored| stored.version);
    let holds = match when {
        When::Always => true,
        When::Version(versions) => version.is_some_and(|version| versions.contains(&version)),
        When::Exists => is_present(found),
        // A deleted id stays taken, as on HealthLake.
        When::New => found.is_none(),
    };
    if holds { Ok(()) } else { Err(Refusal::precondition(key, version)) }
}

/// What a write relied on when it looked.
pub(crate) fn relied_on(key: &ResourceKey, found: Option<&Stored>) -> Precondition {
    match found {
        Some(stored) => Precondition::Version(key.clone(), stored.version),
        None => Precondition::Absent(key.clone()),
    }
}

fn is_present(found: Option<&Stored>) -> bool {
    found.is_some_and(|stored| stored.body.is_some())
}
