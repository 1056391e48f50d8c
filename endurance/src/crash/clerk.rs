//! The clerk: imports and exports under the kills, one after the other. Each import must end with exact counts and
//! each of its resources must be there once; each export of the quiet data store must hold exactly what was imported.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use healthlake::client::ClientError;
use healthlake::generated::enumerations::{JobStatus, ValidationLevel};
use healthlake::generated::structures::{
    DescribeFHIRExportJobRequest, DescribeFHIRImportJobRequest, ImportJobProperties, InputDataConfig,
    OutputDataConfig, S3Configuration, StartFHIRExportJobRequest, StartFHIRImportJobRequest,
};
use serde_json::{Value, json};

use super::content::{Content, Name, WRITER, without_meta};
use super::verify::{TYPES, count};
use crate::dice::Dice;
use crate::door::{Ask, Door, Unseen};

/// The bucket of all jobs.
pub(crate) const BUCKET: &str = "endurance";
const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/endurance";
const KMS_KEY_ID: &str = "alias/aws/s3";
/// Between looks at a job.
const POLL: Duration = Duration::from_millis(20);
/// Lines of an import at the least and beyond that.
const LINES_MIN: usize = 50;
const LINES_MORE: usize = 2500;
/// Imported resources whose history is looked at.
const LOOKS: usize = 10;

/// A resource that an import brought.
#[derive(Clone, Debug)]
struct Line {
    name: Name,
    id: String,
    content: Content,
}

/// A job under way.
struct Job {
    number: u64,
    store: String,
    lines: Vec<Line>,
    /// Lines that must be refused.
    refused: usize,
    is_import: bool,
    is_uploaded: bool,
    started: Option<String>,
}

/// The one who has jobs done.
pub(crate) struct Clerk {
    dice: Dice,
    /// The data store that nothing but imports writes to.
    quiet: String,
    busy: Vec<String>,
    /// What finished imports brought, by data store.
    imported: HashMap<String, Vec<Line>>,
    job: Option<Job>,
    numbers: u64,
    /// Imports and exports that ended as they must.
    pub(crate) imports: u64,
    /// Likewise.
    pub(crate) exports: u64,
    /// What is wrong, with the evidence.
    pub(crate) violations: Vec<String>,
}

impl Clerk {
    /// A clerk who has done nothing.
    pub(crate) fn new(dice: Dice, quiet: String, busy: Vec<String>) -> Clerk {
        let (imported, violations) = Default::default();
        Clerk { dice, quiet, busy, imported, job: None, numbers: 0, imports: 0, exports: 0, violations }
    }

    /// Has jobs done until an answer does not come, which must be that of a server that was killed.
    pub(crate) async fn work(mut self, door: Door, is_killed: Arc<AtomicBool>) -> Clerk {
        let error = loop {
            if let Err(error) = self.act(&door).await {
                break error;
            }
        };
        if !is_killed.load(Ordering::SeqCst) {
            self.violations.push(format!("while the server lived: {error}"));
        }
        self
    }

    /// Waits for the end of the job under way, if there is one.
    pub(crate) async fn finish(&mut self, door: &Door) -> Result<(), Unseen> {
        while self.job.is_some() {
            self.act(door).await?;
        }
        Ok(())
    }

    /// How many resources finished imports brought, by data store and type; without the data store that an import is
    /// under way into.
    pub(crate) fn imported(&self) -> BTreeMap<(String, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for (store, lines) in &self.imported {
            for line in lines {
                *counts.entry((store.clone(), line.name.of)).or_default() += 1;
            }
        }
        counts
    }

    /// The data store that an import is under way into.
    pub(crate) fn fills(&self) -> Option<&str> {
        self.job.as_ref().filter(|job| job.is_import).map(|job| job.store.as_str())
    }

    /// The next step of the job under way, or of the next one.
    async fn act(&mut self, door: &Door) -> Result<(), Unseen> {
        let mut job = match self.job.take() {
            Some(job) => job,
            None => self.next_job(),
        };
        let stepped = self.step(door, &mut job).await;
        if !matches!(stepped, Ok(true)) {
            self.job = Some(job);
        }
        stepped.map(drop)
    }

