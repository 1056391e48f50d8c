//! Search parameters of a data store's own: their rows come and go without anybody asking.

use std::sync::Arc;
use std::time::Duration;

use fhir::ResourceKey;
use search::{Entries, Extractor};
use store::{DeleteTarget, Job, JobKind, JobStatus, Operation, Put, Store, Transaction, Write};

use crate::delete::deletion;
use crate::world::World;

async fn store(world: &World) -> Arc<dyn Store> {
    world.catalog.open(&world.datastore).await.unwrap()
}

/// Commits as a process does that ends before it queues a job.
async fn put(world: &World, code: &str, rest: &str) {
    let json = format!(
        r#"{{"resourceType":"SearchParameter","id":"{code}","url":"http://x/{code}","name":"T","status":"active",
        "description":"d","code":"{code}","base":["Patient"],{rest}}}"#
    );
    let store = store(world).await;
    let resource = fhir::Resource::parse(json.into_bytes()).unwrap();
    let key = resource.key().unwrap();
    let mut entries = Entries::new();
    let extractor = Extractor::new("", &store.parameters().await.unwrap());
    extractor.extract(&resource, &key, &mut entries).unwrap();
    let body = fhir::body(&resource, &key.id).into();
    commit(world, vec![Write::Put(Put { key, body, entries, operation: Operation::Update })]).await;
}

async fn commit(world: &World, writes: Vec<Write>) {
    world.clock.advance_ms(1000);
    store(world).await.commit(Transaction { preconditions: Vec::new(), writes }).await.unwrap();
}

const TONGUE: &str = r#""type":"token","expression":"Patient.language""#;

/// The codes that can be asked and those that cannot yet, and how many types wait to be indexed again.
async fn served(world: &World) -> (Vec<String>, Vec<String>, usize) {
    let parameters = store(world).await.parameters().await.unwrap();
    let (ready, waiting): (Vec<_>, Vec<_>) = parameters.own().iter().partition(|own| own.is_ready);
    let codes =
        |own: Vec<&search::OwnParameter>| own.iter().map(|own| own.definition.code.to_string()).collect();
    (codes(ready), codes(waiting), parameters.unsettled().len())
}

async fn jobs(world: &World) -> Vec<Job> {
    let jobs = world.catalog.jobs(&world.datastore, JobKind::Reindex).await.unwrap();
    jobs.into_iter().map(|at| at.record).collect()
}

/// Runs a runner as a server does, until nothing waits to be indexed.
async fn serve_until_settled(world: &World) {
    let runner = world.runner();
    let running = tokio::spawn(Arc::clone(&runner).run());
    let settled = async {
        while served(world).await.2 > 0 || jobs(world).await.iter().any(|job| !job.status.is_final()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled).await.expect("it is indexed again by itself");
    runner.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn a_parameter_whose_job_a_crash_kept_from_the_queue_is_indexed_at_the_next_start() {
    let world = World::new().await;
    put(&world, "tongue", TONGUE).await;
    assert_eq!((served(&world).await, jobs(&world).await), ((vec![], vec!["tongue".to_owned()], 1), vec![]));
    serve_until_settled(&world).await;
    assert_eq!(served(&world).await, (vec!["tongue".to_owned()], vec![], 0));
    // Neither was anything queued twice, nor is it at a start where nothing waits.
    serve_until_settled(&world).await;
    assert_eq!(jobs(&world).await.len(), 1);
}

#[tokio::test]
async fn a_start_leaves_a_job_alone_that_will_do_it() {
    let world = World::new().await;
    put(&world, "tongue", TONGUE).await;
    let parameters = store(&world).await.parameters().await.unwrap();
    let (catalog, now) = (&*world.catalog, store::Clock::now(&*world.clock));
    jobs::ensure_reindex(&world.queue, catalog, &world.datastore, &parameters, now).await.unwrap();
    let mut begun = catalog.jobs(&world.datastore, JobKind::Reindex).await.unwrap().remove(0);
    begun.record.status = JobStatus::InProgress;
    let change = store::Change::Job { record: Box::new(begun.record), expected: Some(begun.revision) };
    catalog.write(vec![change]).await.unwrap();
    serve_until_settled(&world).await;
    assert_eq!(jobs(&world).await.len(), 1);
}

#[tokio::test]
async fn a_parameter_that_is_deleted_in_the_background_leaves_no_rows() {
    let part = |of: &str, path: &str| format!(r#"{{"definition":"{of}","expression":"{path}"}}"#);
    let gender = part("http://hl7.org/fhir/SearchParameter/individual-gender", "gender");
    let composite = format!(
        r#""type":"composite","expression":"Patient","component":[{},{gender}]"#,
        part("http://x/tongue", "language")
    );
    let all = DeleteTarget::Type("SearchParameter".into());
    let one = |code: &str| DeleteTarget::Resource("SearchParameter".into(), code.into());
    for (target, is_hard, left) in
        [(all.clone(), false, vec![]), (all, true, vec![]), (one("pair"), true, vec!["tongue".to_owned()])]
    {
        let world = World::new().await;
        put(&world, "tongue", TONGUE).await;
        put(&world, "pair", &composite).await;
        serve_until_settled(&world).await;
        let job =
            Job { deletion: Some(Box::new(deletion(target, is_hard))), ..world.job(JobKind::Delete, 7) };
        world.submit(job).await.unwrap();
        world.runner().settle().await.unwrap();
        let job = world.record(JobKind::Delete, 7).await;
        assert_eq!((job.status, job.message), (JobStatus::Completed, None));
        assert_eq!(served(&world).await, (left, vec![], 0), "nothing waits for somebody's $reindex");
    }
}

#[tokio::test]
async fn the_part_of_a_composite_is_not_erased_before_it_and_that_is_said() {
    let world = World::new().await;
    put(&world, "tongue", TONGUE).await;
    let component = r#"{"definition":"http://x/tongue","expression":"language"}"#;
    let composite =
        format!(r#""type":"composite","expression":"Patient","component":[{component},{component}]"#);
    put(&world, "pair", &composite).await;
    let target = DeleteTarget::Resource("SearchParameter".into(), "tongue".into());
    let job = Job { deletion: Some(Box::new(deletion(target, true))), ..world.job(JobKind::Delete, 7) };
    world.submit(job).await.unwrap();
    world.runner().settle().await.unwrap();
    let job = world.record(JobKind::Delete, 7).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.message.unwrap().contains("the composite 'pair' is made of"));
    // A transaction may name them in any order.
    let key = |id: &str| ResourceKey::parse(&format!("SearchParameter/{id}")).unwrap();
    commit(&world, vec![Write::Delete(key("tongue")), Write::Delete(key("pair"))]).await;
    assert!(store(&world).await.parameters().await.unwrap().own().is_empty());
}
