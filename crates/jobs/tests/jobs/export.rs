//! FHIR exports: whose, since when, of which moment, and what becomes of their files.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use fhir::{Resource, ResourceKey, Time};
use jobs::{Cancelled, EXPORT_KEEP_MS, EXPORTS_BUCKET, ExportFiles, GROUPS_MAX, MEMBERS_MAX};
use search::{Entries, Extractor, ParameterSet, Visible};
use store::{
    Clock, Export, ExportAsked, ExportForm, ExportLevel, ExportTarget, Job, JobKind, JobOutput, JobStatus,
    Operation, Put, StoreError, Transaction, Write,
};

use crate::world::{World, bases};

fn export(level: ExportLevel, asked: ExportAsked) -> Export {
    Export {
        level,
        form: ExportForm::Standard,
        target: ExportTarget::Here,
        request: "http://localhost/$export".to_owned(),
        asked,
        transaction_time: None,
        files: Vec::new(),
        expires: None,
        is_withdrawn: false,
    }
}

impl World {
    async fn put(&self, json: &str) {
        let resource = Resource::parse_slice(json.as_bytes()).unwrap();
        let key = resource.key().unwrap();
        let mut entries = Entries::new();
        Extractor::new(&bases()(&self.datastore), &ParameterSet::r4())
            .extract(&resource, &key, &mut entries)
            .unwrap();
        let body = Bytes::from(fhir::body(&resource, &key.id));
        let put = Put { key, body, entries, operation: Operation::Update };
        self.write(Write::Put(put)).await;
    }

    async fn remove(&self, key: &str) {
        self.write(Write::Delete(ResourceKey::parse(key).unwrap())).await;
    }

    async fn write(&self, write: Write) {
        let store = self.catalog.open(&self.datastore).await.unwrap();
        store.commit(Transaction { preconditions: Vec::new(), writes: vec![write] }).await.unwrap();
        self.clock.advance_ms(10);
    }

    fn export_job(&self, number: u128, export: Export) -> Job {
        Job {
            export: Some(Box::new(export)),
            output: JobOutput::default(),
            ..self.job(JobKind::Export, number)
        }
    }

    /// Runs an export and gives its record.
    async fn export_as(&self, number: u128, level: ExportLevel, asked: ExportAsked) -> Job {
        self.submit(self.export_job(number, export(level, asked))).await.unwrap();
        self.runner().settle().await.unwrap();
        self.record(JobKind::Export, number).await
    }

    /// The lines of an export's files, by what they are about; what was deleted begins with a hyphen.
    fn lines(&self, job: &Job) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for file in &job.export.as_ref().unwrap().files {
            let key = format!("{}/{}/{}", self.datastore, job.id, file.name);
            let text = self.objects.content(EXPORTS_BUCKET, &key).unwrap();
            let lines: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
            assert_eq!(lines.len() as u64, file.count);
            for line in lines {
                let json: serde_json::Value = serde_json::from_str(line).unwrap();
                let about = match json["entry"][0]["request"]["url"].as_str() {
                    Some(url) if file.is_deleted => format!("-{url}"),
                    _ => format!(
                        "{}/{}/{}",
                        json["resourceType"].as_str().unwrap(),
                        json["id"].as_str().unwrap(),
                        json["meta"]["versionId"].as_str().unwrap()
                    ),
                };
                assert!(found.insert(about), "nothing stands twice: {line}");
            }
        }
        found
    }

    async fn exported(&self, number: u128, level: ExportLevel, asked: ExportAsked) -> Vec<String> {
        let job = self.export_as(number, level, asked).await;
        assert_eq!((job.status, &job.message), (JobStatus::Completed, &None));
        self.lines(&job).into_iter().collect()
    }

    async fn of_two_patients(&self) {
        self.put(r#"{"resourceType":"Patient","id":"a","gender":"female"}"#).await;
        self.put(r#"{"resourceType":"Patient","id":"b","gender":"male"}"#).await;
        self.put(r#"{"resourceType":"Organization","id":"o","name":"O"}"#).await;
        for (id, patient) in [("x", "a"), ("y", "b")] {
            self.put(&observation(id, patient, "final")).await;
        }
        self.put(r#"{"resourceType":"Observation","id":"z","status":"final","code":{"text":"nobody's"}}"#)
            .await;
        self.put(
            r#"{"resourceType":"Group","id":"inner","type":"person","actual":true,"member":[
            {"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Group/outer"}}]}"#,
        )
        .await;
        self.put(
            r#"{"resourceType":"Group","id":"outer","type":"person","actual":true,"member":[
            {"entity":{"reference":"Patient/a"},"inactive":true},{"entity":{"reference":"Group/inner"}}]}"#,
        )
        .await;
    }
}

