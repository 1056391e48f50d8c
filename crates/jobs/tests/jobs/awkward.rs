//! Every awkward input has a defined outcome.

use serde_json::Value;
use store::{JobStatus, ValidationLevel};

use crate::world::{World, patient};

/// A name, the bytes of the file, and what comes of its lines: number, status, and a word of the diagnostics.
type Case = (&'static str, Vec<u8>, Vec<(u64, u64, &'static str)>);

fn cases() -> Vec<Case> {
    let ok = |id: &str| patient(id);
    let good = |line: u64| (line, 201, "");
    let text = |text: &str| text.as_bytes().to_vec();
    let long = |bytes: usize| {
        let around = r#"{"resourceType":"Patient","id":"long","name":[{"family":""}]}"#.len();
        format!(
            r#"{{"resourceType":"Patient","id":"long","name":[{{"family":"{}"}}]}}"#,
            "x".repeat(bytes - around)
        )
    };
    vec![
        ("empty", vec![], vec![]),
        ("only-blank", text("\n\r\n  \n"), vec![]),
        ("no-break-at-the-end", text(&ok("a")), vec![good(1)]),
        ("crlf", text(&format!("{}\r\n{}\r\n", ok("b"), ok("c"))), vec![good(1), good(2)]),
        ("blank-lines", text(&format!("\n{}\n\n \t\n{}\n\n", ok("d"), ok("e"))), vec![good(2), good(5)]),
        ("byte-order-mark", [b"\xef\xbb\xbf", ok("f").as_bytes()].concat(), vec![good(1)]),
        ("white-space-around", text(&format!("  {}  \n", ok("g"))), vec![good(1)]),
        (
            "not-json",
            text("{\"resourceType\":\"Patient\"\nx\n"),
            vec![(1, 400, "Invalid JSON"), (2, 400, "Invalid JSON")],
        ),
        (
            "not-utf-8",
            b"{\"resourceType\":\"Patient\",\"id\":\"h\",\"language\":\"\xff\"}".to_vec(),
            vec![(1, 400, "Invalid JSON")],
        ),
        (
            "utf-16",
            "x\n".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            vec![(1, 400, "Invalid JSON"), (2, 400, "Invalid JSON")],
        ),
        ("a-list", text("[]\n"), vec![(1, 400, "Invalid JSON")]),
        ("two-on-a-line", text(&format!("{}{}", ok("i"), ok("j"))), vec![(1, 400, "Invalid JSON")]),
        (
            "twice-the-same-member",
            text(r#"{"resourceType":"Patient","id":"k","id":"l"}"#),
            vec![(1, 400, "Invalid JSON")],
        ),
        ("no-id", text(r#"{"resourceType":"Patient"}"#), vec![(1, 400, "Missing required id field")]),
        ("empty-id", text(r#"{"resourceType":"Patient","id":""}"#), vec![(1, 400, "resourceId")]),
        ("id-of-64", text(&ok(&"x".repeat(64))), vec![good(1)]),
        ("id-of-65", text(&ok(&"x".repeat(65))), vec![(1, 400, "[A-Za-z0-9-.]{1,64}")]),
        ("id-with-underscore", text(&ok("a_b")), vec![(1, 400, "resourceId")]),
        ("id-a-number", text(r#"{"resourceType":"Patient","id":1}"#), vec![(1, 400, "resourceId")]),
        ("no-type", text(r#"{"id":"m"}"#), vec![(1, 400, "[A-Za-z]{1,256}")]),
        (
            "type-malformed",
            text(r#"{"resourceType":"Pat-ient","id":"m"}"#),
            vec![(1, 400, "[A-Za-z]{1,256}")],
        ),
        ("type-unknown", text(r#"{"resourceType":"Patent","id":"m"}"#), vec![(1, 400, "resource type")]),
        ("meta-a-string", text(r#"{"resourceType":"Patient","id":"n","meta":"x"}"#), vec![(1, 400, "meta")]),
        ("unknown-element", text(r#"{"resourceType":"Patient","id":"n","nose":1}"#), vec![(1, 400, "")]),
        ("line-at-the-limit", text(&long(2000)), vec![good(1)]),
        (
            "line-past-the-limit",
            text(&format!("{}\n{}\n", long(2001), ok("o"))),
            vec![(1, 400, "2000 bytes"), good(2)],
        ),
        ("one-id-twice", text(&format!("{}\n{}\n", ok("p"), ok("p"))), vec![good(1), (2, 200, "")]),
        (
            "own-version",
            text(r#"{"resourceType":"Patient","id":"q","meta":{"versionId":"9"}}"#),
            vec![good(1)],
        ),
        ("binary-garbage", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], vec![(1, 400, "Invalid JSON")]),
    ]
}

fn lines(text: Option<&String>) -> Vec<(u64, u64, Value)> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let response = &line["UpdateResourceResponse"];
        let (number, status) = (line["lineId"].as_u64().unwrap(), response["statusCode"].as_u64().unwrap());
        (number, status, response["jsonBlob"].clone())
    };
    text.map(String::as_str).unwrap_or_default().lines().map(line).collect()
}

#[tokio::test]
async fn every_awkward_line_has_its_outcome() {
    let mut world = World::new().await;
    world.sizes.line_bytes = 2000;
    let (mut stored, mut refused) = (0, 0);
    for (name, content, _) in cases() {
        world.objects.insert("input", &format!("in/{name}.ndjson"), content);
    }
    let job = world.import(2, "s3://input/in/", None).await;
    let output = world.output(&job);
    for (name, _, expected) in cases() {
        let success = lines(output.get(&format!("SUCCESS/{name}.ndjson")));
        let failure = lines(output.get(&format!("FAILURE/{name}.ndjson")));
        assert!(output.contains_key(&format!("SUCCESS/{name}.ndjson")), "{name}: always a success file");
        assert_eq!(output.contains_key(&format!("FAILURE/{name}.ndjson")), !failure.is_empty(), "{name}");
        stored += success.len() as u64;
        refused += failure.len() as u64;
        let mut all = [success, failure].concat();
        all.sort_by_key(|line| line.0);
        let seen: Vec<_> = all.iter().map(|line| (line.0, line.1)).collect();
        assert_eq!(seen, expected.iter().map(|line| (line.0, line.1)).collect::<Vec<_>>(), "{name}: {all:?}");
        for ((_, status, blob), (_, _, word)) in all.iter().zip(&expected) {
            if *status >= 400 {
                assert_eq!(
                    (&blob["resourceType"], &blob["issue"][0]["severity"]),
                    (&"OperationOutcome".into(), &"error".into())
                );
                assert!(blob["issue"][0]["diagnostics"].as_str().unwrap().contains(word), "{name}: {blob}");
            } else {
                assert_eq!(blob["resourceType"], "Patient", "{name}");
                assert_eq!(blob["meta"]["versionId"], if *status == 201 { "1" } else { "2" }, "{name}");
            }
        }
    }
    let progress = &job.progress;
    assert_eq!(job.status, JobStatus::CompletedWithErrors);
    assert_eq!((progress.files_scanned, progress.files_imported, progress.files_failed), (29, 29, 0));
    assert_eq!(progress.resources_imported, stored);
    assert_eq!(progress.resources_with_customer_error, refused);
    assert_eq!(progress.resources_scanned, stored + refused);
    let manifest: Value = serde_json::from_str(&output["manifest.json"]).unwrap();
    assert_eq!(manifest["numberOfResourcesImportedSuccessfully"], stored);
    assert_eq!(manifest["numberOfScannedFiles"], 29);
    assert_eq!(manifest["outputDataConfig"]["s3Uri"], job.output.folder);
    assert!(output.keys().all(|name| !name.starts_with(".parts")));
}

#[tokio::test]
async fn minimal_validation_stores_what_can_be_stored_with_a_note() {
    let world = World::new().await;
    let text = [
        r#"{"resourceType":"Patient","id":"a","nose":1}"#,
        r#"{"resourceType":"Patient","id":"b","extension":[{"url":"http://x","valueString":"y"}],"nose":1}"#,
        r#"{"resourceType":"Patient","id":"c","extension":[],"nose":1}"#,
        r#"{"resourceType":"Patient","id":"d","extension":"x"}"#,
        r#"{"resourceType":"Patient","id":"e","active":true}"#,
        r#"{"resourceType":"Patient","nose":1}"#,
    ];
    world.objects.insert("input", "in/a.ndjson", text.join("\n"));
    let job = world.import(2, "s3://input/in/a.ndjson", Some(ValidationLevel::Minimal)).await;
    let output = world.output(&job);
    let ids = |folder: &str| -> Vec<u64> {
        lines(output.get(&format!("{folder}/a.ndjson"))).iter().map(|line| line.0).collect()
    };
    assert_eq!(ids("SUCCESS_WITH_SEARCH_VALIDATION_FAILURES"), [1, 2, 3]);
    assert_eq!((ids("SUCCESS"), ids("FAILURE")), (vec![5], vec![4, 6]));
    let contents = world.contents().await;
    for (id, extensions) in [("a", 1), ("b", 2), ("c", 1)] {
        let body: Value = serde_json::from_str(&contents[&format!("Patient/{id}")].1).unwrap();
        let list = body["extension"].as_array().unwrap();
        let note = list.last().unwrap();
        assert_eq!((list.len(), &note["url"]), (extensions, &fhir::VALIDATION_ISSUE.into()));
        let outcome: Value = serde_json::from_str(note["valueString"].as_str().unwrap()).unwrap();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(body["nose"], 1);
    }
}

/// What the lines of a file come to at a level: those stored, those stored with a note, those refused.
async fn fates(text: &[&str], level: Option<ValidationLevel>) -> (World, [Vec<u64>; 3]) {
    let world = World::new().await;
    world.objects.insert("input", "in/a.ndjson", text.join("\n"));
    let job = world.import(2, "s3://input/in/a.ndjson", level).await;
    let output = world.output(&job);
    let folders = ["SUCCESS", "SUCCESS_WITH_SEARCH_VALIDATION_FAILURES", "FAILURE"];
    let ids = folders
        .map(|folder| lines(output.get(&format!("{folder}/a.ndjson"))).iter().map(|line| line.0).collect());
    (world, ids)
}

#[tokio::test]
async fn each_level_asks_of_each_line_what_it_should() {
    const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    let claiming = |id: &str, profile: &str, rest: &str| {
        format!(r#"{{"resourceType":"Patient","id":"{id}","meta":{{"profile":["{profile}"]}}{rest}}}"#)
    };
    let whole =
        r#","identifier":[{"system":"http://a","value":"1"}],"name":[{"family":"B"}],"gender":"female""#;
    let lines = [
        claiming("whole", US_CORE, whole),
        claiming("versioned", &format!("{US_CORE}|6.1.0"), whole),
        claiming("less", US_CORE, r#","name":[{"family":"C"}]"#),
        claiming("unknown", "http://example.org/none", whole),
        claiming("broken", US_CORE, &format!(r#"{whole},"birthDate":"then""#)),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (world, strict) = fates(&lines, None).await;
    assert_eq!(strict, [vec![1, 2], vec![], vec![3, 4, 5]]);
    assert_eq!(world.contents().await.len(), 2);
    let (_, structure) = fates(&lines, Some(ValidationLevel::StructureOnly)).await;
    assert_eq!(structure, [vec![1, 2, 3, 4], vec![], vec![5]]);
    let (world, minimal) = fates(&lines, Some(ValidationLevel::Minimal)).await;
    assert_eq!(minimal, [vec![1, 2, 3, 4], vec![5], vec![]]);
    assert_eq!(world.contents().await.len(), 5);
}
