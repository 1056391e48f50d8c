//! The value sets, code systems and concept maps that a search or an operation names, fetched before it is understood.

use std::sync::Arc;

use fhir::package::{EntryAt, Library};
use fhir::{Packages, Resource, Time};
use search::{
    Definition, Filter, ParameterSet, Search, Sort, SortKey, Visible, Vocabulary, VocabularyNeed,
    vocabulary_needed,
};
use store::{Store, StoreError, Stored};
use tokio::runtime::Handle;

use self::kept::Version;
pub use self::kept::{KEPT_VOCABULARY_BYTES_MAX, KeptVocabulary};

mod kept;

/// What has fewer bytes is read at once: to do it elsewhere would take longer.
const ASIDE_BYTES_MIN: usize = 16 * 1024;

/// Where vocabulary is looked for: one caller's view of one data store.
#[derive(Clone, Copy)]
pub struct VocabularySource<'a> {
    /// The data store.
    pub store: &'a dyn Store,
    /// What the caller may see.
    pub visible: &'a Visible,
    /// The data store's search parameters.
    pub parameters: &'a ParameterSet,
    /// The FHIR base URL of the data store.
    pub base: &'a str,
    /// The packages that the server has.
    pub packages: &'a dyn Packages,
    /// Where large code systems stay that were read once.
    pub kept: Option<&'a KeptVocabulary>,
    /// The time.
    pub now: Time,
}

/// What these parameters name, with what that imports, as far as it is visible.
///
/// # Errors
/// Those of the store.
pub async fn vocabulary(
    parameters: &[(String, String)],
    source: &VocabularySource<'_>,
) -> Result<Vocabulary, StoreError> {
    let mut vocabulary = Vocabulary::new();
    source.complete(&mut vocabulary, vocabulary_needed(parameters)).await?;
    Ok(vocabulary)
}

/// A resource that a need means.
#[derive(Clone, Debug)]
pub struct Found {
    /// The resource.
    pub resource: Arc<Resource>,
    /// The package that has it; what it names is asked for from there.
    pub package: Option<u32>,
}

/// What a need leads to: further needs, and the package from which they are asked.
type Next = (Vec<VocabularyNeed>, Option<u32>);

