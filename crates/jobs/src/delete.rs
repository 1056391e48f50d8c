//! A deletion: of a type, of a patient's compartment, of one resource or version.
//!
//! What is deleted is found again from the beginning after a crash, and what is gone already is not found, so that
//! the effect is exact without a checkpoint. The count is a note that each batch commits with what it deletes. What
//! is removed for good is scrubbed from the disk before the job ends.

use std::collections::{BTreeMap, BTreeSet};

use fhir::{ParameterKind, Resource, ResourceKey, ResourceType, Span, Time};
use search::{
    Entries, Extractor, Filter, ParamId, ParameterSet, Prefix, Search, SearchScope, Visible, references,
};
use store::reindex::is_parameter;
use store::{
    CommitError, DeleteTarget, Deletion, History, JobStatus, Note, Precondition, Scope, Store, StoreError,
    Stored, Transaction, Write,
};

use crate::held::{Held, Stopped};
use crate::import::Halt;
use crate::reindex::ensure_reindex;
use crate::runner::Means;

/// Resources deleted in one transaction.
const BATCH_WRITES: usize = 250;
/// Versions of a history looked at together.
const PAGE_VERSIONS: usize = 1000;
/// Passes over a patient's compartment, each for what was written during the one before.
const PASSES_MAX: usize = 8;
/// Notes whose names begin so hold keys of resources for a while.
const NOTES_WITH_KEYS: &str = "everything/";

/// Runs the job to its end, to the next batch after a stop was asked for, or to where it is lost.
pub(crate) async fn run(held: &mut Held, means: &Means<'_>) -> Result<(), Stopped> {
    let ended = match proceed(held, means).await {
        Ok(()) => (JobStatus::Completed, None),
        Err(Halt::Stopped(stopped)) => return Err(stopped),
        Err(Halt::Fault(message)) => (JobStatus::Failed, Some(message)),
    };
    // Also what a deletion did that failed later.
    settle_parameters(held, means).await?;
    if let Some(deletion) = &mut held.job.deletion {
        deletion.target = None;
    }
    held.finish(ended.0, ended.1).await
}

/// Has the data store indexed again if what was deleted were its search parameters: their rows are left over.
async fn settle_parameters(held: &Held, means: &Means<'_>) -> Result<(), StoreError> {
    let target = held.job.deletion.as_ref().and_then(|deletion| deletion.target.as_ref());
    if !target.and_then(DeleteTarget::of).is_some_and(is_parameter) {
        return Ok(());
    }
    let datastore = &held.job.datastore;
    let store = match means.catalog.open(datastore).await {
        Err(StoreError::Absent) => return Ok(()),
        opened => opened?,
    };
    let parameters = store.parameters().await?;
    ensure_reindex(means.queue, means.catalog, datastore, &parameters, held.now()).await
}

async fn proceed(held: &mut Held, means: &Means<'_>) -> Result<(), Halt> {
    let lost = || Halt::Fault("The job's record does not say what to delete".to_owned());
    let deletion = held.job.deletion.as_deref().cloned().ok_or_else(lost)?;
    let target = deletion.target.clone().ok_or_else(lost)?;
    let store = means.catalog.open(&held.job.datastore).await.map_err(failed)?;
    let base = (means.base)(&held.job.datastore);
    let note = format!("deletion/{}", held.job.id);
    let work = Work { store: &*store, means, deletion: &deletion, base, note };
    work.recall(held).await?;
    match (&target, target.key(), target.of()) {
        (DeleteTarget::Type(_), _, Some(of)) if deletion.is_hard => work.type_for_good(held, of).await?,
        (DeleteTarget::Type(_), _, Some(of)) => work.type_softly(held, of).await?,
        (DeleteTarget::Patient(_), Some(patient), _) => work.patient(held, &patient).await?,
        (DeleteTarget::Resource(..), Some(key), _) => work.resource(held, key).await?,
        (DeleteTarget::Version(_, _, version), Some(key), _) => work.version(held, key, *version).await?,
        _ => return Err(lost()),
    }
    if deletion.is_hard {
        work.forget(NOTES_WITH_KEYS).await?;
        store.scrub().await.map_err(failed)?;
    }
    work.forget(&work.note).await
}