fn observation(id: &str, patient: &str, status: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"{status}","code":{{"text":"c"}},
        "subject":{{"reference":"Patient/{patient}"}}}}"#
    )
}

fn types(names: &[&str]) -> ExportAsked {
    ExportAsked { types: names.iter().map(|name| (*name).to_owned()).collect(), ..ExportAsked::default() }
}

#[tokio::test]
async fn an_export_holds_what_its_level_and_parameters_say() {
    let world = World::new().await;
    world.of_two_patients().await;
    let (system, patients) = (|| ExportLevel::System, || ExportLevel::Patients);
    let group = |id: &str| ExportLevel::Group(id.to_owned());
    let filtered = |filters: &[&str]| ExportAsked {
        type_filters: filters.iter().map(|text| (*text).to_owned()).collect(),
        ..types(&["Observation", "Patient"])
    };
    let only = |ids: &[&str]| ExportAsked {
        patients: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..ExportAsked::default()
    };
    let all = "Group/inner/1 Group/outer/1 Observation/x/1 Observation/y/1 Observation/z/1 \
               Organization/o/1 Patient/a/1 Patient/b/1";
    let cases: Vec<(ExportLevel, ExportAsked, &str)> = vec![
        (system(), ExportAsked::default(), all),
        (system(), types(&["Patient", "Organization"]), "Organization/o/1 Patient/a/1 Patient/b/1"),
        (
            patients(),
            ExportAsked::default(),
            "Group/inner/1 Group/outer/1 Observation/x/1 Observation/y/1 Patient/a/1 Patient/b/1",
        ),
        (patients(), only(&["a"]), "Group/outer/1 Observation/x/1 Patient/a/1"),
        (group("inner"), ExportAsked::default(), "Group/inner/1 Observation/y/1 Patient/b/1"),
        (group("outer"), types(&["Observation", "Patient"]), "Observation/y/1 Patient/b/1"),
        (group("outer"), only(&["a"]), ""),
        (system(), filtered(&["Observation?patient=Patient/a"]), "Observation/x/1 Patient/a/1 Patient/b/1"),
        (
            system(),
            filtered(&["Observation?patient=Patient/a", "Observation?_id=z", "Patient?gender=male"]),
            "Observation/x/1 Observation/z/1 Patient/b/1",
        ),
    ];
    for (number, (level, asked, expected)) in cases.into_iter().enumerate() {
        let told = format!("{level:?} {asked:?}");
        let found = world.exported(10 + number as u128, level, asked).await;
        assert_eq!(found.join(" "), expected, "{told}");
    }
}

#[tokio::test]
async fn since_tells_what_changed_and_what_was_deleted() {
    let world = World::new().await;
    world.of_two_patients().await;
    let first = world.export_as(2, ExportLevel::System, ExportAsked::default()).await;
    let since = first.export.unwrap().transaction_time.unwrap();
    world.clock.advance_ms(10);
    world.put(&observation("x", "a", "amended")).await;
    world.remove("Patient/b").await;
    world.remove("Observation/z").await;
    world.put(&observation("z", "a", "final")).await;
    let middle = world.clock.now();
    world.clock.advance_ms(10);
    world.put(&observation("y", "b", "amended")).await;
    let asked = |until| ExportAsked { since: Some(since), until, ..ExportAsked::default() };
    assert_eq!(
        world.exported(3, ExportLevel::System, asked(None)).await.join(" "),
        "-Patient/b Observation/x/2 Observation/y/2 Observation/z/3"
    );
    assert_eq!(
        world.exported(4, ExportLevel::System, asked(Some(middle))).await.join(" "),
        "-Patient/b Observation/x/2 Observation/z/3"
    );
    let of_a = ExportAsked { patients: vec!["a".to_owned()], ..asked(None) };
    assert_eq!(
        world.exported(5, ExportLevel::Patients, of_a).await.join(" "),
        "Observation/x/2 Observation/z/3"
    );
}

