//! The mark of a data store in which transactions wait: a record in the catalog, so that a started server need
//! not open every data store to find out.

use fhir::Time;
use store::{
    Catalog, CatalogError, Change, DatastoreId, Job, JobId, JobKind, JobStatus, Revised, StoreError,
};

/// The id of the record, the same in every data store: there is only one.
fn id() -> JobId {
    JobId::parse(&"0".repeat(32)).expect("32 digits are an id")
}

/// Says that something waits.
pub(super) async fn set(catalog: &dyn Catalog, datastore: &DatastoreId, now: Time) -> Result<(), StoreError> {
    turn(catalog, datastore, now, JobStatus::Submitted).await
}

/// Says that nothing waits.
pub(super) async fn clear(
    catalog: &dyn Catalog,
    datastore: &DatastoreId,
    now: Time,
) -> Result<(), StoreError> {
    turn(catalog, datastore, now, JobStatus::Completed).await
}

/// Whether something may wait.
pub(super) async fn is_set(catalog: &dyn Catalog, datastore: &DatastoreId) -> Result<bool, StoreError> {
    let record = catalog.job(datastore, JobKind::Transaction, &id()).await?;
    Ok(record.is_some_and(|at| !at.record.status.is_final()))
}

async fn turn(
    catalog: &dyn Catalog,
    datastore: &DatastoreId,
    now: Time,
    status: JobStatus,
) -> Result<(), StoreError> {
    loop {
        let at = catalog.job(datastore, JobKind::Transaction, &id()).await?;
        if at.as_ref().is_some_and(|at| at.record.status == status) {
            return Ok(());
        }
        let (record, expected) = match at {
            Some(Revised { revision, record }) => (record, Some(revision)),
            None => (Job::submitted(id(), datastore.clone(), JobKind::Transaction, now), None),
        };
        let ended = status.is_final().then_some(now);
        let record = Box::new(Job { status, ended, ..record });
        match catalog.write(vec![Change::Job { record, expected }]).await {
            Ok(()) => return Ok(()),
            Err(CatalogError::Conflict(_)) => {}
            Err(CatalogError::Failed(error)) => return Err(error),
        }
    }
}
