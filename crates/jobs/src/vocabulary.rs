//! The value sets and code systems that a search names, fetched before it is understood.

use fhir::Resource;
use search::{ParameterSet, Search, Sort, SortKey, Visible, Vocabulary, VocabularyNeed, vocabulary_needed};
use store::{Store, StoreError};

/// What these parameters name, with what that imports, as far as it is visible. `base` is the FHIR base URL of the
/// data store.
///
/// # Errors
/// Those of the store.
pub async fn vocabulary(
    parameters: &[(String, String)],
    store: &dyn Store,
    visible: &Visible,
    set: &ParameterSet,
    base: &str,
) -> Result<Vocabulary, StoreError> {
    let mut vocabulary = Vocabulary::new();
    let mut open = vocabulary_needed(parameters);
    while let Some(need) = open.pop() {
        if !vocabulary.knows(&need) {
            let fetched = find(&need, store, visible, set, base).await?;
            open.extend(vocabulary.add(need, fetched.as_ref()));
        }
    }
    Ok(vocabulary)
}

/// The resource that is meant, if the data store has one.
async fn find(
    need: &VocabularyNeed,
    store: &dyn Store,
    visible: &Visible,
    set: &ParameterSet,
    base: &str,
) -> Result<Option<Resource>, StoreError> {
    let mut search = Search::new(visible, need.of(), need.filter(set, base));
    search.sort = vec![Sort { by: SortKey::Updated, descending: true }];
    search.count = 1;
    let found = store.search(&search).await?.matches.pop();
    Ok(found.and_then(|stored| Resource::parse_slice(&stored.body?).ok()))
}
