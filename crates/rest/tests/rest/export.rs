//! `$export` through the door, in both forms, with the job run in between.

use std::sync::Arc;

use bytes::Bytes;
use fhir::Time;
use futures::TryStreamExt;
use jobs::limits::Sizes;
use jobs::{EXPORT_KEEP_MS, ExportFiles, Runner};
use rest::{Limits, Unsigned};
use serde_json::{Value, json};
use store::Clock;

use crate::door::{Answer, PUBLIC, STORE, World, wait};

const ASYNC: (&str, &str) = ("prefer", "respond-async");
const FHIR: (&str, &str) = ("content-type", "application/fhir+json");

/// Runs the jobs that wait, in a data store whose address is the door's.
fn run(world: &World) {
    let runner = Runner::new(jobs::Parts {
        catalog: world.catalog.clone(),
        queue: Arc::clone(&world.queue),
        access: Arc::new(world.objects.clone()),
        files: ExportFiles::new(Arc::new(world.objects.clone()), EXPORT_KEEP_MS),
        bases: Arc::new(|id| format!("{PUBLIC}/datastore/{id}/r4/")),
        packages: Arc::new(crate::packages::guides()),
        clock: world.clock.clone(),
        owner: "test".to_owned(),
        workers: 1,
        threads: 1,
        sizes: Sizes::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(runner.settle()).unwrap();
}

fn filled() -> World {
    let world = World::open();
    world.put("Patient/a", &json!({"resourceType": "Patient", "id": "a", "gender": "female"}));
    world.put("Patient/b", &json!({"resourceType": "Patient", "id": "b", "gender": "male"}));
    world.put(
        "Observation/x",
        &json!({"resourceType": "Observation", "id": "x", "status": "final", "code": {"text": "c"},
            "subject": {"reference": "Patient/a"}}),
    );
    world.put(
        "Group/g",
        &json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true,
            "member": [{"entity": {"reference": "Patient/a"}}]}),
    );
    world.clock.advance_ms(10);
    world
}

/// The path of the status of an export that was taken on.
fn accepted(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let location = answer.headers["content-location"].to_str().unwrap().to_owned();
    let start = format!("{PUBLIC}/datastore/{STORE}/r4/export/");
    assert!(location.starts_with(&start), "{location}");
    location
}

/// The manifest of an export, run.
fn manifest(world: &World, line: &str, body: &str) -> Value {
    let status = accepted(&world.ask(line, &[ASYNC, FHIR], body));
    run(world);
    let answer = world.get(&status);
    assert_eq!(answer.status, 200, "{line}: {:?}", answer.body);
    answer.json()
}

fn fetch(world: &World, url: &str, headers: &[(&str, &str)]) -> (u16, Bytes) {
    let request = World::request(&format!("GET {url}"), headers, "");
    let response = wait(world.service.exported_file(&request)).expect("a file's address");
    let status = response.status().as_u16();
    let pieces: Vec<Bytes> = wait(response.into_body().try_collect()).unwrap();
    (status, pieces.concat().into())
}

/// What a manifest's files hold, as `Type/id`, in order.
fn held(world: &World, manifest: &Value) -> String {
    let mut found = Vec::new();
    for file in manifest["output"].as_array().unwrap() {
        let (status, text) = fetch(world, file["url"].as_str().unwrap(), &[]);
        assert_eq!(status, 200);
        let lines: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
        assert_eq!(file["count"], lines.len());
        for line in lines {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert_eq!(resource["resourceType"], file["type"]);
            found.push(format!("{}/{}", file["type"].as_str().unwrap(), resource["id"].as_str().unwrap()));
        }
    }
    found.join(" ")
}

