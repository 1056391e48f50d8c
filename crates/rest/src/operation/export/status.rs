//! How an export stands: HealthLake's properties or the guide's manifest; and its cancellation.

use fhir::{IssueCode, Time};
use jobs::Cancelled;
use serde_json::{Value, json};
use store::{Export, ExportFile, ExportForm, ExportTarget, Job, JobId, JobKind, JobStatus};

use super::super::Method;
use super::super::status::StatusCall;
use super::{EXPORT, told};
use crate::Context;
use crate::negotiate::http_date;
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};

/// How long a client is asked to wait before it asks again, in seconds: little at first, more the longer the
/// export has run already.
const RETRY_SECONDS: std::ops::RangeInclusive<i64> = 1..=30;

/// Tells how an export stands, or cancels it.
pub(crate) async fn status(context: &Context<'_>, call: StatusCall) -> Result<Reply, Refusal> {
    let [id] = call.below.as_slice() else {
        return Err(Refusal::no_such_address("The files of exports are fetched each by itself."));
    };
    let job = find(context, id).await?;
    match (call.method, form(&job)) {
        (Method::Delete, ExportForm::HealthLake) => cancel(context, job).await,
        (Method::Delete, ExportForm::Standard) => {
            context.queue.withdraw(&job.datastore, &job.id).await?;
            let sentence = "The export is cancelled, and its files are removed.";
            Ok(Reply {
                content: Content::Outcome(told(IssueCode::Informational, sentence)),
                ..Reply::empty(202)
            })
        }
        (_, ExportForm::HealthLake) => Ok(json_reply(200, &healthlake(context, &job))),
        (_, ExportForm::Standard) => Ok(standard(context, &job)),
    }
}

/// An export that is told of, by the text of its id.
async fn find(context: &Context<'_>, id: &str) -> Result<Job, Refusal> {
    let none = || Refusal::no_such_address("There is no such export, or it is over and was removed.");
    let id = JobId::parse(id).ok_or_else(none)?;
    let job = context.catalog.job(&context.record.id, JobKind::Export, &id).await?.ok_or_else(none)?.record;
    if is_told_of(&job, context.now) { Ok(job) } else { Err(none()) }
}

/// Whether an export is told of: it was not deleted, and its time is not over.
pub(crate) fn is_told_of(job: &Job, now: Time) -> bool {
    let export = job.export.as_deref();
    export.is_none_or(|export| !export.is_withdrawn && export.expires.is_none_or(|expires| expires > now))
}

fn form(job: &Job) -> ExportForm {
    job.export.as_ref().map_or(ExportForm::HealthLake, |export| export.form)
}

async fn cancel(context: &Context<'_>, job: Job) -> Result<Reply, Refusal> {
    match context.queue.cancel(&job.datastore, JobKind::Export, &job.id).await? {
        Cancelled::Submitted => {}
        Cancelled::Ended | Cancelled::Unknown => {
            return Err(Refusal::not_supported("Interaction not supported."));
        }
    }
    let properties = json!({
        "jobId": job.id.as_str(), "jobStatus": "CANCEL_SUBMITTED", "datastoreId": job.datastore.as_str(),
    });
    Ok(json_reply(200, &json!({ "exportJobProperties": properties })))
}

fn json_reply(status: u16, json: &Value) -> Reply {
    Reply { content: Content::Json(json.to_string().into()), ..Reply::empty(status) }
}

/// HealthLake's answer: the job, then what the guide's manifest holds.
fn healthlake(context: &Context<'_>, job: &Job) -> Value {
    let mut properties = json!({
        "jobId": job.id.as_str(),
        "jobStatus": job.status.name(),
        "submitTime": in_words(job.submitted),
        "datastoreId": job.datastore.as_str(),
    });
    if let Some(name) = &job.name {
        properties["jobName"] = json!(name);
    }
    if let Some(ended) = job.ended {
        properties["endTime"] = json!(in_words(ended));
    }
    if let Some(message) = &job.message {
        properties["message"] = json!(message);
    }
    let is_here = job.export.as_deref().is_some_and(|export| export.target == ExportTarget::Here);
    if !is_here {
        let (uri, key) = (&job.output.folder, &job.output.kms_key_id);
        properties["outputDataConfig"] = json!({ "s3Configuration": { "s3Uri": uri, "kmsKeyId": key } });
        properties["dataAccessRoleArn"] = json!(job.data_access_role_arn);
    }
    let mut answer = json!({ "exportJobProperties": properties });
    if let Some(export) = job.export.as_deref() {
        if let Some(time) = export.transaction_time {
            answer["transactionTime"] = json!(time.to_instant());
        }
        answer["request"] = json!(export.request);
        answer["requiresAccessToken"] = json!(false);
        answer["output"] = files(context, job, export, false, false);
        answer["error"] = json!([]);
    }
    answer
}

