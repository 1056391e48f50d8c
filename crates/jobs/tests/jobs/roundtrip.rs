//! What goes in through an import comes out of an export.

use std::collections::BTreeMap;
use std::sync::Arc;

use jobs::preload::{Source, Synthea};
use jobs::{Preload, S3Uri};
use population::Population;
use serde_json::Value;
use store::JobStatus;

use crate::world::{World, bases};

fn population_files(patients: u64) -> BTreeMap<&'static str, String> {
    let population = Population::new(5, 1_700_000_000);
    let charts =
        std::iter::once(population.community()).chain((0..patients).map(|number| population.patient(number)));
    let mut files: BTreeMap<_, String> = BTreeMap::new();
    for chart in charts {
        for (of, json) in chart.resources() {
            let file = files.entry(of).or_default();
            file.push_str(std::str::from_utf8(json).unwrap());
            file.push('\n');
        }
    }
    files
}

fn without_meta(line: &str) -> (String, Value) {
    let mut value: Value = serde_json::from_str(line).unwrap();
    let meta = value["meta"].as_object_mut().unwrap();
    assert!(meta.remove("versionId").is_some() && meta.remove("lastUpdated").is_some());
    if meta.is_empty() {
        value.as_object_mut().unwrap().remove("meta");
    }
    (format!("{}/{}", value["resourceType"].as_str().unwrap(), value["id"].as_str().unwrap()), value)
}

#[tokio::test]
async fn an_export_gives_back_what_an_import_brought() {
    let mut world = World::new().await;
    (world.sizes.run_lines, world.sizes.part_bytes) = (700, 100_000);
    let mut expected = BTreeMap::new();
    for (of, file) in population_files(10) {
        for line in file.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            expected.insert(format!("{of}/{}", value["id"].as_str().unwrap()), value);
        }
        world.objects.insert("input", &format!("in/{of}.ndjson"), file);
    }
    let job = world.import(2, "s3://input/in/", None).await;
    let failures: Vec<_> =
        world.output(&job).into_iter().filter(|(name, _)| name.starts_with("FAILURE")).collect();
    assert_eq!((job.status, job.message), (JobStatus::Completed, None), "{failures:?}");
    assert_eq!(job.progress.resources_imported, expected.len() as u64);

    let job = world.export(3).await;
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(job.progress.resources_scanned, expected.len() as u64);
    let mut found = BTreeMap::new();
    let output = world.output(&job);
    for (name, text) in &output {
        let of = name.split('/').next().unwrap();
        assert!(name.starts_with(&format!("{of}/{of}-")) && name.ends_with(".ndjson"), "{name}");
        for line in text.lines() {
            assert!(line.starts_with(&format!(r#"{{"resourceType":"{of}""#)));
            let (key, value) = without_meta(line);
            assert!(found.insert(key, value).is_none(), "no resource stands twice");
        }
    }
    assert!(output.keys().filter(|name| name.starts_with("Observation/")).count() > 2, "parts are bounded");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_second_import_makes_second_versions() {
    let world = World::new().await;
    for (of, file) in population_files(2) {
        world.objects.insert("input", &format!("in/{of}.ndjson"), file);
    }
    for (number, version) in [(2, 1), (3, 2)] {
        let job = world.import(number, "s3://input/in", None).await;
        assert_eq!(job.status, JobStatus::Completed);
        assert!(world.contents().await.values().all(|(found, _)| *found == version));
    }
}

#[tokio::test]
async fn a_preloaded_data_store_holds_the_population_once_however_often_it_is_filled() {
    let world = World::new().await;
    let store = world.catalog.open(&world.datastore).await.unwrap();
    let synthea =
        Synthea::new(Source::Generated { seed: 5, patients: 3 }, Arc::clone(&world.catalog), bases());
    let expected: usize = population_files(3).values().map(|file| file.lines().count()).sum();
    for _ in 0..2 {
        synthea.preload(&world.datastore, Arc::clone(&store)).await.unwrap();
        let contents = world.contents().await;
        assert_eq!(contents.len(), expected);
        assert!(contents.values().all(|(version, _)| *version == 1));
    }
}

#[tokio::test]
async fn synthea_output_preloads_from_a_folder_and_from_objects() {
    let (folder, files) = (tempfile::tempdir().unwrap(), population_files(2));
    let expected: usize = files.values().map(|file| file.lines().count()).sum();
    let location = S3Uri::parse("s3://input/synthea/").unwrap();
    for through_objects in [false, true] {
        let world = World::new().await;
        for (of, file) in &files {
            std::fs::write(folder.path().join(format!("{of}.ndjson")), file).unwrap();
            world.objects.insert("input", &format!("synthea/{of}.ndjson"), file.clone());
        }
        let source = match through_objects {
            true => Source::Objects(Arc::new(world.objects.clone()), location.clone()),
            false => Source::Folder(folder.path().to_owned()),
        };
        let store = world.catalog.open(&world.datastore).await.unwrap();
        Synthea::new(source, Arc::clone(&world.catalog), bases())
            .preload(&world.datastore, store)
            .await
            .unwrap();
        assert_eq!(world.contents().await.len(), expected);
    }
}
