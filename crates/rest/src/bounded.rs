//! A data store as one request sees it: every search and history of the request ends when the request does.

use fhir::ResourceKey;
use search::{Cancellation, ParameterSet, Search, Visible};
use store::{
    Answer, CommitError, Committed, Found, History, Ingested, Note, Plan, Reindex, Reindexed, Run, Store,
    Stored, Transaction, Versions,
};

/// A data store whose searches and histories carry a [`Cancellation`]. Reads of known resources and commits are done
/// as they are: they are short, and what was committed must be told.
pub(crate) struct Bounded<'s> {
    pub(crate) store: &'s dyn Store,
    pub(crate) cancellation: Cancellation,
}

impl Bounded<'_> {
    fn bound(&self, search: &Search) -> Search {
        let mut search = search.clone();
        search.cancellation = self.cancellation.clone();
        search
    }
}

impl Store for Bounded<'_> {
    fn read<'a>(&'a self, keys: &'a [ResourceKey], visible: &'a Visible) -> Answer<'a, Vec<Option<Stored>>> {
        self.store.read(keys, visible)
    }

    fn history<'a>(&'a self, of: &'a History, visible: &'a Visible) -> Answer<'a, Versions> {
        let of = History { cancellation: self.cancellation.clone(), ..of.clone() };
        Box::pin(async move { self.store.history(&of, visible).await })
    }

    fn search<'a>(&'a self, search: &'a Search) -> Answer<'a, Found> {
        let search = self.bound(search);
        Box::pin(async move { self.store.search(&search).await })
    }

    fn explain<'a>(&'a self, search: &'a Search, parameters: &'a ParameterSet) -> Answer<'a, Plan> {
        let search = self.bound(search);
        Box::pin(async move { self.store.explain(&search, parameters).await })
    }

    fn commit<'a>(&'a self, transaction: Transaction) -> Answer<'a, Committed, CommitError> {
        self.store.commit(transaction)
    }

    fn scrub<'a>(&'a self) -> Answer<'a, ()> {
        self.store.scrub()
    }

    fn note<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Note>> {
        self.store.note(name)
    }

    fn notes<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, count: usize) -> Answer<'a, Vec<Note>> {
        self.store.notes(prefix, after, count)
    }

    fn ingest<'a>(&'a self, run: Run) -> Answer<'a, Ingested> {
        self.store.ingest(run)
    }

    fn parameters(&self) -> Answer<'_, ParameterSet> {
        self.store.parameters()
    }

    fn reindex<'a>(&'a self, step: &'a Reindex) -> Answer<'a, Reindexed> {
        self.store.reindex(step)
    }
}
