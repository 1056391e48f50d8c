//! StartFHIRExportJob into a bucket, and FHIR's `$export`.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use healthlake::generated::enumerations::JobStatus;
use healthlake::generated::structures::{DescribeFHIRExportJobRequest, StartFHIRExportJobRequest};
use http::{HeaderValue, Method};

use super::import::{ROLE_ARN, output, remove};
use crate::plan::Bench;
use crate::report::{Row, Unit};
use crate::target::{Datastore, pause};

/// The group of its rows.
pub(crate) const GROUP: &str = "Whole data store";

/// The name of the row of the job.
pub(crate) const EXPORT_JOB: &str = "StartFHIRExportJob";

/// Exports everything into the bucket.
pub(crate) fn export_job(bench: &Bench<'_>, store: &Datastore, resources: u64) -> Result<Row> {
    let target = &bench.target;
    bench.progress.step(EXPORT_JOB);
    bench.forget_peak()?;
    let before = bench.usage()?;
    let began = Instant::now();
    let request = StartFHIRExportJobRequest {
        datastore_id: store.id.clone(),
        data_access_role_arn: ROLE_ARN.to_owned(),
        output_data_config: output("exported/"),
        ..StartFHIRExportJobRequest::default()
    };
    let job_id = target.call(&request)?.job_id;
    let look = DescribeFHIRExportJobRequest { datastore_id: store.id.clone(), job_id };
    loop {
        match target.call(&look)?.export_job_properties.job_status {
            JobStatus::Completed => break,
            JobStatus::Submitted | JobStatus::Queued | JobStatus::InProgress => pause(),
            other => bail!("the export ended as {other:?}"),
        }
    }
    let took_s = began.elapsed().as_secs_f64();
    let after = bench.usage()?;
    remove(target, "exported/")?;
    let used = after.zip(before);
    Ok(Row::new(GROUP, EXPORT_JOB)
        .with("took", took_s, Unit::Seconds)
        .with("rate", resources as f64 / took_s, Unit::PerSecond)
        .with_some(
            "CPU each",
            used.map(|(after, before)| (after.cpu_s - before.cpu_s) * 1e6 / resources as f64),
            Unit::Microseconds,
        )
        .with_some(
            "memory more",
            used.map(|(after, before)| after.peak.saturating_sub(before.resident) as f64),
            Unit::Bytes,
        ))
}

/// The system's `$export`, with the download of all its files.
pub(crate) fn bulk_export(bench: &Bench<'_>, store: &Datastore, resources: u64) -> Result<Row> {
    let target = &bench.target;
    bench.progress.step("$export");
    let before = bench.cpu_s()?;
    let began = Instant::now();
    let mut request = target.get(&format!("{}$export", store.base))?;
    request.headers_mut().insert("prefer", HeaderValue::from_static("respond-async"));
    let started = target.ask(request)?;
    ensure!(started.status == 202, "$export: {} {}", started.status, String::from_utf8_lossy(&started.body));
    let status = started.headers.get("content-location").and_then(|url| url.to_str().ok());
    let status = path_of(status.context("the answer says where to look")?)?;
    let manifest = loop {
        let answer = target.ask(target.get(&status)?)?;
        match answer.status {
            200 => break serde_json::from_slice::<serde_json::Value>(&answer.body)?,
            202 => pause(),
            other => bail!("$export ended with {other}: {}", String::from_utf8_lossy(&answer.body)),
        }
    };
    let made_s = began.elapsed().as_secs_f64();
    let (mut bytes, files) = (0, manifest["output"].as_array().context("the manifest lists its files")?);
    for file in files {
        let url = file["url"].as_str().context("a file has an address")?;
        let answer = target.ask(target.get(&path_of(url)?)?)?;
        ensure!(answer.status == 200, "a file of $export: {}", answer.status);
        bytes += answer.body.len();
    }
    let took_s = began.elapsed().as_secs_f64();
    target.ask(target.fhir(Method::DELETE, &status, Bytes::new())?)?;
    let cpu_s = bench.cpu_s()?.zip(before).map(|(after, before)| after - before);
    Ok(Row::new(GROUP, "$export, with the download")
        .with("took", took_s, Unit::Seconds)
        .with("rate", resources as f64 / took_s, Unit::PerSecond)
        .with_some("CPU each", cpu_s.map(|cpu_s| cpu_s * 1e6 / resources as f64), Unit::Microseconds)
        .with("without", made_s, Unit::Seconds)
        .with("bytes", bytes as f64, Unit::Bytes))
}

/// The path of an absolute address.
fn path_of(url: &str) -> Result<String> {
    let path = url.splitn(4, '/').nth(3).context("an address has a path")?;
    Ok(format!("/{path}"))
}
