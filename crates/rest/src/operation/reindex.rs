//! `$reindex`: indexes again what is there, in the background; and how that stands, at `$reindex/{id}`.

use fhir::{Issue, IssueCode, Outcome, ResourceType, Severity};
use serde_json::json;
use store::{Job, JobId, JobKind, JobStatus, ReindexOrder};

use super::input::Input;
use super::status::StatusCall;
use super::{OperationCall, OperationLevel};
use crate::Context;
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};

/// The first segment of the addresses of its jobs.
pub(crate) const REINDEX: &str = "$reindex";

/// How long a client may wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: &str = "2";

/// Takes the job in.
pub(crate) async fn start(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let input = Input::of(&call)?;
    let known: &[&str] = if call.at == OperationLevel::System { &["type"] } else { &[] };
    input.check(known, false)?;
    let (types, only) = match &call.at {
        OperationLevel::System => (types(&input)?, None),
        OperationLevel::Type(of) => (vec![of.name().to_owned()], None),
        OperationLevel::Instance(key) | OperationLevel::Version(key, _) => {
            let found = context.store.read(std::slice::from_ref(key), &context.visible).await?;
            let is_there = found.iter().flatten().any(|row| row.body.is_some());
            if !is_there {
                return Err(Refusal::not_found(key));
            }
            (vec![key.of.name().to_owned()], Some(key.id.as_str().to_owned()))
        }
    };
    let id = JobId::generate(context.random);
    let order = ReindexOrder { types, only, ..ReindexOrder::default() };
    let job = jobs::reindex_job(id.clone(), &context.record.id, order, context.now);
    match context.queue.submit(job, None).await {
        Ok(()) => {}
        Err(full @ jobs::SubmitError::Full(_)) => return Err(Refusal::throttled(full.to_string())),
        Err(jobs::SubmitError::Failed(error)) => return Err(error.into()),
        Err(jobs::SubmitError::TokenUsed) => return Err(Refusal::value("The job exists already.")),
    }
    let address = format!("{}{REINDEX}/{id}", context.base.as_str());
    let sentence = format!("The resources are being indexed again; {address} tells how far that is.");
    Ok(Reply {
        content: Content::Outcome(told(sentence)),
        headers: vec![("content-location", address)],
        ..Reply::empty(202)
    })
}

fn types(input: &Input) -> Result<Vec<String>, Refusal> {
    let named = input.texts("type");
    let names = named.iter().flat_map(|names| names.split(',')).map(str::trim);
    let known = names.map(|name| ResourceType::parse(name).map(|of| of.name().to_owned()));
    let unknown = || Refusal::value("A type is not a resource type of R4.");
    known.map(|name| name.ok_or_else(unknown)).collect()
}

fn told(sentence: impl Into<String>) -> Outcome {
    let issue = Issue::error(IssueCode::Informational, sentence);
    Issue { severity: Severity::Information, ..issue }.into()
}

/// How a job stands.
pub(crate) async fn status(context: &Context<'_>, call: StatusCall) -> Result<Reply, Refusal> {
    let none = || Refusal::no_such_address("There is no such job.");
    let [id] = call.below.as_slice() else { return Err(none()) };
    let id = JobId::parse(id).ok_or_else(none)?;
    let job = context.catalog.job(&context.record.id, JobKind::Reindex, &id).await?.ok_or_else(none)?.record;
    let json = json!({ "reindexJobProperties": properties(&job) }).to_string();
    let reply = Reply { content: Content::Json(json.into()), ..Reply::empty(200) };
    if job.status.is_final() {
        return Ok(reply);
    }
    let headers = vec![("x-progress", progress(&job)), ("retry-after", RETRY_AFTER_SECONDS.to_owned())];
    Ok(Reply { status: 202, headers, ..reply })
}

fn properties(job: &Job) -> serde_json::Value {
    let order = job.reindex.as_deref().cloned().unwrap_or_default();
    let mut properties = json!({
        "jobId": job.id.as_str(),
        "jobStatus": job.status.name(),
        "datastoreId": job.datastore.as_str(),
        "submitTime": job.submitted.to_instant(),
        "types": order.types,
        "resourcesIndexed": order.done,
        "resourcesNotIndexed": order.failed,
        "resourcesTotal": order.total,
    });
    if let Some(ended) = job.ended {
        properties["endTime"] = json!(ended.to_instant());
    }
    if let Some(message) = &job.message {
        properties["message"] = json!(message);
    }
    properties
}

/// `n of m` in words.
fn progress(job: &Job) -> String {
    let order = job.reindex.as_deref().cloned().unwrap_or_default();
    match job.status {
        JobStatus::Submitted | JobStatus::Queued => "waiting".to_owned(),
        _ => format!("{} of {} resources", order.done.min(order.total), order.total),
    }
}

/// How far the job is that search parameters wait for, in words; one is begun if there is none.
pub(crate) async fn awaited(context: &Context<'_>) -> Result<String, Refusal> {
    context.ensure_reindex().await;
    let jobs = context.catalog.jobs(&context.record.id, JobKind::Reindex).await?;
    let current = jobs
        .iter()
        .map(|at| &at.record)
        .find(|job| !job.status.is_final() && job.reindex.as_ref().is_some_and(|order| order.is_awaited));
    Ok(match current {
        Some(job) => format!("{}; see {}{REINDEX}/{}", progress(job), context.base.as_str(), job.id),
        None => "waiting".to_owned(),
    })
}
