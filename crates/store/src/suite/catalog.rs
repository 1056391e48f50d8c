//! Records of data stores and jobs, and the way to the contents.

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::Time;
use search::Filter;

use super::world::{all, named, patient};
use super::{CatalogBackend, MakeCatalog, wait};
use crate::{
    Catalog, CatalogError, Change, CmkType, Datastore, DatastoreId, DatastoreStatus, Job, JobId, JobKind,
    JobOutput, JobStatus, ManualClock, Progress, Request, StoreError, Transaction,
};

fn world(make: MakeCatalog) -> Box<dyn CatalogBackend> {
    make(Arc::new(ManualClock::at(Time::parse("2020-01-01T00:00:00Z").expect("an instant"))))
}

fn id(number: u32) -> DatastoreId {
    DatastoreId::parse(&format!("{number:032x}")).expect("an id")
}

fn datastore(number: u32, name: &str) -> Datastore {
    Datastore {
        id: id(number),
        name: Some(name.to_owned()),
        status: DatastoreStatus::Creating,
        created: Time(i64::from(number)),
        encryption: CmkType::AwsOwned,
        kms_key_id: None,
        preload: false,
        identity_provider: None,
        default_profiles: None,
        analytics: None,
        nlp: None,
        backup: None,
        error_cause: None,
        tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
    }
}

fn job(number: u32, datastore: u32, kind: JobKind) -> Job {
    Job {
        input: Some("s3://in/".to_owned()),
        output: JobOutput {
            prefix: "s3://out/".into(),
            folder: "s3://out/1/".into(),
            kms_key_id: "k".into(),
        },
        data_access_role_arn: "arn".to_owned(),
        progress: Progress { throughput: 1.5, ..Progress::default() },
        checkpoint: Some(serde_json::json!({"part": 1})),
        ..Job::submitted(job_id(number), id(datastore), kind, Time(i64::from(number)))
    }
}

fn job_id(number: u32) -> JobId {
    JobId::parse(&format!("{number:032x}")).expect("an id")
}

fn request(token: &str, made: &str) -> Change {
    Change::Request(Request {
        action: "CreateFHIRDatastore".to_owned(),
        token: token.to_owned(),
        fingerprint: "f".to_owned(),
        made: made.to_owned(),
        at: Time(1),
    })
}

fn store_change(record: Datastore, expected: Option<u64>) -> Change {
    Change::Datastore { record: Box::new(record), expected }
}

fn job_change(record: Job, expected: Option<u64>) -> Change {
    Change::Job { record: Box::new(record), expected }
}

fn write(catalog: &dyn Catalog, changes: Vec<Change>) {
    wait(catalog.write(changes)).expect("the changes are written");
}

fn names(catalog: &dyn Catalog) -> Vec<(String, u64)> {
    let all = wait(catalog.datastores()).expect("the catalog answers");
    all.into_iter().map(|one| (one.record.name.unwrap_or_default(), one.revision)).collect()
}

/// Data stores in the order of creation, whatever happened to them since.
pub fn records_are_listed_in_order(make: MakeCatalog) {
    let world = world(make);
    let catalog = world.catalog();
    assert_eq!(names(&*catalog), []);
    for (number, name) in [(3, "c"), (1, "a"), (2, "b")] {
        write(&*catalog, vec![store_change(datastore(number, name), None)]);
    }
    write(&*catalog, vec![store_change(datastore(3, "z"), Some(1))]);
    let expected = [("z", 2), ("a", 1), ("b", 1)].map(|(name, revision)| (name.to_owned(), revision));
    assert_eq!(names(&*catalog), expected);
    let one = wait(catalog.datastore(&id(1))).expect("the catalog answers").expect("it is there");
    assert_eq!((one.revision, one.record), (1, datastore(1, "a")));
    assert_eq!(wait(catalog.datastore(&id(9))), Ok(None));
}

/// A new record expects none, a change the revision that stands.
pub fn a_record_changes_only_from_its_revision(make: MakeCatalog) {
    let world = world(make);
    let catalog = world.catalog();
    let conflict = |expected| {
        wait(catalog.write(vec![store_change(datastore(1, "x"), expected)])) == Err(CatalogError::Conflict(0))
    };
    assert!(conflict(Some(1)) && conflict(Some(0)));
    write(&*catalog, vec![store_change(datastore(1, "a"), None)]);
    assert!(conflict(None) && conflict(Some(2)));
    write(&*catalog, vec![store_change(datastore(1, "b"), Some(1))]);
    assert!(conflict(Some(1)));
    assert_eq!(names(&*catalog), [("b".to_owned(), 2)]);
}

/// The change that conflicts is named, and those before it are not done either.
pub fn changes_happen_all_or_none(make: MakeCatalog) {
    let world = world(make);
    let catalog = world.catalog();
    write(&*catalog, vec![store_change(datastore(1, "a"), None)]);
    let changes = vec![
        store_change(datastore(2, "b"), None),
        job_change(job(1, 2, JobKind::Import), None),
        store_change(datastore(1, "x"), None),
        request("t", "2"),
    ];
    assert_eq!(wait(catalog.write(changes)), Err(CatalogError::Conflict(2)));
    assert_eq!(names(&*catalog), [("a".to_owned(), 1)]);
    assert_eq!(wait(catalog.jobs(&id(2), JobKind::Import)), Ok(vec![]));
    assert_eq!(wait(catalog.request("CreateFHIRDatastore", "t")), Ok(None));
    // A change may rest on one before it.
    let twice = vec![store_change(datastore(2, "b"), None), store_change(datastore(2, "c"), Some(1))];
    write(&*catalog, twice);
    assert_eq!(names(&*catalog), [("a".to_owned(), 1), ("c".to_owned(), 2)]);
}

