//! The value sets and code systems that a search or an operation names, fetched before it is understood.

use jobs::VocabularySource;
use search::Vocabulary;

use crate::Context;
use crate::interaction::Parameters;
use crate::outcome::Refusal;

/// What these parameters name, with what that imports, as far as the caller may see it.
pub(crate) async fn fetch(context: &Context<'_>, parameters: &Parameters) -> Result<Vocabulary, Refusal> {
    Ok(jobs::vocabulary(parameters, &source(context)).await?)
}

/// Where vocabulary is looked for.
pub(crate) fn source<'a>(context: &'a Context<'_>) -> VocabularySource<'a> {
    VocabularySource {
        store: context.store,
        visible: &context.visible,
        parameters: &context.parameters,
        base: context.base.as_str(),
        packages: context.packages,
        kept: Some(context.vocabulary),
        now: context.now,
    }
}
