//! `$export`: FHIR Bulk Data in HealthLake's form and in the standard's.
//!
//! A POST with HealthLake's job JSON, and a call without `Prefer: respond-async` and without `Parameters`, speak
//! HealthLake's form; all others speak that of the Bulk Data Access guide. The job remembers which.

use fhir::{IssueCode, ResourceKey, Severity};
use jobs::{SubmitError, members};
use store::{Export, ExportForm, ExportLevel, ExportTarget, Job, JobId, JobKind, JobOutput};

use super::{Method, OperationCall, OperationLevel};
use crate::Context;
use crate::outcome::Refusal;
use crate::reply::{Content, Reply};
use crate::representation::is_of_representation;

mod asked;
mod order;
pub(crate) mod status;

use asked::Asked;
use order::Order;

/// The first segment of the addresses of exports.
pub(crate) const EXPORT: &str = "export";
/// How long a client is asked to wait before it asks again for room, in seconds.
const ROOM_RETRY_SECONDS: u32 = 60;

/// Starts an export.
pub(crate) async fn start(context: &Context<'_>, call: OperationCall) -> Result<Reply, Refusal> {
    let order = Order::of(&call.body)?;
    let is_parameters = order.is_none() && call.body.iter().any(|byte| !byte.is_ascii_whitespace());
    let form = match &order {
        Some(_) => ExportForm::HealthLake,
        None if call.is_async || is_parameters => ExportForm::Standard,
        None => ExportForm::HealthLake,
    };
    let level = level(&call);
    let asked = Asked::of(&call, order.is_some(), context)?;
    asked.check(&level, call.method, context).await?;
    check_members(context, &level, &asked).await?;
    // The base adds what the client says about the form of answers.
    let mut parameters = call.parameters.clone();
    parameters.retain(|(name, value)| !is_of_representation(name, value));
    let request = context.base.query(&path(&call), &parameters);
    let target = if order.is_some() { ExportTarget::Objects } else { ExportTarget::Here };
    let export = Export {
        level,
        form,
        target,
        request,
        asked: asked.into_store(),
        transaction_time: None,
        files: Vec::new(),
        expires: None,
        is_withdrawn: false,
    };
    submit(context, order.unwrap_or_default(), export).await
}

fn level(call: &OperationCall) -> ExportLevel {
    match &call.at {
        OperationLevel::Instance(key) | OperationLevel::Version(key, _) => {
            ExportLevel::Group(key.id.as_str().to_owned())
        }
        OperationLevel::Type(_) => ExportLevel::Patients,
        OperationLevel::System => ExportLevel::System,
    }
}

fn path(call: &OperationCall) -> String {
    match &call.at {
        OperationLevel::System => "$export".to_owned(),
        OperationLevel::Type(of) => format!("{of}/$export"),
        OperationLevel::Instance(key) | OperationLevel::Version(key, _) => format!("{key}/$export"),
    }
}

/// Checks that the Group is there, and that the patients named are there and in it.
async fn check_members(context: &Context<'_>, level: &ExportLevel, asked: &Asked) -> Result<(), Refusal> {
    let keys = asked.patients();
    let found = context.store.read(&keys, &context.visible).await?;
    let is_there = |row: &Option<store::Stored>| row.as_ref().is_some_and(|row| row.body.is_some());
    let missing = keys.iter().zip(&found).find(|(_, row)| !is_there(row)).map(|(key, _)| key.clone());
    if let Some(key) = missing {
        return Err(Refusal::not_found(&key));
    }
    let ExportLevel::Group(group) = level else { return Ok(()) };
    let base = context.base.as_str();
    let Some(members) = members(context.store, &context.visible, group, base, None).await? else {
        let key = ResourceKey::parse(&format!("Group/{group}"));
        let none = || Refusal::no_such_address("There is no such Group.");
        return Err(key.map_or_else(none, |key| Refusal::not_found(&key)));
    };
    match keys.iter().find(|key| !members.contains(&key.id)) {
        Some(key) => Err(Refusal::value(format!("{key} is no active member of the Group."))),
        None => Ok(()),
    }
}

async fn submit(context: &Context<'_>, order: Order, export: Export) -> Result<Reply, Refusal> {
    let id = JobId::generate(context.random);
    let (form, address) = (export.form, format!("{}{EXPORT}/{id}", context.base.as_str()));
    let datastore = context.record.id.clone();
    let folder = match export.target {
        ExportTarget::Objects => jobs::job_folder(&order.s3_uri, &datastore, JobKind::Export, &id),
        ExportTarget::Here => address.clone(),
    };
    let job = Job {
        name: order.job_name,
        output: JobOutput { prefix: order.s3_uri, folder, kms_key_id: order.kms_key_id },
        data_access_role_arn: order.data_access_role_arn,
        export: Some(Box::new(export)),
        ..Job::submitted(id.clone(), datastore, JobKind::Export, context.now)
    };
    let datastore = job.datastore.clone();
    match context.queue.submit(job, None).await {
        Ok(()) => {}
        Err(full @ SubmitError::Full(_)) => return Ok(no_room(&full)),
        Err(SubmitError::Failed(error)) => return Err(error.into()),
        Err(SubmitError::TokenUsed) => return Err(Refusal::value("The job exists already.")),
    }
    let content = match form {
        ExportForm::HealthLake => Content::Json(
            serde_json::json!({
                "datastoreId": datastore.as_str(), "jobStatus": "SUBMITTED", "jobId": id.as_str(),
            })
            .to_string()
            .into(),
        ),
        ExportForm::Standard => Content::Outcome(told(
            IssueCode::Informational,
            "The export was taken on; the address in Content-Location tells how it stands.",
        )),
    };
    let headers = vec![("content-location", address)];
    Ok(Reply { content, headers, ..Reply::empty(202) })
}

fn no_room(error: &SubmitError) -> Reply {
    let issue = fhir::Issue::error(IssueCode::Throttled, format!("{error}."));
    Reply {
        content: Content::Outcome(issue.into()),
        headers: vec![("retry-after", ROOM_RETRY_SECONDS.to_string())],
        ..Reply::empty(429)
    }
}

/// A sentence for information only.
fn told(code: IssueCode, sentence: &str) -> fhir::Outcome {
    fhir::Issue { severity: Severity::Information, ..fhir::Issue::error(code, sentence) }.into()
}

impl Asked {
    async fn check(&self, level: &ExportLevel, method: Method, context: &Context<'_>) -> Result<(), Refusal> {
        if *level == ExportLevel::System && !self.patients().is_empty() {
            return Err(Refusal::invalid("The parameter patient goes with exports of patients and Groups."));
        }
        if method == Method::Get && !self.patients().is_empty() {
            return Err(Refusal::invalid("The parameter patient goes with POST."));
        }
        self.check_types(level)?;
        self.check_searches(level, context).await
    }
}
