//! A whole search: matches, page, total, and what the page includes.

use search::Search;
use store::{Found, StoreError};

use crate::contents::Reading;
use crate::include::Included;
use crate::page::Page;

impl Reading<'_> {
    /// One page of matches and what they include (`Store::search`).
    pub(crate) fn search(&self, search: &Search) -> Result<Found, StoreError> {
        self.bodies_left.set(search.bodies_max);
        self.hierarchy_max.set(search.hierarchy_max);
        self.containers_left.set(search.containers_max);
        let page = self.page(search)?;
        let included = self.included(search, &page.rows)?;
        let Page { matches, selected, previous, next, total, .. } = page;
        let Included { rows: included, is_cut: included_is_cut, .. } = included;
        Ok(Found { matches, selected, included, included_is_cut, next, previous, total })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use std::ops::ControlFlow;
    use std::sync::Arc;

    use bytes::Bytes;
    use fhir::{Id, ResourceKey, ResourceType, Time};
    use search::{Cancellation, Entries, Filter, ParamId, SystemTest, Test, Value};
    use store::suite::wait;
    use store::{DataKey, ManualClock, Operation, Put, SeededRandom, Store, Transaction, Write};

    use crate::patience::Patience;
    use crate::{EmbeddedStore, StorageError, StoreLimits};

    const CODE: ParamId = ParamId(24);

    fn put(of: ResourceType, id: usize) -> Write {
        let key = ResourceKey { of, id: Id::parse(&format!("r{id}")).unwrap() };
        let mut entries = Entries::new();
        entries.push(
            CODE,
            Value::Token { system: None, code: Some(if id.is_multiple_of(2) { "x" } else { "y" }) },
        );
        let body = Bytes::from_static(b"{\"resourceType\":\"Observation\"}");
        Write::Put(Put { key, body, entries, operation: Operation::Create })
    }

    /// Each step that long work is made of asks, so that none goes on by itself.
    #[test]
    fn every_step_of_a_reading_ends_once_its_answer_is_not_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let key = DataKey::generate(&SeededRandom::new(1));
        let clock = Arc::new(ManualClock::at(Time(1)));
        let store = EmbeddedStore::open(folder.path(), &key, clock, StoreLimits::default()).unwrap();
        let of = ResourceType::parse("Observation").unwrap();
        let writes = (0..50).map(|id| put(of, id)).collect();
        wait(store.commit(Transaction { preconditions: vec![], writes })).unwrap();
        wait(store.settle()).unwrap();
        wait(store.commit(Transaction { preconditions: vec![], writes: vec![put(of, 50)] })).unwrap();

        let test = Test::Token { system: SystemTest::Any, code: Some("x".into()) };
        let cancellation = Cancellation::new();
        let reading = store.contents().reading().with(Patience::until(cancellation.clone()));
        let filter = Filter::Has(CODE, test);
        assert_eq!(reading.select(of, &filter).unwrap().len(), 26);
        cancellation.cancel();
        let is_cancelled =
            |outcome: Result<(), StorageError>| matches!(outcome, Err(StorageError::Cancelled));
        let segment = reading.of(of).unwrap().segments[0].clone();
        assert!(is_cancelled(reading.select(of, &filter).map(drop)));
        assert!(is_cancelled(reading.block(of, 0).map(drop)));
        assert!(is_cancelled(reading.stored(of, 0).map(drop)));
        assert!(is_cancelled(
            reading.segment(&segment).range(CODE.0, &[], |_, _| Ok(ControlFlow::Continue(())))
        ));
        assert_eq!(store.contents().reading().select(of, &filter).unwrap().len(), 26, "others go on");
    }
}
