//! `$bulk-delete`, `$purge` and `$erase`: HealthLake's deletions in the background. Each answers the id of a job at
//! once; below the operation's own address the job tells how it stands.

use fhir::{ResourceKey, ResourceType, Time};
use jobs::SubmitError;
use serde_json::json;
use store::{DeleteOperation, DeleteTarget, Deletion, History, Job, JobId, JobKind, JobStatus, Stored};

use super::input::Input;
use super::status::StatusCall;
use super::{OperationCall, OperationLevel};
use crate::Context;
use crate::interaction::is_immutable;
use crate::outcome::Refusal;
use crate::read::current;
use crate::reply::{Content, Reply};

/// How long a client is asked to wait before it asks again for room, in seconds.
const ROOM_RETRY_SECONDS: u32 = 60;

/// `POST {type}/$bulk-delete`.
pub(crate) async fn bulk_delete(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let OperationLevel::Type(of) = call.at else {
        return Err(Refusal::not_supported("$bulk-delete takes a resource type."));
    };
    let input = Input::of(&call)?;
    input.check(&["isHardDelete", "deleteAuditEvent", "_since", "start", "end"], false)?;
    let takes_audit_events = input.boolean("deleteAuditEvent")?.unwrap_or(true);
    check_audit_event(of, takes_audit_events)?;
    let times = Times::of(&input)?;
    let deletion = Deletion {
        operation: DeleteOperation::BulkDelete,
        target: Some(DeleteTarget::Type(of.name().to_owned())),
        is_hard: input.boolean("isHardDelete")?.unwrap_or(false),
        takes_audit_events,
        from: times.from,
        // What is written after the request was not meant by it.
        until: Some(times.until.map_or(context.now, |until| until.min(context.now))),
    };
    submit(context, deletion).await
}

/// `POST Patient/{id}/$purge`.
pub(crate) async fn purge(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&["deleteAuditEvent", "_since", "start", "end"], false)?;
    let times = Times::of(&input)?;
    let key = call.instance().ok_or_else(|| Refusal::not_supported("$purge takes a patient."))?;
    standing(context, key).await?;
    let deletion = Deletion {
        operation: DeleteOperation::Purge,
        target: Some(DeleteTarget::Patient(key.id.as_str().to_owned())),
        is_hard: true,
        takes_audit_events: input.boolean("deleteAuditEvent")?.unwrap_or(false),
        from: times.from,
        until: times.until,
    };
    submit(context, deletion).await
}

/// `POST {type}/{id}/$erase` and `POST {type}/{id}/_history/{version}/$erase`.
pub(crate) async fn erase(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    input.check(&["deleteAuditEvent"], false)?;
    let takes_audit_events = input.boolean("deleteAuditEvent")?.unwrap_or(false);
    let key = call.instance().ok_or_else(|| Refusal::not_supported("$erase takes a resource."))?;
    check_audit_event(key.of, takes_audit_events)?;
    let newest = standing(context, key).await?;
    let (of, id) = (key.of.name().to_owned(), key.id.as_str().to_owned());
    let target = match call.at {
        OperationLevel::Version(_, version) => {
            check_version(context, &newest, version).await?;
            DeleteTarget::Version(of, id, version)
        }
        _ => DeleteTarget::Resource(of, id),
    };
    let operation = DeleteOperation::Erase;
    let (from, until) = (None, None);
    let target = Some(target);
    submit(context, Deletion { operation, target, is_hard: true, takes_audit_events, from, until }).await
}

