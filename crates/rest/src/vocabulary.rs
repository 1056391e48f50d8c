//! The value sets and code systems that a search or an operation names, fetched before it is understood.

use jobs::Library;
use search::Vocabulary;

use crate::Context;
use crate::interaction::Parameters;
use crate::outcome::Refusal;

/// What these parameters name, with what that imports, as far as the caller may see it.
pub(crate) async fn fetch(context: &Context<'_>, parameters: &Parameters) -> Result<Vocabulary, Refusal> {
    Ok(jobs::vocabulary(parameters, &library(context)).await?)
}

/// Where vocabulary is looked for.
pub(crate) fn library<'a>(context: &'a Context<'_>) -> Library<'a> {
    Library {
        store: context.store,
        visible: &context.visible,
        parameters: &context.parameters,
        base: context.base.as_str(),
        kept: Some(context.vocabulary),
        now: context.now,
    }
}
