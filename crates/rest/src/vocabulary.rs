//! The value sets and code systems that a search names, fetched before it is understood.

use search::Vocabulary;

use crate::Context;
use crate::interaction::Parameters;
use crate::outcome::Refusal;

/// What these parameters name, with what that imports, as far as the caller may see it.
pub(crate) async fn fetch(context: &Context<'_>, parameters: &Parameters) -> Result<Vocabulary, Refusal> {
    let (set, base) = (&context.parameters, context.base.as_str());
    Ok(jobs::vocabulary(parameters, context.store, &context.visible, set, base).await?)
}
