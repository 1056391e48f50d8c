//! Deletions: what they take, what they leave, and what they say.

use fhir::{Id, ResourceKey, ResourceType};
use search::{Entries, Extractor, ParameterSet, Visible};
use store::{
    DeleteOperation, DeleteTarget, Deletion, History, Job, JobKind, JobStatus, Operation, Put, Scope,
    Transaction, Write,
};

use crate::world::World;

/// A deletion of this, of whatever time, without audit events.
pub(crate) fn deletion(target: DeleteTarget, is_hard: bool) -> Deletion {
    Deletion {
        operation: DeleteOperation::BulkDelete,
        target: Some(target),
        is_hard,
        takes_audit_events: false,
        from: None,
        until: None,
    }
}

fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).unwrap()
}

async fn commit(world: &World, writes: Vec<Write>) {
    world.clock.advance_ms(1000);
    let store = world.catalog.open(&world.datastore).await.unwrap();
    store.commit(Transaction { preconditions: Vec::new(), writes }).await.unwrap();
}

fn put(body: &str) -> Write {
    let resource = fhir::Resource::parse_slice(body.as_bytes()).unwrap();
    let key = resource.key().unwrap();
    let mut entries = Entries::new();
    Extractor::new("http://localhost/r4", &ParameterSet::r4())
        .extract(&resource, &key, &mut entries)
        .unwrap();
    let body = fhir::body(&resource, &key.id).into();
    Write::Put(Put { key, body, entries, operation: Operation::Update })
}

fn observation(id: &str, patient: &str) -> Write {
    put(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"a"}},"subject":{{"reference":"Patient/{patient}"}}}}"#
    ))
}

/// Two patients with observations, one of them deleted, one of them changed, and an audit event.
async fn charts() -> World {
    let world = World::new().await;
    for id in ["1", "2"] {
        commit(&world, vec![put(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#))]).await;
    }
    for (id, patient) in [("a", "1"), ("b", "1"), ("c", "2"), ("gone", "1"), ("gone2", "2"), ("a", "1")] {
        commit(&world, vec![observation(id, patient)]).await;
    }
    commit(&world, vec![Write::Delete(key("Observation/gone")), Write::Delete(key("Observation/gone2"))])
        .await;
    commit(
        &world,
        vec![put(
            r#"{"resourceType":"AuditEvent","id":"x","type":{"code":"rest"},"recorded":"2020-01-01T00:00:00Z","agent":[{"requestor":true,"who":{"reference":"Patient/1"}}],"source":{"observer":{"display":"x"}}}"#,
        )],
    )
    .await;
    world
}

async fn run(world: &World, deletion: Deletion) -> Job {
    let job = Job { deletion: Some(Box::new(deletion)), ..world.job(JobKind::Delete, 7) };
    world.submit(job).await.unwrap();
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Delete, 7).await;
    assert_eq!((job.status, job.message.as_deref()), (JobStatus::Completed, None));
    assert_eq!(job.deletion.as_ref().unwrap().target, None, "what was deleted is not kept");
    job
}

async fn current(world: &World) -> String {
    world.contents().await.into_keys().collect::<Vec<_>>().join(" ")
}

/// All resources with a history, in order.
async fn remembered(world: &World) -> String {
    let store = world.catalog.open(&world.datastore).await.unwrap();
    let any = ResourceKey { of: ResourceType::parse("Patient").unwrap(), id: Id::parse("1").unwrap() };
    let history = History { of: Scope::System, ..History::of_instance(any, 1000) };
    let found = store.history(&history, &Visible::everything("test")).await.unwrap();
    let mut keys: Vec<String> = found.versions.iter().map(|row| row.key.to_string()).collect();
    keys.sort();
    keys.dedup();
    keys.join(" ")
}

const ALL: &str = "AuditEvent/x Observation/a Observation/b Observation/c Observation/gone Observation/gone2 \
                   Patient/1 Patient/2";

#[tokio::test]
async fn a_type_is_deleted_softly() {
    let world = charts().await;
    let job = run(&world, deletion(DeleteTarget::Type("Observation".into()), false)).await;
    assert_eq!(current(&world).await, "AuditEvent/x Patient/1 Patient/2");
    assert_eq!(remembered(&world).await, ALL);
    assert_eq!(job.progress.resources_scanned, 3);
}

#[tokio::test]
async fn a_type_is_deleted_for_good_with_what_was_deleted_before() {
    let world = charts().await;
    let job = run(&world, deletion(DeleteTarget::Type("Observation".into()), true)).await;
    assert_eq!(remembered(&world).await, "AuditEvent/x Patient/1 Patient/2");
    assert_eq!(job.progress.resources_scanned, 5);
}

#[tokio::test]
async fn only_what_was_last_written_in_time_is_deleted() {
    for is_hard in [false, true] {
        let world = charts().await;
        let start = world.contents().await;
        let store = world.catalog.open(&world.datastore).await.unwrap();
        let rows = store.read(&[key("Observation/b")], &Visible::everything("test")).await.unwrap();
        let written = rows[0].as_ref().unwrap().updated;
        let all = deletion(DeleteTarget::Type("Observation".into()), is_hard);
        run(&world, Deletion { from: Some(written), until: Some(written), ..all }).await;
        let mut left = start;
        left.remove("Observation/b");
        assert_eq!(world.contents().await, left);
    }
}

#[tokio::test]
async fn a_patient_is_purged_with_all_histories_and_nobody_else() {
    let world = charts().await;
    let job = run(&world, deletion(DeleteTarget::Patient("1".into()), true)).await;
    assert_eq!(remembered(&world).await, "AuditEvent/x Observation/c Observation/gone2 Patient/2");
    assert_eq!(job.progress.resources_scanned, 4);
}

#[tokio::test]
async fn audit_events_are_purged_only_when_that_is_said() {
    let world = charts().await;
    let patient = deletion(DeleteTarget::Patient("1".into()), true);
    run(&world, Deletion { takes_audit_events: true, ..patient }).await;
    assert_eq!(remembered(&world).await, "Observation/c Observation/gone2 Patient/2");
}

#[tokio::test]
async fn a_resource_or_a_version_is_erased() {
    let world = charts().await;
    run(&world, deletion(DeleteTarget::Version("Observation".into(), "a".into(), 1), true)).await;
    assert_eq!(remembered(&world).await, ALL);
    let store = world.catalog.open(&world.datastore).await.unwrap();
    let history = History::of_instance(key("Observation/a"), 10);
    let found = store.history(&history, &Visible::everything("test")).await.unwrap();
    assert_eq!(found.versions.iter().map(|row| row.version).collect::<Vec<_>>(), [2]);

    let world = charts().await;
    run(&world, deletion(DeleteTarget::Resource("Observation".into(), "a".into()), true)).await;
    assert_eq!(remembered(&world).await, ALL.replace("Observation/a ", ""));
}

#[tokio::test]
async fn deletions_of_a_data_store_wait_for_each_other() {
    let world = charts().await;
    for number in 1..=3 {
        let one = deletion(DeleteTarget::Type("Observation".into()), false);
        let job = Job { deletion: Some(Box::new(one)), ..world.job(JobKind::Delete, number) };
        world.submit(job).await.unwrap();
    }
    world.runner().settle().await.unwrap();
    for number in 1..=3 {
        assert_eq!(world.record(JobKind::Delete, number).await.status, JobStatus::Completed);
    }
}
