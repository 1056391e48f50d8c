//! The value sets, code systems and concept maps that a search or an operation names, fetched before it is understood.

use std::sync::Arc;

use fhir::package::Packages;
use fhir::{Resource, Time};
use search::{
    Definition, Filter, ParameterSet, Search, Sort, SortKey, Visible, Vocabulary, VocabularyNeed,
    vocabulary_needed,
};
use store::{Store, StoreError, Stored};

use self::kept::Kept;
pub use self::kept::{KEPT_VOCABULARY_BYTES_MAX, KeptVocabulary};

mod kept;

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
        let mut open = needs;
        while let Some(need) = open.pop() {
            if !vocabulary.knows(&need) {
                open.extend(self.add(vocabulary, need).await?);
            }
        }
        Ok(())
    }

    async fn add(
        &self,
        vocabulary: &mut Vocabulary,
        need: VocabularyNeed,
    ) -> Result<Vec<VocabularyNeed>, StoreError> {
        let Some(kept) = self.kept.filter(|_| matches!(need, VocabularyNeed::CodeSystem(_))) else {
            let found = self.resource(&need).await?;
            return Ok(vocabulary.add(need, found.as_deref()));
        };
        if let Some(definition) = self.kept(kept, &need).await? {
            return Ok(vocabulary.add_read(need, definition));
        }
        let turns = kept.turns(self.base, &need);
        let _turn = turns.lock().await;
        // Who had the turn before may have read it meanwhile.
        if let Some(definition) = self.kept(kept, &need).await? {
            return Ok(vocabulary.add_read(need, definition));
        }
        let Some((stored, resource)) = self.find(&need).await? else {
            let packaged = self.packaged(&need);
            return Ok(vocabulary.add(need, packaged.as_deref()));
        };
        let more = vocabulary.add(need.clone(), Some(&resource));
        if let Some(definition) = vocabulary.definition(&need) {
            kept.keep(self.base, need, &stored, definition, self.now);
        }
        Ok(more)
    }

    /// What was kept for a need, if it still is what is meant.
    async fn kept(
        &self,
        kept: &KeptVocabulary,
        need: &VocabularyNeed,
    ) -> Result<Option<Definition>, StoreError> {
        let Some(found) = kept.get(self.base, need) else { return Ok(None) };
        Ok(self.is_newest(need, &found).await?.then_some(found.definition))
    }

    /// The resource that is meant: of the data store, or, unless the standard itself has it, of a package.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resource(&self, need: &VocabularyNeed) -> Result<Option<Arc<Resource>>, StoreError> {
        match self.find(need).await? {
            Some((_, resource)) => Ok(Some(Arc::new(resource))),
            None => Ok(self.packaged(need)),
        }
    }

    fn packaged(&self, need: &VocabularyNeed) -> Option<Arc<Resource>> {
        if need.is_of_standard() {
            return None;
        }
        let found = self.packages.current().resource(need.name(), Some(need.of()), None);
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "a resource of a package cannot be read");
            None
        })
    }

    /// The resource that is meant, if the data store has one.
    ///
    /// # Errors
    /// Those of the store.
    async fn find(&self, need: &VocabularyNeed) -> Result<Option<(Stored, Resource)>, StoreError> {
        let mut search = self.search(need, Filter::Everything);
        search.sort = vec![Sort { by: SortKey::Updated, descending: true }];
        search.count = 1;
        let Some(stored) = self.store.search(&search).await?.matches.pop() else { return Ok(None) };
        let body = stored.body.clone().unwrap_or_default();
        Ok(Resource::parse_slice(&body).ok().map(|resource| (stored, resource)))
    }

    /// Whether what was kept is still what [`VocabularySource::find`] would find: it stands as it did, and nothing that is
    /// meant was written since. No body is opened for it.
    async fn is_newest(&self, need: &VocabularyNeed, kept: &Kept) -> Result<bool, StoreError> {
        for condition in [kept.since(), kept.itself()] {
            let mut search = self.search(need, condition);
            search.count = 0;
            search.total = search::Total::Accurate;
            if self.store.search(&search).await?.total != Some(1) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn search(&self, need: &VocabularyNeed, condition: Filter) -> Search {
        let filter = need.filter(self.parameters, self.base).and(condition);
        Search::new(self.visible, need.of(), filter)
    }
}
