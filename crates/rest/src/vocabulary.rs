//! The value sets and code systems that a search names, fetched before it is understood.

use fhir::Resource;
use search::{Search, Sort, SortKey, Vocabulary, VocabularyNeed, vocabulary_needed};

use crate::Context;
use crate::interaction::Parameters;
use crate::outcome::Refusal;

/// What these parameters name, with what that imports, as far as the caller may see it.
pub(crate) async fn fetch(context: &Context<'_>, parameters: &Parameters) -> Result<Vocabulary, Refusal> {
    let mut vocabulary = Vocabulary::new();
    let mut open = vocabulary_needed(parameters);
    while let Some(need) = open.pop() {
        if !vocabulary.knows(&need) {
            let fetched = find(context, &need).await?;
            open.extend(vocabulary.add(need, fetched.as_ref()));
        }
    }
    Ok(vocabulary)
}

/// The resource that is meant, if the data store has one.
async fn find(context: &Context<'_>, need: &VocabularyNeed) -> Result<Option<Resource>, Refusal> {
    let filter = need.filter(&context.parameters, context.base.as_str());
    let mut search = Search::new(&context.visible, need.of(), filter);
    search.sort = vec![Sort { by: SortKey::Updated, descending: true }];
    search.count = 1;
    let found = context.store.search(&search).await?.matches.pop();
    Ok(found.and_then(|stored| Resource::parse_slice(&stored.body?).ok()))
}