impl VocabularySource<'_> {
    /// Adds what is needed, with what that needs in turn.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn complete(
        &self,
        vocabulary: &mut Vocabulary,
        needs: Vec<VocabularyNeed>,
    ) -> Result<(), StoreError> {
        self.complete_from(vocabulary, needs, None).await
    }

    /// The same for needs of what is in a package: that package and what it builds on are asked before the standard.
    /// What was named before, from another place, stays what it is.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn complete_from(
        &self,
        vocabulary: &mut Vocabulary,
        needs: Vec<VocabularyNeed>,
        from: Option<u32>,
    ) -> Result<(), StoreError> {
        let mut open: Vec<_> = needs.into_iter().map(|need| (need, from)).collect();
        while let Some((need, from)) = open.pop() {
            if !vocabulary.knows(&need) {
                let (more, from) = self.add(vocabulary, need, from).await?;
                open.extend(more.into_iter().map(|need| (need, from)));
            }
        }
        Ok(())
    }

    async fn add(
        &self,
        vocabulary: &mut Vocabulary,
        need: VocabularyNeed,
        from: Option<u32>,
    ) -> Result<Next, StoreError> {
        let Some(kept) = self.kept.filter(|_| matches!(need, VocabularyNeed::CodeSystem(_))) else {
            let found = self.resource(&need, from).await?;
            let more = vocabulary.add(need, found.as_ref().map(|found| &*found.resource));
            return Ok((more, found.and_then(|found| found.package)));
        };
        if let Some(definition) = self.kept(kept, &need, from).await? {
            return Ok((vocabulary.add_read(need, Ok(definition)), None));
        }
        let turns = kept.turns(self.base, &need);
        let _turn = turns.lock().await;
        // Who had the turn before may have read it meanwhile.
        if let Some(definition) = self.kept(kept, &need, from).await? {
            return Ok((vocabulary.add_read(need, Ok(definition)), None));
        }
        let more = match self.find(&need).await? {
            Some(stored) => self.add_stored(vocabulary, need, stored, kept).await?,
            None => self.add_packaged(vocabulary, need, from, kept).await?,
        };
        Ok((more, None))
    }

    /// Reads a stored code system and keeps it.
    async fn add_stored(
        &self,
        vocabulary: &mut Vocabulary,
        need: VocabularyNeed,
        stored: Stored,
        kept: &KeptVocabulary,
    ) -> Result<Vec<VocabularyNeed>, StoreError> {
        let body = stored.body.clone().unwrap_or_default();
        let read = match vocabulary.make_room(body.len()) {
            Err(fault) => Err(fault),
            Ok(()) => {
                let work = move || Resource::parse_slice(&body).ok().map(|one| Definition::read(&one));
                match aside(stored.body_bytes(), work).await? {
                    Some(read) => read,
                    None => return Ok(vocabulary.add(need, None)),
                }
            }
        };
        if let Ok(definition) = &read {
            kept.keep_stored(self.base, need.clone(), &stored, definition, self.now);
        }
        Ok(vocabulary.add_read(need, read))
    }

    /// Reads a code system of a package and keeps it; if there is none, takes the standard's.
    async fn add_packaged(
        &self,
        vocabulary: &mut Vocabulary,
        need: VocabularyNeed,
        from: Option<u32>,
        kept: &KeptVocabulary,
    ) -> Result<Vec<VocabularyNeed>, StoreError> {
        let library = Arc::clone(self.packages.current().library());
        let Some((at, found)) = packaged(&library, &need, from).await? else {
            return Ok(vocabulary.add(need, None));
        };
        let bytes = found.document().bytes().len();
        let read = match vocabulary.make_room(bytes) {
            Err(fault) => Err(fault),
            Ok(()) => aside(bytes, move || Definition::read(&found)).await?,
        };
        if let Ok(definition) = &read {
            kept.keep_packaged(&library, at, definition);
        }
        Ok(vocabulary.add_read(need, read))
    }

    /// What was kept for a need, if it still is what is meant.
    async fn kept(
        &self,
        kept: &KeptVocabulary,
        need: &VocabularyNeed,
        from: Option<u32>,
    ) -> Result<Option<Definition>, StoreError> {
        if let Some((version, definition)) = kept.stored(self.base, need) {
            return Ok(self.is_newest(need, &version).await?.then_some(definition));
        }
        let library = Arc::clone(self.packages.current().library());
        let Some(at) = place(&library, need, from) else { return Ok(None) };
        let Some(definition) = kept.packaged(&library, at) else { return Ok(None) };
        Ok((self.count(need, Filter::Everything).await? == Some(0)).then_some(definition))
    }

    /// The resource that is meant: of the data store, of the package that asks and those that it builds on, or, unless
    /// the standard itself has it, of any package.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resource(
        &self,
        need: &VocabularyNeed,
        from: Option<u32>,
    ) -> Result<Option<Found>, StoreError> {
        if let Some(stored) = self.find(need).await? {
            let body = stored.body.clone().unwrap_or_default();
            let parsed = aside(body.len(), move || Resource::parse_slice(&body).ok()).await?;
            return Ok(parsed.map(|resource| Found { resource: Arc::new(resource), package: None }));
        }
        let found = packaged(self.packages.current().library(), need, from).await?;
        Ok(found.map(|(at, resource)| Found { resource, package: Some(at.package) }))
    }

    /// What the data store has of what is meant, if it has something.
    async fn find(&self, need: &VocabularyNeed) -> Result<Option<Stored>, StoreError> {
        let mut search = self.search(need, Filter::Everything);
        search.sort = vec![Sort { by: SortKey::Updated, descending: true }];
        search.count = 1;
        Ok(self.store.search(&search).await?.matches.pop())
    }

    /// Whether what was kept is still what [`VocabularySource::find`] would find: it stands as it did, and nothing that is
    /// meant was written since. No body is opened for it.
    async fn is_newest(&self, need: &VocabularyNeed, kept: &Version) -> Result<bool, StoreError> {
        for condition in [kept.since(), kept.itself()] {
            if self.count(need, condition).await? != Some(1) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many there are of what is meant that pass a condition.
    async fn count(&self, need: &VocabularyNeed, condition: Filter) -> Result<Option<u64>, StoreError> {
        let mut search = self.search(need, condition);
        search.count = 0;
        search.total = search::Total::Accurate;
        Ok(self.store.search(&search).await?.total)
    }

    fn search(&self, need: &VocabularyNeed, condition: Filter) -> Search {
        let filter = need.filter(self.parameters, self.base).and(condition);
        Search::new(self.visible, need.of(), filter)
    }
}

/// Where the packages have what is meant, if it is not to be the standard's.
fn place(library: &Library, need: &VocabularyNeed, from: Option<u32>) -> Option<EntryAt> {
    let registry = library.registry();
    let at = registry.resolve(need.name(), Some(need.of()), from)?;
    let is_near = from.is_some_and(|from| registry.is_near(at.package, from));
    (is_near || !need.is_of_standard()).then_some(at)
}

/// The resource of a package that is meant.
async fn packaged(
    library: &Arc<Library>,
    need: &VocabularyNeed,
    from: Option<u32>,
) -> Result<Option<(EntryAt, Arc<Resource>)>, StoreError> {
    let Some(at) = place(library, need, from) else { return Ok(None) };
    let (library, name, of) = (Arc::clone(library), need.name().to_owned(), need.of());
    let found = aside(usize::MAX, move || library.resource(&name, Some(of), from)).await?;
    let found = found.unwrap_or_else(|error| {
        tracing::warn!(%error, "a resource of a package cannot be read");
        None
    });
    Ok(found.map(|resource| (at, resource)))
}

/// Does what takes long with so many bytes where no other request waits for it.
async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    // Without a runtime there is nobody who waits.
    let Some(runtime) = Handle::try_current().ok().filter(|_| bytes >= ASIDE_BYTES_MIN) else {
        return Ok(work());
    };
    let done = runtime.spawn_blocking(work).await;
    done.map_err(|_| StoreError::Failed("the reading of vocabulary stopped".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::{ASIDE_BYTES_MIN, aside};

    #[tokio::test]
    async fn who_reads_much_keeps_no_other_request_waiting() {
        for (bytes, is_aside) in [(ASIDE_BYTES_MIN, true), (ASIDE_BYTES_MIN - 1, false)] {
            let (sender, receiver) = mpsc::channel();
            let patience = if is_aside { Duration::from_secs(30) } else { Duration::ZERO };
            let reads = aside(bytes, move || receiver.recv_timeout(patience).is_ok());
            let (was_answered, _) = futures::join!(reads, async move { sender.send(()) });
            assert_eq!(was_answered.unwrap(), is_aside, "{bytes}");
        }
    }
}
