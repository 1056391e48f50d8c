//! StartFHIRImportJob over NDJSON in a bucket of the server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use healthlake::generated::enumerations::{JobStatus, ValidationLevel};
use healthlake::generated::structures::{
    DescribeFHIRImportJobRequest, InputDataConfig, JobProgressReport, OutputDataConfig, S3Configuration,
    StartFHIRImportJobRequest,
};
use http::Method;

use super::start::median;
use crate::connection::Connection;
use crate::data::{Data, Part};
use crate::plan::Bench;
use crate::report::{Row, Unit};
use crate::target::{Datastore, Target, pause};

/// The bucket of the runs.
pub(crate) const BUCKET: &str = "tarn-bench";

/// The role that the jobs name.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/tarn-bench";

/// The key that the jobs name for their output.
pub(crate) const KMS_KEY_ID: &str = "alias/aws/s3";

/// The group of its rows.
pub(crate) const GROUP: &str = "Import";

/// The levels; the data store of the last is kept.
const LEVELS: [(&str, ValidationLevel); 3] = [
    ("strict", ValidationLevel::Strict),
    ("minimal", ValidationLevel::Minimal),
    ("structure-only", ValidationLevel::StructureOnly),
];

/// An import that ended.
pub(crate) struct Imported {
    pub(crate) resources: u64,
    pub(crate) row: Row,
}

/// Puts all parts of the data below a prefix of the bucket. Returns resources and bytes.
pub(crate) fn upload(bench: &Bench<'_>, data: &Data, prefix: &str) -> Result<(u64, u64)> {
    let target = &bench.target;
    make_bucket(target)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = Connection::to(target.address());
    let (mut lines, mut bytes) = (0, 0);
    data.parts(&mut |Part { name, lines: held, content }| {
        lines += held;
        bytes += content.len() as u64;
        let request = target.s3(Method::PUT, &format!("/{BUCKET}/{prefix}{name}"), content)?;
        let answer = runtime.block_on(connection.send(request))?;
        ensure!(answer.status == 200, "the object {name} was refused: {}", answer.status);
        bench.progress.step(&format!("uploaded {} MiB", bytes >> 20));
        Ok(())
    })?;
    Ok((lines, bytes))
}

fn make_bucket(target: &Target) -> Result<()> {
    let answer = target.ask(target.s3(Method::PUT, &format!("/{BUCKET}"), Bytes::new())?)?;
    let is_there = String::from_utf8_lossy(&answer.body).contains("BucketAlreadyOwnedByYou");
    ensure!(answer.status == 200 || is_there, "the bucket was refused: {}", answer.status);
    Ok(())
}

/// Imports what lies below a prefix at each level into a data store of its own. Returns the rows, and the data store
/// of the last level, `structure-only`.
pub(crate) fn import_levels(bench: &Bench<'_>, prefix: &str, size: &str) -> Result<(Vec<Row>, Datastore)> {
    let (mut rows, mut kept) = (Vec::new(), None);
    let mut deleted_ms = Vec::new();
    for (name, level) in LEVELS {
        let (store, _) = bench.target.create(&format!("bench-{name}"))?;
        rows.push(imported(bench, &store, prefix, level, &format!("{size}, {name}"))?.row);
        if let Some(before) = kept.replace(store) {
            deleted_ms.push(bench.target.delete(&before)?.as_secs_f64() * 1e3);
        }
    }
    let delete = Row::new("Whole data store", format!("delete, {size}")).with(
        "took",
        median(&mut deleted_ms) / 1e3,
        Unit::Seconds,
    );
    rows.push(delete);
    Ok((rows, kept.context("there are levels")?))
}

/// Imports what lies below a prefix; fails unless every line becomes a resource or is refused for what it is.
pub(crate) fn imported(
    bench: &Bench<'_>,
    store: &Datastore,
    prefix: &str,
    level: ValidationLevel,
    name: &str,
) -> Result<Imported> {
    bench.forget_peak()?;
    let before = bench.cpu_s()?;
    let began = Instant::now();
    let job = start(&bench.target, store, prefix, level)?;
    let report = loop {
        let (status, report) = look(&bench.target, store, &job)?;
        bench
            .progress
            .step(&format!("{name}: {} resources", report.total_number_of_resources_scanned.unwrap_or(0)));
        match status {
            JobStatus::Completed | JobStatus::CompletedWithErrors => break report,
            JobStatus::Submitted | JobStatus::Queued | JobStatus::InProgress => pause(),
            other => anyhow::bail!("the import ended as {other:?}"),
        }
    };
    let took = began.elapsed();
    let resources = u64::try_from(report.total_number_of_resources_imported.unwrap_or(0))?;
    ensure!(resources > 0, "nothing was imported");
    let cpu_s = bench.cpu_s()?.zip(before).map(|(after, before)| after - before);
    let refused = report.total_number_of_resources_with_customer_error.unwrap_or(0);
    let row = Row::new(GROUP, name)
        .with("resources", resources as f64, Unit::Count)
        .with("refused", refused as f64, Unit::Count)
        .with("rate", resources as f64 / took.as_secs_f64(), Unit::PerSecond)
        .with_some("CPU each", cpu_s.map(|cpu_s| cpu_s * 1e6 / resources as f64), Unit::Microseconds)
        .with_some("peak memory", bench.usage()?.map(|usage| usage.peak as f64), Unit::Bytes);
    Ok(Imported { resources, row })
}

/// Starts an import; its job's id.
pub(crate) fn start(
    target: &Target,
    store: &Datastore,
    prefix: &str,
    level: ValidationLevel,
) -> Result<String> {
    let request = StartFHIRImportJobRequest {
        datastore_id: store.id.clone(),
        data_access_role_arn: ROLE_ARN.to_owned(),
        input_data_config: InputDataConfig::S3Uri(format!("s3://{BUCKET}/{prefix}")),
        job_output_data_config: output("out/"),
        validation_level: Some(level),
        ..StartFHIRImportJobRequest::default()
    };
    Ok(target.call(&request)?.job_id)
}

/// Where jobs write to.
pub(crate) fn output(prefix: &str) -> OutputDataConfig {
    OutputDataConfig::S3Configuration(S3Configuration {
        s3_uri: format!("s3://{BUCKET}/{prefix}"),
        kms_key_id: KMS_KEY_ID.to_owned(),
    })
}

/// How an import stands.
pub(crate) fn look(target: &Target, store: &Datastore, job: &str) -> Result<(JobStatus, JobProgressReport)> {
    let request = DescribeFHIRImportJobRequest { datastore_id: store.id.clone(), job_id: job.to_owned() };
    let job = target.call(&request)?.import_job_properties;
    Ok((job.job_status, job.job_progress_report.unwrap_or_default()))
}

/// Removes every object below a prefix.
pub(crate) fn remove(target: &Target, prefix: &str) -> Result<()> {
    loop {
        let path = format!("/{BUCKET}?list-type=2&prefix={}", prefix.replace('/', "%2F"));
        let answer = target.ask(target.s3(Method::GET, &path, Bytes::new())?)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let keys: Vec<&str> =
            text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        for key in keys {
            target.ask(target.s3(Method::DELETE, &format!("/{BUCKET}/{key}"), Bytes::new())?)?;
        }
    }
}

/// A while, so that what goes on in the background after a load ends before the next one is measured.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_millis(SETTLE_MS));
}

/// How long is waited for that, in milliseconds.
const SETTLE_MS: u64 = 3_000;