/// How a job of one of these operations stands (`GET $purge/{jobId}`).
pub(crate) async fn status(context: &Context<'_>, call: StatusCall) -> Result<Reply, Refusal> {
    let none = || Refusal::no_such_address("There is no such job.");
    let [id] = call.below.as_slice() else { return Err(none()) };
    // HealthLake's own guide writes these ids with hyphens in one place and without in another.
    let id = JobId::parse(&id.replace('-', "")).ok_or_else(none)?;
    let job = context.catalog.job(&context.record.id, JobKind::Delete, &id).await?.ok_or_else(none)?.record;
    if job.deletion.as_ref().is_none_or(|deletion| address(deletion.operation) != call.first) {
        return Err(none());
    }
    let mut json = json!({
        "datastoreId": job.datastore.as_str(),
        "jobId": job.id.as_str(),
        "status": job.status.name(),
        "submittedTime": job.submitted.to_instant(),
    });
    if let Some(message) = &job.message {
        json["message"] = json!(message);
    }
    Ok(Reply { content: Content::Json(json.to_string().into()), ..Reply::empty(200) })
}

/// The first segment of the addresses of an operation's jobs.
fn address(operation: DeleteOperation) -> &'static str {
    match operation {
        DeleteOperation::BulkDelete => "$bulk-delete",
        DeleteOperation::Purge => "$purge",
        DeleteOperation::Erase => "$erase",
    }
}

/// What stands under a key, a deletion too: there must be something to remove.
async fn standing(context: &Context<'_>, key: &ResourceKey) -> Result<Stored, Refusal> {
    current(context, key).await?.ok_or_else(|| Refusal::not_found(key))
}

/// Checks that a version is there, and that what is current does not change when it goes.
async fn check_version(context: &Context<'_>, newest: &Stored, version: u64) -> Result<(), Refusal> {
    if newest.version == version {
        return Err(Refusal::newest_version(&newest.key));
    }
    let asked = History::version(newest.key.clone(), version);
    let found = context.store.history(&asked, &context.visible).await?.versions;
    if found.is_empty() { Err(Refusal::version_not_found(&newest.key)) } else { Ok(()) }
}

/// Audit events are removed only where that is said.
fn check_audit_event(of: ResourceType, takes_audit_events: bool) -> Result<(), Refusal> {
    if is_immutable(of) && !takes_audit_events {
        return Err(Refusal::invalid("AuditEvent resources are deleted only with deleteAuditEvent=true."));
    }
    Ok(())
}

/// The bounds of when something was last written.
struct Times {
    from: Option<Time>,
    until: Option<Time>,
}

impl Times {
    fn of(input: &Input) -> Result<Times, Refusal> {
        let (since, start) = (input.moment("_since")?, input.moment("start")?);
        let end = input.moment("end")?;
        if since.is_some() && (start.is_some() || end.is_some()) {
            return Err(Refusal::invalid("_since excludes start and end."));
        }
        let from = since.or(start).map(|span| span.from);
        let until = end.map(|span| Time(span.to.0 - 1));
        if from.zip(until).is_some_and(|(from, until)| from > until) {
            return Err(Refusal::value("start must not be after end."));
        }
        Ok(Times { from, until })
    }
}

async fn submit(context: &Context<'_>, deletion: Deletion) -> Result<Reply, Refusal> {
    let id = JobId::generate(context.random);
    let address = format!("{}{}/{id}", context.base.as_str(), address(deletion.operation));
    let job = Job {
        deletion: Some(Box::new(deletion)),
        ..Job::submitted(id.clone(), context.record.id.clone(), JobKind::Delete, context.now)
    };
    match context.queue.submit(job, None).await {
        Ok(()) => {}
        Err(full @ SubmitError::Full(_)) => return Ok(no_room(&full)),
        Err(SubmitError::Failed(error)) => return Err(error.into()),
        Err(SubmitError::TokenUsed) => return Err(Refusal::value("The job exists already.")),
    }
    let json = json!({ "jobId": id.as_str(), "jobStatus": JobStatus::Submitted.name() });
    let headers = vec![("content-location", address)];
    Ok(Reply { content: Content::Json(json.to_string().into()), headers, ..Reply::empty(202) })
}

fn no_room(error: &SubmitError) -> Reply {
    let issue = fhir::Issue::error(fhir::IssueCode::Throttled, format!("{error}."));
    let headers = vec![("retry-after", ROOM_RETRY_SECONDS.to_string())];
    Reply { content: Content::Outcome(issue.into()), headers, ..Reply::empty(429) }
}