#[tokio::test]
async fn what_changes_while_an_export_runs_is_told_as_it_was() {
    let mut world = World::new().await;
    world.sizes.part_bytes = 1;
    for number in 0..200 {
        world.put(&observation(&format!("n{number:03}"), "a", "final")).await;
    }
    let asked = types(&["Observation"]);
    world.submit(world.export_job(2, export(ExportLevel::System, asked))).await.unwrap();
    // It pauses after its first part, which holds the first 64.
    let runner = world.runner();
    runner.stop();
    runner.settle().await.unwrap();
    let paused = world.record(JobKind::Export, 2).await;
    assert_eq!((paused.status, paused.progress.resources_scanned), (JobStatus::InProgress, 64));
    world.clock.advance_ms(10);
    for number in ["n010", "n100", "n150"] {
        world.put(&observation(number, "a", "amended")).await;
    }
    world.put(&observation("n100", "b", "corrected")).await;
    world.remove("Observation/n020").await;
    world.remove("Observation/n120").await;
    world.put(&observation("new", "a", "final")).await;
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Export, 2).await;
    assert_eq!(job.status, JobStatus::Completed);
    let expected: BTreeSet<String> = (0..200).map(|number| format!("Observation/n{number:03}/1")).collect();
    assert_eq!(world.lines(&job), expected);
    assert_eq!(job.progress.resources_scanned, 200);
}

#[tokio::test]
async fn the_members_of_a_group_are_those_of_the_moment() {
    let mut world = World::new().await;
    world.sizes.part_bytes = 1;
    world.of_two_patients().await;
    let job = world.export_job(2, export(ExportLevel::Group("inner".to_owned()), ExportAsked::default()));
    world.submit(job).await.unwrap();
    let runner = world.runner();
    runner.stop();
    runner.settle().await.unwrap();
    world.clock.advance_ms(10);
    world.put(r#"{"resourceType":"Group","id":"inner","type":"person","actual":true}"#).await;
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Export, 2).await;
    let found: Vec<String> = world.lines(&job).into_iter().collect();
    assert_eq!(found.join(" "), "Group/inner/1 Observation/y/1 Patient/b/1");
}

#[tokio::test]
async fn files_go_with_their_time_their_job_and_their_data_store() {
    let world = World::new().await;
    world.of_two_patients().await;
    let files = || world.objects.keys(EXPORTS_BUCKET).len();
    for number in 2..5 {
        world.export_as(number, ExportLevel::System, ExportAsked::default()).await;
    }
    let job = world.record(JobKind::Export, 2).await;
    let export = job.export.as_ref().unwrap();
    assert_eq!(export.expires, Some(Time(job.ended.unwrap().0 + EXPORT_KEEP_MS * 1000)));
    assert_eq!((files(), export.files.len()), (12, 4));

    world.queue.withdraw(&world.datastore, &job.id).await.unwrap();
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Export, 2).await;
    assert!(job.export.as_ref().unwrap().is_withdrawn && job.export.unwrap().files.is_empty());
    assert_eq!(files(), 8);

    world.files().remove(&world.datastore, Some(&world.record(JobKind::Export, 3).await.id)).await.unwrap();
    assert_eq!(files(), 4);
    world.clock.advance_ms(EXPORT_KEEP_MS - 1);
    world.runner().settle().await.unwrap();
    assert_eq!(files(), 4);
    world.clock.advance_ms(1);
    world.runner().settle().await.unwrap();
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn a_cancelled_export_ends_and_leaves_nothing_here() {
    let mut world = World::new().await;
    world.sizes.part_bytes = 1;
    world.of_two_patients().await;
    for number in [2, 3] {
        let export = export(ExportLevel::System, ExportAsked::default());
        world.submit(world.export_job(number, export)).await.unwrap();
    }
    let runner = world.runner();
    runner.stop();
    runner.settle().await.unwrap();
    assert_eq!(world.record(JobKind::Export, 2).await.status, JobStatus::InProgress);
    assert_eq!(world.record(JobKind::Export, 3).await.status, JobStatus::Queued);
    for number in [3, 2] {
        let id = world.record(JobKind::Export, number).await.id;
        let cancel = || world.queue.cancel(&world.datastore, JobKind::Export, &id);
        assert_eq!(cancel().await.unwrap(), Cancelled::Submitted);
        assert_eq!(cancel().await.unwrap(), Cancelled::Submitted);
        assert_eq!(world.record(JobKind::Export, number).await.status, JobStatus::CancelSubmitted);
    }
    world.runner().settle().await.unwrap();
    for number in [2, 3] {
        let job = world.record(JobKind::Export, number).await;
        assert_eq!(job.status, JobStatus::CancelCompleted);
        let again = world.queue.cancel(&world.datastore, JobKind::Export, &job.id).await.unwrap();
        assert_eq!(again, Cancelled::Ended);
    }
    assert!(world.objects.keys(EXPORTS_BUCKET).is_empty());
    assert_eq!(world.exported(4, ExportLevel::System, types(&["Patient"])).await.len(), 2);
}