/// The answer of the guide: how far it is, the manifest, or why it failed.
fn standard(context: &Context<'_>, job: &Job) -> Reply {
    let Some(export) = job.export.as_deref() else { return Reply::empty(404) };
    match job.status {
        JobStatus::Completed | JobStatus::CompletedWithErrors => {
            let time = export.transaction_time.unwrap_or(job.submitted);
            let manifest = json!({
                "transactionTime": time.to_instant(),
                "request": export.request,
                "requiresAccessToken": false,
                "output": files(context, job, export, false, true),
                "deleted": files(context, job, export, true, true),
                "error": [],
            });
            let expires = export.expires.map(|expires| ("expires", http_date(expires)));
            Reply { headers: expires.into_iter().collect(), ..json_reply(200, &manifest) }
        }
        status if status.is_final() => {
            let told = job.message.clone().unwrap_or_else(|| format!("The export is {}.", status.name()));
            let issue = fhir::Issue::error(IssueCode::Exception, told);
            Reply { content: Content::Outcome(issue.into()), ..Reply::empty(500) }
        }
        status => {
            let running = (context.now.0 - job.submitted.0) / 1_000_000;
            let seconds = (running / 10).clamp(*RETRY_SECONDS.start(), *RETRY_SECONDS.end());
            let progress = format!("{}: {} resources written", status.name(), job.progress.resources_scanned);
            let headers = vec![("x-progress", progress), ("retry-after", seconds.to_string())];
            Reply { headers, ..Reply::empty(202) }
        }
    }
}

/// The files of a manifest, by type.
fn files(context: &Context<'_>, job: &Job, export: &Export, is_deleted: bool, is_counted: bool) -> Value {
    let mut found: Vec<&ExportFile> =
        export.files.iter().filter(|file| file.is_deleted == is_deleted).collect();
    found.sort_by(|a, b| a.of.cmp(&b.of));
    let shown = found.into_iter().map(|file| {
        let url = match (export.target, export.expires) {
            (ExportTarget::Objects, _) => format!("{}{}", job.output.folder, file.name),
            (ExportTarget::Here, expires) => {
                let expires = expires.unwrap_or(context.now);
                let token = context.links.token(job.datastore.as_str(), job.id.as_str(), &file.name, expires);
                format!("{}{EXPORT}/{}/{}?{token}", context.base.as_str(), job.id, file.name)
            }
        };
        // What a file of deletions holds are Bundles.
        let of = if is_deleted { "Bundle" } else { &file.of };
        match is_counted {
            true => json!({ "type": of, "url": url, "count": file.count }),
            false => json!({ "type": of, "url": url }),
        }
    });
    Value::Array(shown.collect())
}

/// A time in HealthLake's words, such as `Jul 18, 2023 8:53:26 PM`, in UTC.
fn in_words(time: Time) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let instant = time.to_instant();
    let number = |range: std::ops::Range<usize>| {
        instant.get(range).and_then(|digits| digits.parse::<usize>().ok()).unwrap_or_default()
    };
    let (year, month, day, hour) = (number(0..4), number(5..7), number(8..10), number(11..13));
    let name = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or_default();
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = (hour + 11) % 12 + 1;
    format!("{name} {day}, {year} {hour}:{} {half}", instant.get(14..19).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let told = |text: &str| in_words(Time::parse(text).unwrap());
        assert_eq!(told("2023-07-18T20:53:26.123Z"), "Jul 18, 2023 8:53:26 PM");
        assert_eq!(told("2023-01-02T00:03:06Z"), "Jan 2, 2023 12:03:06 AM");
        assert_eq!(told("2023-12-02T12:03:06Z"), "Dec 2, 2023 12:03:06 PM");
    }
}