#[test]
fn an_export_in_the_standard_form_goes_from_kick_off_to_files_to_nothing() {
    let world = filled();
    let answer = world.ask("GET $export?_type=Patient,Observation", &[ASYNC], "");
    let status = accepted(&answer);
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    let waiting = world.get(&status);
    assert_eq!(waiting.status, 202);
    assert_eq!(waiting.headers["retry-after"], "1");
    assert_eq!(waiting.headers["x-progress"], "SUBMITTED: 0 resources written");
    run(&world);
    let done = world.get(&status);
    assert_eq!((done.status, &done.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(done.headers["expires"], "Wed, 25 Nov 2026 00:00:00 GMT");
    let manifest = done.json();
    assert_eq!(manifest["transactionTime"], "2026-11-23T00:00:00.010Z");
    assert_eq!(
        manifest["request"],
        format!("{PUBLIC}/datastore/{STORE}/r4/$export?_type=Patient,Observation")
    );
    assert_eq!(manifest["requiresAccessToken"], false);
    assert_eq!((&manifest["error"], &manifest["deleted"]), (&json!([]), &json!([])));
    assert_eq!(held(&world, &manifest), "Observation/x Patient/a Patient/b");

    let url = manifest["output"][0]["url"].as_str().unwrap().to_owned();
    let removed = world.ask(&format!("DELETE {status}"), &[], "");
    assert_eq!(removed.status, 202);
    assert_eq!(world.get(&status).status, 404);
    assert_eq!(world.ask(&format!("DELETE {status}"), &[], "").status, 404);
    assert_eq!(fetch(&world, &url, &[]).0, 404);
    run(&world);
    assert!(world.objects.keys(jobs::EXPORTS_BUCKET).is_empty());
}

#[test]
fn what_is_exported_follows_from_level_and_parameters() {
    let world = filled();
    let parameters = |parts: Value| json!({"resourceType": "Parameters", "parameter": parts}).to_string();
    let of_a = parameters(json!([{"name": "patient", "valueReference": {"reference": "Patient/a"}},
        {"name": "_type", "valueString": "Patient,Observation"}]));
    let filtered = parameters(json!([{"name": "_typeFilter", "valueString": "Patient?gender=male"},
        {"name": "_outputFormat", "valueString": "ndjson"}, {"name": "_type", "valueString": "Patient"}]));
    for (line, body, expected) in [
        ("POST $export", "", "Group/g Observation/x Patient/a Patient/b"),
        ("GET Patient/$export?_type=Patient", "", "Patient/a Patient/b"),
        ("POST Patient/$export", &of_a, "Observation/x Patient/a"),
        ("GET Group/g/$export?_type=Patient,Observation", "", "Observation/x Patient/a"),
        ("POST $export", &filtered, "Patient/b"),
        (
            "GET $export?_type=Patient,Observation&_typeFilter=Patient%3Fgender%3Dmale%2CPatient%3F_id%3Da",
            "",
            "Observation/x Patient/a Patient/b",
        ),
        ("GET $export?_since=2026-11-23T00:00:00.000Z", "", ""),
        ("GET $export?_until=2026-11-23T00:00:00.001Z&_type=Group", "", "Group/g"),
        ("GET $export?_tag=urn:x%7C&_outputFormat=application/fhir%2Bndjson", "", ""),
    ] {
        assert_eq!(held(&world, &manifest(&world, line, body)), expected, "{line}");
    }
    let part = manifest(&world, "GET $export?_type=Patient&_elements=gender", "");
    let (_, text) = fetch(&world, part["output"][0]["url"].as_str().unwrap(), &[]);
    let line: Value = serde_json::from_slice(text.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((&line["gender"], &line["meta"]["tag"][0]["code"]), (&json!("female"), &json!("SUBSETTED")));
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let world = filled();
    let parameters = |name: &str, value: &str| {
        json!({"resourceType": "Parameters", "parameter": [{"name": name, "valueString": value}]}).to_string()
    };
    for (line, body, status) in [
        ("GET $export?_type=Nothing", String::new(), 400),
        ("GET $export?_type=Patient,Nothing", String::new(), 400),
        ("GET Patient/$export?_type=Organization", String::new(), 400),
        ("GET $export?_outputFormat=text/csv", String::new(), 400),
        ("GET $export?_since=yesterday", String::new(), 400),
        ("GET $export?_typeFilter=gender=male", String::new(), 400),
        ("GET $export?_typeFilter=Patient?no-such=1", String::new(), 400),
        ("GET $export?_typeFilter=Patient?gender=male%26_sort=name", String::new(), 400),
        ("GET $export?_type=Group&_typeFilter=Patient?gender=male", String::new(), 400),
        ("GET $export?includeAssociatedData=LatestProvenanceResources", String::new(), 400),
        ("GET Patient/$export?patient=Patient/a", String::new(), 400),
        ("POST $export", parameters("patient", "Patient/a"), 400),
        ("POST Patient/$export", parameters("patient", "Patient/none"), 404),
        ("POST Patient/$export", parameters("patient", "Observation/x"), 400),
        ("POST Group/g/$export", parameters("patient", "Patient/b"), 400),
        ("POST Patient/$export", "{".to_owned(), 400),
        ("GET Group/none/$export", String::new(), 404),
        ("DELETE $export", String::new(), 405),
        ("GET export/0123456789abcdef0123456789abcdef", String::new(), 404),
        ("GET export/none", String::new(), 404),
    ] {
        let answer = world.ask(line, &[ASYNC, FHIR], &body);
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{line}");
    }
    let lenient = ("prefer", "respond-async, handling=lenient");
    for line in ["GET $export?organizeOutputBy=Patient", "GET $export?_type=Patient,Nothing"] {
        accepted(&world.ask(line, &[lenient], ""));
    }
}

#[test]
fn an_export_searches_by_stored_value_sets() {
    let world = filled();
    world.put(
        "ValueSet/genders",
        &json!({"resourceType": "ValueSet", "id": "genders", "status": "active", "url": "http://example.org/genders",
            "compose": {"include": [{"system": "http://hl7.org/fhir/administrative-gender",
                "concept": [{"code": "male"}]}]}}),
    );
    world.clock.advance_ms(10);
    let line = "GET $export?_type=Patient&_typeFilter=Patient%3Fgender:in%3Dhttp://example.org/genders";
    assert_eq!(held(&world, &manifest(&world, line, "")), "Patient/b");
    let unknown = world.ask(&line.replace("genders", "unknown"), &[ASYNC], "");
    assert_eq!(unknown.status, 400);
}

#[test]
fn a_hundred_searches_are_taken_and_no_more() {
    let world = filled();
    let asked = |count: usize| {
        let part = json!({"name": "_typeFilter", "valueString": "Patient?gender=male"});
        json!({"resourceType": "Parameters", "parameter": vec![part; count]}).to_string()
    };
    accepted(&world.ask("POST $export", &[ASYNC, FHIR], &asked(100)));
    let refused = world.ask("POST $export", &[ASYNC, FHIR], &asked(101));
    assert_eq!((refused.status, &refused.json()["issue"][0]["code"]), (400, &json!("too-costly")));
}

#[test]
fn a_full_queue_is_told_with_a_time_to_come_back() {
    let world = filled();
    for _ in 0..=jobs::QUEUED_JOBS_MAX {
        accepted(&world.ask("GET $export", &[ASYNC], ""));
    }
    let full = world.ask("GET $export", &[ASYNC], "");
    assert_eq!((full.status, &full.headers["retry-after"]), (429, &"60".parse().unwrap()));
    assert_eq!(full.json()["issue"][0]["code"], "throttled");
}

#[test]
fn healthlakes_form_writes_to_s3_and_tells_of_the_job() {
    let world = filled();
    let order = json!({"JobName": "nightly", "DataAccessRoleArn": "arn:aws:iam::123456789012:role/r",
        "OutputDataConfig": {"S3Configuration": {"S3Uri": "s3://bucket/out", "KmsKeyId": "key"}}});
    let answer = world.ask("POST $export?_type=Patient", &[ASYNC, FHIR], &order.to_string());
    let status = accepted(&answer);
    let id = status.rsplit('/').next().unwrap().to_owned();
    assert_eq!(answer.json(), json!({"datastoreId": STORE, "jobStatus": "SUBMITTED", "jobId": id}));
    assert_eq!(world.get(&status).status, 200);
    run(&world);
    let folder = format!("s3://bucket/out/{STORE}-FHIR_EXPORT-{id}/");
    let number = i64::from_str_radix(&id[..15], 16).unwrap();
    assert_eq!(
        world.get(&status).json(),
        json!({
            "exportJobProperties": {
                "jobId": id, "jobName": "nightly", "jobStatus": "COMPLETED", "datastoreId": STORE,
                "submitTime": "Nov 23, 2026 12:00:00 AM", "endTime": "Nov 23, 2026 12:00:00 AM",
                "outputDataConfig": {"s3Configuration": {"s3Uri": folder, "kmsKeyId": "key"}},
                "dataAccessRoleArn": "arn:aws:iam::123456789012:role/r",
            },
            "transactionTime": "2026-11-23T00:00:00.010Z",
            "request": format!("{PUBLIC}/datastore/{STORE}/r4/$export?_type=Patient"),
            "requiresAccessToken": false,
            "output": [{"type": "Patient", "url": format!("{folder}Patient/Patient-{number}-0-0.ndjson")}],
            "error": [],
        })
    );
    let refused = world.ask(&format!("DELETE {status}"), &[], "");
    assert_eq!((refused.status, &refused.json()["issue"][0]["code"]), (400, &json!("not-supported")));

    let status = accepted(&world.ask("POST $export", &[FHIR], &order.to_string()));
    let cancelled = world.ask(&format!("DELETE {status}"), &[], "").json();
    assert_eq!(cancelled["exportJobProperties"]["jobStatus"], "CANCEL_SUBMITTED");
    run(&world);
    assert_eq!(world.get(&status).json()["exportJobProperties"]["jobStatus"], "CANCEL_COMPLETED");
}

#[test]
fn healthlakes_get_keeps_the_files_here() {
    let world = filled();
    let answer = world.get("Patient/$export?_type=Patient");
    let status = accepted(&answer);
    assert_eq!(answer.json()["jobStatus"], "SUBMITTED");
    run(&world);
    let told = world.get(&status).json();
    assert_eq!(told["exportJobProperties"]["jobStatus"], "COMPLETED");
    assert!(told["exportJobProperties"].get("outputDataConfig").is_none());
    let (found, text) = fetch(&world, told["output"][0]["url"].as_str().unwrap(), &[]);
    assert_eq!((found, text.iter().filter(|byte| **byte == b'\n').count()), (200, 2));
}

#[test]
fn a_file_opens_by_a_signature_or_by_its_whole_address_until_it_expires() {
    let world = World::with(Unsigned::Refused, Limits::default());
    let ask = |line: &str, headers: &[(&str, &str)], body: &str| {
        world.send(world.sign(World::request(line, headers, body.to_owned())))
    };
    let patient = json!({"resourceType": "Patient", "id": "a"}).to_string();
    assert_eq!(ask("PUT Patient/a", &[FHIR], &patient).status, 201);
    let status = accepted(&ask("GET $export", &[ASYNC], ""));
    run(&world);
    let manifest = ask(&format!("GET {status}"), &[], "").json();
    let url = manifest["output"][0]["url"].as_str().unwrap().to_owned();
    let (bare, _) = url.split_once('?').unwrap();
    let open = |request| {
        let response = wait(world.service.exported_file(&request)).unwrap();
        (response.status().as_u16(), response.headers().clone())
    };
    let plain = |url: &str| open(World::request(&format!("GET {url}"), &[], ""));
    let (found, headers) = plain(&url);
    assert_eq!((found, &headers["content-type"]), (200, &"application/fhir+ndjson".parse().unwrap()));
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(open(world.sign(World::request(&format!("GET {bare}"), &[], ""))).0, 200);
    assert_eq!(open(World::request(&format!("HEAD {url}"), &[], "")).0, 200);
    assert_eq!(open(World::request(&format!("POST {url}"), &[], "")).0, 405);
    assert_eq!(plain(bare).0, 403);
    for (from, to) in [("expires=", "expires=1"), ("signature=", "signature=0"), ("Patient-0", "Patient-1")] {
        assert_eq!(plain(&url.replace(from, to)).0, 403, "{to}");
    }
    let changed = if url.ends_with('0') { "1" } else { "0" };
    assert_eq!(plain(&format!("{}{changed}", &url[..url.len() - 1])).0, 403);
    assert_eq!(world.send(World::request(&format!("GET {status}"), &[], "")).status, 403);

    let packed = World::request(&format!("GET {url}"), &[("accept-encoding", "gzip")], "");
    let response = wait(world.service.exported_file(&packed)).unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let pieces: Vec<Bytes> = wait(response.into_body().try_collect()).unwrap();
    let mut text = String::new();
    let packed = pieces.concat();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*packed), &mut text).unwrap();
    assert!(text.starts_with(r#"{"resourceType":"Patient","id":"a""#), "{text}");

    let expires = Time::parse("2026-11-25T00:00:00Z").unwrap().0;
    world.clock.advance_ms((expires - world.clock.now().0) / 1000 - 1000);
    assert_eq!(plain(&url).0, 200);
    world.clock.advance_ms(1001);
    assert_eq!(plain(&url).0, 403);
}