#[tokio::test]
async fn the_members_of_a_group_are_found_or_it_is_not_there() {
    let world = World::new().await;
    world.of_two_patients().await;
    let store = world.catalog.open(&world.datastore).await.unwrap();
    let base = bases()(&world.datastore);
    let visible = Visible::everything("test");
    for (group, expected) in [("inner", Some(1)), ("outer", Some(1)), ("none", None), ("not an id", None)] {
        let found = jobs::members(&*store, &visible, group, &base, None).await.unwrap();
        assert_eq!(found.map(|found| found.len()), expected, "{group}");
    }
    let elsewhere = format!(r#"{{"entity":{{"reference":"{base}/Patient/a"}}}}"#);
    world
        .put(&format!(
            r#"{{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{elsewhere},
            {{"entity":{{"reference":"http://elsewhere/Patient/b"}}}},{{"entity":{{"display":"no one"}}}}]}}"#
        ))
        .await;
    let found = jobs::members(&*store, &visible, "g", &base, None).await.unwrap().unwrap();
    assert_eq!(found.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn groups_and_their_members_are_bounded() {
    let world = World::new().await;
    let store = world.catalog.open(&world.datastore).await.unwrap();
    let (base, visible) = (bases()(&world.datastore), Visible::everything("test"));
    let group = |kind: &str, count: usize| {
        let member = |number| format!(r#"{{"entity":{{"reference":"{kind}/m{number}"}}}}"#);
        let members: Vec<String> = (0..count).map(member).collect();
        let members = members.join(",");
        format!(r#"{{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{members}]}}"#)
    };
    let limits = [("Group", GROUPS_MAX - 1, "GROUPS_MAX"), ("Patient", MEMBERS_MAX, "MEMBERS_MAX")];
    for (kind, most, name) in limits {
        world.put(&group(kind, most)).await;
        assert!(jobs::members(&*store, &visible, "g", &base, None).await.is_ok(), "{name}");
        world.put(&group(kind, most + 1)).await;
        let refused = jobs::members(&*store, &visible, "g", &base, None).await;
        assert_eq!(refused, Err(StoreError::Limit(name)));
    }
}

#[tokio::test]
async fn an_export_that_fails_leaves_nothing_here() {
    let world = World::new().await;
    world.of_two_patients().await;
    let asked =
        ExportAsked { type_filters: vec!["Patient?no-such=1".to_owned()], ..types(&["Group", "Patient"]) };
    let job = world.export_as(2, ExportLevel::System, asked).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.message.unwrap().contains("no-such"));
    assert!(world.objects.keys(EXPORTS_BUCKET).is_empty());
    let files = ExportFiles::new(Arc::new(world.objects.clone()), 0);
    assert!(files.open(&world.datastore, &job.id, "Group-0.ndjson").await.is_err());
}