    /// Whether the job has come to its end.
    async fn step(&mut self, door: &Door, job: &mut Job) -> Result<bool, Unseen> {
        if job.is_import && !job.is_uploaded {
            upload(door, job).await?;
            job.is_uploaded = true;
        }
        let Some(id) = job.started.clone() else {
            match start(door, job).await {
                Ok(id) => job.started = Some(id),
                Err(ClientError::Refused { exception, .. }) if exception == "ThrottlingException" => {}
                Err(ClientError::Refused { exception, message, .. }) => {
                    self.violations.push(format!("a job was refused: {exception}: {message}"));
                    return Ok(true);
                }
                Err(error) => return Err(Unseen(error.to_string())),
            }
            return Ok(false);
        };
        let ended = match job.is_import {
            true => self.look_at_import(door, job, &id).await?,
            false => self.look_at_export(door, job, &id).await?,
        };
        if !ended {
            tokio::time::sleep(POLL).await;
        }
        Ok(ended)
    }

    fn next_job(&mut self) -> Job {
        self.numbers += 1;
        let is_import = !self.numbers.is_multiple_of(3);
        let store = match self.dice.one_in(3) && is_import {
            true => self.dice.pick(&self.busy).clone(),
            false => self.quiet.clone(),
        };
        let more = if self.dice.one_in(2) { LINES_MORE } else { LINES_MIN };
        let count = LINES_MIN + self.dice.below(more);
        let writer = format!("i{}", self.numbers);
        let line = |at: usize| Line {
            name: Name { of: TYPES[at % 2], label: format!("{writer}.{at}"), writer: writer.clone() },
            id: format!("{writer}-{at}"),
            content: Content { step: at as u64, subject: None },
        };
        Job {
            number: self.numbers,
            store,
            lines: if is_import { (0..count).map(line).collect() } else { Vec::new() },
            refused: if self.dice.one_in(3) { 1 + self.dice.below(5) } else { 0 },
            is_import,
            is_uploaded: false,
            started: None,
        }
    }

    async fn look_at_import(&mut self, door: &Door, job: &Job, id: &str) -> Result<bool, Unseen> {
        let request = DescribeFHIRImportJobRequest { datastore_id: job.store.clone(), job_id: id.to_owned() };
        let described = door.control().call(&request).await.map_err(|error| Unseen(error.to_string()))?;
        let found = described.import_job_properties;
        if is_running(&found.job_status) {
            return Ok(false);
        }
        let again = start(door, job).await.map_err(|error| Unseen(error.to_string()))?;
        let wanted = if job.refused == 0 { JobStatus::Completed } else { JobStatus::CompletedWithErrors };
        if found.job_status != wanted || counts(&found) != job.counts() || again != id {
            self.violations.push(format!("import {}: {found:?}; started again: {again}", job.number));
        }
        let told = told(door, job).await?;
        if told != (job.lines.len(), job.refused) {
            self.violations.push(format!("import {}: its output has {told:?} lines", job.number));
        }
        self.compare(door, job).await?;
        self.imported.entry(job.store.clone()).or_default().extend(job.lines.iter().cloned());
        self.imports += 1;
        Ok(true)
    }

    /// Whether the resources of a finished import are there, each once.
    async fn compare(&mut self, door: &Door, job: &Job) -> Result<(), Unseen> {
        for of in TYPES {
            let wanted = job.lines.iter().filter(|line| line.name.of == of).count() as u64;
            let found =
                count(door, &job.store, of, &format!("identifier={WRITER}%7Ci{}", job.number)).await?;
            if found != Some(wanted) {
                self.violations.push(format!("import {}: {found:?} of {wanted} {of} are found", job.number));
            }
        }
        for _ in 0..LOOKS {
            let line = self.dice.pick(&job.lines).clone();
            let path = format!("{}/{}/_history", line.name.of, line.id);
            let answer = door.fhir(&job.store, &Ask::get(&path)).await?;
            let found: &[Value] = answer.body["entry"].as_array().map_or(&[], |entries| entries);
            if found.len() != 1 || !line.is_in(&found[0]["resource"]) {
                self.violations.push(format!("import {}: {path}: {}", job.number, answer.body));
            }
        }
        Ok(())
    }