/// What one job deletes, and from where.
struct Work<'w> {
    store: &'w dyn Store,
    means: &'w Means<'w>,
    deletion: &'w Deletion,
    base: String,
    /// The name of the note that counts.
    note: String,
}

impl Work<'_> {
    fn visible(&self) -> Visible {
        Visible::everything("deletion")
    }

    /// Takes up the count where a crash left it.
    async fn recall(&self, held: &mut Held) -> Result<(), Halt> {
        let note = self.store.note(&self.note).await.map_err(failed)?;
        let count = note.and_then(|note| std::str::from_utf8(&note.content).ok()?.parse().ok()).unwrap_or(0);
        if count > held.job.progress.resources_scanned {
            held.job.progress.resources_scanned = count;
            held.save().await?;
        }
        Ok(())
    }

    async fn resource(&self, held: &mut Held, key: ResourceKey) -> Result<(), Halt> {
        let rows = self.store.read(std::slice::from_ref(&key), &self.visible()).await.map_err(failed)?;
        if rows.iter().all(Option::is_none) {
            return Ok(());
        }
        self.erase(held, vec![key]).await
    }

    async fn version(&self, held: &mut Held, key: ResourceKey, version: u64) -> Result<(), Halt> {
        let history = History::version(key.clone(), version);
        let found = self.store.history(&history, &self.visible()).await.map_err(failed)?;
        if !found.versions.is_empty() {
            self.commit(held, Vec::new(), vec![Write::EraseVersion(key, version)]).await?;
        }
        Ok(())
    }

    fn is_in_time(&self, updated: Time) -> bool {
        self.deletion.from.is_none_or(|from| updated >= from)
            && self.deletion.until.is_none_or(|until| updated <= until)
    }

    /// Deletes what is current of a type. What changes meanwhile is newer than was asked for, and stays.
    async fn type_softly(&self, held: &mut Held, of: ResourceType) -> Result<(), Halt> {
        self.composites(held, of, Write::Delete).await?;
        let mut search = Search::new(&self.visible(), of, self.by_time());
        search.count = BATCH_WRITES;
        loop {
            let found = self.store.search(&search).await.map_err(failed)?;
            self.rows(held, found.matches, Write::Delete).await?;
            match found.next {
                Some(next) => search.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What the index can say of the times; the rest is looked at row by row.
    fn by_time(&self) -> Filter {
        let mut filter = Filter::Everything;
        if let Some(from) = self.deletion.from {
            let from = Time(from.0.div_euclid(1000) * 1000);
            let shown = Span { from, to: Time(from.0 + 1000) };
            filter = filter.and(Filter::Updated(Prefix::GreaterOrEqual, shown));
        }
        filter
    }

    /// Erases all resources of a type, deleted ones too.
    async fn type_for_good(&self, held: &mut Held, of: ResourceType) -> Result<(), Halt> {
        self.composites(held, of, Write::Erase).await?;
        let mut walk = Walk::new(of);
        while let Some(newest) = walk.next(self.store, &self.visible()).await? {
            self.rows(held, newest, Write::Erase).await?;
        }
        Ok(())
    }

    /// Of the search parameters of the data store's own, the composites first: their parts cannot go before them.
    async fn composites(
        &self,
        held: &mut Held,
        of: ResourceType,
        write: fn(ResourceKey) -> Write,
    ) -> Result<(), Halt> {
        if !is_parameter(of) {
            return Ok(());
        }
        let parameters = self.store.parameters().await.map_err(failed)?;
        let composites =
            parameters.own().iter().filter(|one| one.definition.kind == ParameterKind::Composite);
        let keys: Vec<_> = composites.map(|one| ResourceKey { of, id: one.resource.clone() }).collect();
        let found = self.store.read(&keys, &self.visible()).await.map_err(failed)?;
        self.rows(held, found.into_iter().flatten().collect(), write).await
    }

    /// Removes those of these that were last written in time; what changes meanwhile stays.
    async fn rows(
        &self,
        held: &mut Held,
        mut found: Vec<Stored>,
        write: fn(ResourceKey) -> Write,
    ) -> Result<(), Halt> {
        found.retain(|row| self.is_in_time(row.updated));
        for rows in found.chunks(BATCH_WRITES) {
            let mut rows: Vec<&Stored> = rows.iter().collect();
            while !rows.is_empty() {
                let relied = |row: &&Stored| Precondition::Version(row.key.clone(), row.version);
                let writes = rows.iter().map(|row| write(row.key.clone())).collect();
                match self.commit(held, rows.iter().map(relied).collect(), writes).await? {
                    None => break,
                    Some(changed) => drop(rows.remove(changed)),
                }
            }
        }
        Ok(())
    }

    /// Erases a patient's compartment, again while there is something new in it, and the patient last.
    async fn patient(&self, held: &mut Held, patient: &ResourceKey) -> Result<(), Halt> {
        let scope = SearchScope::Compartment { of: patient.of, id: patient.id.clone(), inner: None };
        let takes = |of: &ResourceType| self.deletion.takes_audit_events || of.name() != "AuditEvent";
        let types: Vec<ResourceType> = scope.types().into_iter().filter(takes).collect();
        for of in &types {
            let gone = self.deleted_members(*of, patient).await?;
            self.erase(held, gone).await?;
        }
        for _ in 0..PASSES_MAX {
            let all = types.iter().map(|of| (*of, scope.filter())).collect();
            let mut search = Search::across(&self.visible(), all);
            search.count = BATCH_WRITES;
            let mut is_clean = true;
            loop {
                let found = self.store.search(&search).await.map_err(failed)?;
                let rows = found.matches.into_iter();
                let keys: Vec<ResourceKey> = rows
                    .filter(|row| row.key != *patient && self.is_in_time(row.updated))
                    .map(|row| row.key)
                    .collect();
                is_clean &= keys.is_empty();
                self.erase(held, keys).await?;
                match found.next {
                    Some(next) => search.after = Some(next),
                    None => break,
                }
            }
            if is_clean {
                break;
            }
        }
        let own = self.store.read(std::slice::from_ref(patient), &self.visible()).await.map_err(failed)?;
        let own = own.into_iter().flatten().filter(|row| self.is_in_time(row.updated)).map(|row| row.key);
        self.erase(held, own.collect()).await
    }

    /// Deleted resources of a type whose last content belonged to the patient.
    async fn deleted_members(
        &self,
        of: ResourceType,
        patient: &ResourceKey,
    ) -> Result<Vec<ResourceKey>, Halt> {
        let mut walk = Walk::new(of);
        let mut found = Vec::new();
        let parameters = ParameterSet::default();
        while let Some(newest) = walk.next(self.store, &self.visible()).await? {
            for row in newest.into_iter().filter(|row| row.body.is_none() && self.is_in_time(row.updated)) {
                if row.key != *patient && self.belonged(&parameters, &row.key, patient).await? {
                    found.push(row.key);
                }
            }
        }
        Ok(found)
    }

    /// Whether the newest content that is left of a deleted resource was in the patient's compartment.
    async fn belonged(
        &self,
        parameters: &ParameterSet,
        key: &ResourceKey,
        patient: &ResourceKey,
    ) -> Result<bool, Halt> {
        let history = History::of_instance(key.clone(), 2);
        let versions = self.store.history(&history, &self.visible()).await.map_err(failed)?.versions;
        let Some(body) = versions.iter().find_map(|row| row.body.as_ref()) else { return Ok(false) };
        let Ok(resource) = Resource::parse_slice(body) else { return Ok(false) };
        let mut entries = Entries::new();
        let extractor = Extractor::new(&self.base, parameters);
        if extractor.extract(&resource, key, &mut entries).is_err() {
            return Ok(false);
        }
        Ok(references(&entries, ParamId::COMPARTMENT).any(|about| about == *patient))
    }

    /// Erases these resources, whatever stands.
    async fn erase(&self, held: &mut Held, keys: Vec<ResourceKey>) -> Result<(), Halt> {
        for keys in keys.chunks(BATCH_WRITES) {
            self.commit(held, Vec::new(), keys.iter().cloned().map(Write::Erase).collect()).await?;
        }
        Ok(())
    }

    /// Commits a batch with its count, and pauses if that was asked for. `Some` names the precondition that does
    /// not hold.
    async fn commit(
        &self,
        held: &mut Held,
        preconditions: Vec<Precondition>,
        mut writes: Vec<Write>,
    ) -> Result<Option<usize>, Halt> {
        let count = held.job.progress.resources_scanned + writes.len() as u64;
        let content = count.to_string().into();
        writes.push(Write::Note(Note { name: self.note.clone(), content, expires: None }));
        match self.store.commit(Transaction { preconditions, writes }).await {
            Ok(_) => {}
            Err(CommitError::Conflict(at)) => return Ok(Some(at)),
            Err(CommitError::Failed(error)) => return Err(failed(error)),
        }
        held.job.progress.resources_scanned = count;
        held.save().await?;
        if self.means.is_stopping() { Err(Stopped::Paused.into()) } else { Ok(None) }
    }

    /// Forgets the notes whose names begin so.
    async fn forget(&self, prefix: &str) -> Result<(), Halt> {
        loop {
            let notes = self.store.notes(prefix, None, BATCH_WRITES).await.map_err(failed)?;
            if notes.is_empty() {
                return Ok(());
            }
            let writes = notes.into_iter().map(|note| Write::Forget(note.name)).collect();
            let transaction = Transaction { preconditions: Vec::new(), writes };
            match self.store.commit(transaction).await {
                Ok(_) | Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Failed(error)) => return Err(failed(error)),
            }
        }
    }
}

/// The newest versions of a type, deletions too, page by page.
struct Walk {
    history: Option<History>,
}

impl Walk {
    fn new(of: ResourceType) -> Walk {
        Walk { history: Some(History::of(Scope::Type(of), PAGE_VERSIONS)) }
    }

    /// The newest versions among the next page of all; `None` at the end.
    async fn next(&mut self, store: &dyn Store, visible: &Visible) -> Result<Option<Vec<Stored>>, Halt> {
        let Some(history) = &mut self.history else { return Ok(None) };
        let page = store.history(history, visible).await.map_err(failed)?;
        match page.next {
            Some(next) => history.after = Some(next),
            None => self.history = None,
        }
        let keys: BTreeSet<ResourceKey> = page.versions.iter().map(|row| row.key.clone()).collect();
        let keys: Vec<ResourceKey> = keys.into_iter().collect();
        let standing = store.read(&keys, visible).await.map_err(failed)?;
        let newest: BTreeMap<&ResourceKey, u64> =
            keys.iter().zip(&standing).filter_map(|(key, row)| Some((key, row.as_ref()?.version))).collect();
        let is_newest = |row: &Stored| newest.get(&row.key) == Some(&row.version);
        Ok(Some(page.versions.into_iter().filter(is_newest).collect()))
    }
}

fn failed(error: StoreError) -> Halt {
    match error {
        StoreError::Absent => Halt::Stopped(Stopped::Paused),
        // Search parameters are no patient data.
        StoreError::Parameter(error) => Halt::Fault(error.to_string()),
        error => {
            tracing::error!(%error, "a deletion could not be done");
            Halt::Fault("The data store could not delete".to_owned())
        }
    }
}