/// Per action; the first use is remembered as it was.
pub fn a_token_is_used_once(make: MakeCatalog) {
    let world = world(make);
    let catalog = world.catalog();
    write(&*catalog, vec![request("t", "1"), request("u", "2")]);
    assert_eq!(wait(catalog.write(vec![request("t", "3")])), Err(CatalogError::Conflict(0)));
    let found = wait(catalog.request("CreateFHIRDatastore", "t")).expect("the catalog answers");
    assert_eq!(found.map(|request| request.made), Some("1".to_owned()));
    assert_eq!(wait(catalog.request("StartFHIRImportJob", "t")), Ok(None));
}

/// And are listed there in the order submitted.
pub fn jobs_belong_to_a_kind_and_a_data_store(make: MakeCatalog) {
    let world = world(make);
    let catalog = world.catalog();
    for (number, datastore, kind) in
        [(5, 1, JobKind::Import), (2, 1, JobKind::Import), (3, 1, JobKind::Export), (4, 2, JobKind::Import)]
    {
        write(&*catalog, vec![job_change(job(number, datastore, kind), None)]);
    }
    let mut changed = job(5, 1, JobKind::Import);
    changed.status = JobStatus::Completed;
    write(&*catalog, vec![job_change(changed.clone(), Some(1))]);
    let jobs = wait(catalog.jobs(&id(1), JobKind::Import)).expect("the catalog answers");
    let found: Vec<_> = jobs.into_iter().map(|job| (job.revision, job.record)).collect();
    assert_eq!(found, [(2, changed), (1, job(2, 1, JobKind::Import))]);
    assert_eq!(wait(catalog.job(&id(1), JobKind::Export, &job_id(5))), Ok(None));
    assert_eq!(wait(catalog.job(&id(2), JobKind::Import, &job_id(5))), Ok(None));
    assert!(wait(catalog.job(&id(1), JobKind::Export, &job_id(3))).is_ok_and(|job| job.is_some()));
}

fn open(catalog: &dyn Catalog, number: u32) -> Result<Vec<String>, StoreError> {
    let store = wait(catalog.open(&id(number)))?;
    let search = search::Search::new(&all(), patient(), Filter::Everything);
    let found = wait(store.search(&search))?;
    Ok(found.matches.iter().map(|row| row.key.to_string()).collect())
}

fn fill(catalog: &dyn Catalog, number: u32, patient: &str) {
    let store = wait(catalog.open(&id(number))).expect("the contents are there");
    let transaction = Transaction { preconditions: vec![], writes: vec![named(patient, "x")] };
    wait(store.commit(transaction)).expect("the commit succeeds");
}

/// Creating again keeps them, destroying again is nothing; created anew they are empty.
pub fn contents_are_there_from_create_to_destroy(make: MakeCatalog) {
    let mut world = world(make);
    let catalog = world.catalog();
    assert_eq!(open(&*catalog, 1), Err(StoreError::Absent));
    wait(catalog.create(&id(1))).expect("it is created");
    fill(&*catalog, 1, "1");
    wait(catalog.create(&id(1))).expect("it is there already");
    assert_eq!(open(&*catalog, 1), Ok(vec!["Patient/1".to_owned()]));
    for _ in 0..2 {
        wait(catalog.destroy(&id(1))).expect("it is destroyed");
        assert_eq!(open(&*catalog, 1), Err(StoreError::Absent));
    }
    drop(catalog);
    world.reopen();
    let catalog = world.catalog();
    assert_eq!(open(&*catalog, 1), Err(StoreError::Absent));
    wait(catalog.create(&id(1))).expect("it is created");
    assert_eq!(open(&*catalog, 1), Ok(vec![]));
}

/// What is written to one does not show in another.
pub fn contents_are_apart(make: MakeCatalog) {
    let world = world(make);
    let catalog = world.catalog();
    for number in [1, 2] {
        wait(catalog.create(&id(number))).expect("it is created");
        fill(&*catalog, number, &number.to_string());
    }
    assert_eq!(open(&*catalog, 1), Ok(vec!["Patient/1".to_owned()]));
    wait(catalog.destroy(&id(1))).expect("it is destroyed");
    assert_eq!(open(&*catalog, 2), Ok(vec!["Patient/2".to_owned()]));
}

/// Records, tokens and contents.
pub fn records_survive_reopening(make: MakeCatalog) {
    let mut world = world(make);
    let catalog = world.catalog();
    wait(catalog.create(&id(1))).expect("it is created");
    fill(&*catalog, 1, "1");
    write(&*catalog, vec![store_change(datastore(2, "b"), None), store_change(datastore(1, "a"), None)]);
    write(&*catalog, vec![job_change(job(1, 1, JobKind::Export), None), request("t", "1")]);
    let jobs = wait(catalog.jobs(&id(1), JobKind::Export));
    let stores = wait(catalog.datastores());
    drop(catalog);
    world.reopen();
    let catalog = world.catalog();
    assert_eq!(wait(catalog.datastores()), stores);
    assert_eq!(wait(catalog.jobs(&id(1), JobKind::Export)), jobs);
    assert_eq!(wait(catalog.write(vec![request("t", "9")])), Err(CatalogError::Conflict(0)));
    assert_eq!(open(&*catalog, 1), Ok(vec!["Patient/1".to_owned()]));
}