    async fn look_at_export(&mut self, door: &Door, job: &Job, id: &str) -> Result<bool, Unseen> {
        let request = DescribeFHIRExportJobRequest { datastore_id: job.store.clone(), job_id: id.to_owned() };
        let described = door.control().call(&request).await.map_err(|error| Unseen(error.to_string()))?;
        let found = described.export_job_properties;
        if is_running(&found.job_status) {
            return Ok(false);
        }
        let OutputDataConfig::S3Configuration(output) = &found.output_data_config;
        let folder = format!("{}/", output.s3_uri.trim_end_matches('/'));
        let files = door.folder(&folder).await.map_err(|error| Unseen(error.to_string()))?;
        let mut wanted: HashMap<&str, &Line> = HashMap::new();
        for line in self.imported.get(&job.store).into_iter().flatten() {
            wanted.insert(&line.id, line);
        }
        let (all, mut strange) = (wanted.len(), Vec::new());
        for (_, content) in files.iter().filter(|(key, _)| key.ends_with(".ndjson")) {
            for text in content.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
                let resource: Value = serde_json::from_slice(text).unwrap_or_default();
                let line = wanted.remove(resource["id"].as_str().unwrap_or_default());
                if !line.is_some_and(|line| line.is_in(&resource)) {
                    strange.push(resource["id"].to_string());
                }
            }
        }
        if found.job_status != JobStatus::Completed || !wanted.is_empty() || !strange.is_empty() {
            let (missing, number) = (wanted.len(), job.number);
            self.violations.push(format!(
                "export {number}: {missing} of {all} missing, strange or twice {strange:?}: {found:?}"
            ));
        }
        self.exports += 1;
        Ok(true)
    }
}

impl Line {
    fn is_in(&self, resource: &Value) -> bool {
        resource["meta"]["versionId"] == "1"
            && without_meta(resource) == self.name.body(Some(&self.id), &self.content)
    }
}

impl Job {
    fn folder(&self) -> String {
        format!("s3://{BUCKET}/{}/", self.number)
    }

    fn counts(&self) -> [i64; 3] {
        let (lines, refused) = (self.lines.len() as i64, self.refused as i64);
        [lines + refused, lines, refused]
    }
}

fn is_running(status: &JobStatus) -> bool {
    matches!(status, JobStatus::Submitted | JobStatus::Queued | JobStatus::InProgress)
}

/// Resources that were scanned, imported and refused.
fn counts(found: &ImportJobProperties) -> [i64; 3] {
    let report = found.job_progress_report.clone().unwrap_or_default();
    let (scanned, imported) =
        (report.total_number_of_resources_scanned, report.total_number_of_resources_imported);
    [scanned, imported, report.total_number_of_resources_with_customer_error]
        .map(|count| count.unwrap_or_default())
}

/// The lines of an import's output: of those that were imported, and of those that were refused.
async fn told(door: &Door, job: &Job) -> Result<(usize, usize), Unseen> {
    let files = door.folder(&format!("{}out/", job.folder())).await;
    let files = files.map_err(|error| Unseen(error.to_string()))?;
    let lines = |of: &str| {
        let of = files.iter().filter(|(key, _)| key.contains(of));
        of.map(|(_, content)| content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
            .sum()
    };
    Ok((lines("/SUCCESS/"), lines("/FAILURE/")))
}

async fn upload(door: &Door, job: &Job) -> Result<(), Unseen> {
    for of in TYPES {
        let mut text = String::new();
        for line in job.lines.iter().filter(|line| line.name.of == of) {
            text.push_str(&format!("{}\n", line.name.body(Some(&line.id), &line.content)));
        }
        if of == TYPES[0] {
            for at in 0..job.refused {
                let refused =
                    json!({ "resourceType": of, "id": format!("bad-{at}"), "gender": "unheard-of" });
                text.push_str(&format!("{refused}\n"));
            }
        }
        let uri = format!("{}in/{of}.ndjson", job.folder());
        door.put_object(&uri, text.into_bytes()).await.map_err(|error| Unseen(error.to_string()))?;
    }
    Ok(())
}

/// Starts a job, or finds the one that was started before: the token sees to it.
async fn start(door: &Door, job: &Job) -> Result<String, ClientError> {
    let output = |folder: String| {
        OutputDataConfig::S3Configuration(S3Configuration {
            s3_uri: folder,
            kms_key_id: KMS_KEY_ID.to_owned(),
        })
    };
    let token = Some(format!("endurance-{}", job.number));
    if !job.is_import {
        let request = StartFHIRExportJobRequest {
            client_token: token,
            data_access_role_arn: ROLE_ARN.to_owned(),
            datastore_id: job.store.clone(),
            job_name: None,
            output_data_config: output(job.folder()),
        };
        return Ok(door.control().call(&request).await?.job_id);
    }
    let request = StartFHIRImportJobRequest {
        client_token: token,
        data_access_role_arn: ROLE_ARN.to_owned(),
        datastore_id: job.store.clone(),
        input_data_config: InputDataConfig::S3Uri(format!("{}in/", job.folder())),
        job_output_data_config: output(format!("{}out/", job.folder())),
        validation_level: Some(ValidationLevel::Strict),
        ..StartFHIRImportJobRequest::default()
    };
    Ok(door.control().call(&request).await?.job_id)
}
