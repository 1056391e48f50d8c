//! Create (R4 http, section 3.1.0.8), and what every write answers.

use bytes::Bytes;
use fhir::{Id, Issue, IssueCode, Outcome, ResourceType, Severity};
use store::{Committed, Operation, Precondition, Put, Transaction, Write, uuid};

use crate::Context;
use crate::intake;
use crate::interaction::Returning;
use crate::outcome::{Refusal, commit_failed};
use crate::reply::{Content, Reply};

/// Stores a new resource under an id of our choice, whatever id it came with.
pub(crate) async fn create(context: &Context<'_>, of: ResourceType, body: &Bytes) -> Result<Reply, Refusal> {
    let accepted = intake::accept(of, body)?;
    let id = Id::parse(&uuid(context.random)).expect("a UUID has the form of an id");
    let put = accepted.put(context.base, id, Operation::Create)?;
    let transaction = Transaction {
        preconditions: vec![Precondition::Absent(put.key.clone())],
        writes: vec![Write::Put(put.clone())],
    };
    let committed = context.store.commit(transaction).await;
    let committed = committed.map_err(|error| commit_failed(error, &put.key))?;
    Ok(written(context, 201, &put, &committed))
}

/// What a write of one resource answers, as the client prefers.
pub(crate) fn written(context: &Context<'_>, status: u16, put: &Put, committed: &Committed) -> Reply {
    let version = committed.versions.first().copied().unwrap_or_default();
    let content = match context.preferences.returning {
        Returning::Minimal => Content::Nothing,
        Returning::Outcome => Content::Outcome(success(version)),
        Returning::Representation => {
            let mut out = Vec::new();
            fhir::emit(&put.key, &put.body, version, committed.updated, &mut out);
            Content::Resource(out.into())
        }
    };
    Reply {
        status,
        content,
        version: Some(version),
        updated: Some(committed.updated),
        location: (status == 201).then(|| put.key.clone()),
    }
}

fn success(version: u64) -> Outcome {
    let issue = Issue::error(IssueCode::Informational, format!("Stored as version {version}."));
    Outcome(vec![Issue { severity: Severity::Information, ..issue }])
}
