//! The criteria of a conditional interaction: what they find now, and what of that a commit can rely on.

use fhir::{ResourceKey, ResourceType};
use search::{Compiled, Filter, Position, Search};
use store::{Found, Precondition, Stored};

use crate::Context;
use crate::interaction::Parameters;
use crate::outcome::Refusal;
use crate::vocabulary;

/// Criteria that are understood, confined to what the caller may see.
pub(crate) struct Criterion {
    of: ResourceType,
    filter: Filter,
}

impl Criterion {
    /// Understands criteria. Always strictly: a criterion that is overlooked finds other resources.
    pub(crate) async fn compile(
        context: &Context<'_>,
        of: ResourceType,
        criteria: &Parameters,
    ) -> Result<Criterion, Refusal> {
        if criteria
            .iter()
            .any(|(name, _)| matches!(name.split(':').next(), Some("_contained" | "_containedType")))
        {
            let sentence =
                "A condition is on resources of their own: _contained and _containedType make none.";
            return Err(Refusal::invalid(sentence));
        }
        let asked = search::Context {
            parameters: &context.parameters,
            of,
            vocabulary: &vocabulary::fetch(context, criteria).await?,
            base: context.base.as_str(),
            now: context.now,
            handling: search::Handling::Strict,
        };
        let compiled = search::compile(criteria, &asked).map_err(|errors| Refusal::search(&errors))?;
        Ok(Criterion { of, filter: only_filter(of, compiled)? })
    }

    /// The one resource that matches, or none. Several are a refusal.
    pub(crate) async fn one(&self, context: &Context<'_>) -> Result<Option<Stored>, Refusal> {
        let mut found = self.page(context, 2, None).await?.matches;
        if found.len() > 1 {
            return Err(Refusal::several(self.of));
        }
        Ok(found.pop())
    }

    /// Some of what matches.
    pub(crate) async fn page(
        &self,
        context: &Context<'_>,
        count: usize,
        after: Option<Position>,
    ) -> Result<Found, Refusal> {
        let mut search = Search::new(&context.visible, self.of, self.filter.clone());
        search.count = count;
        search.after = after;
        Ok(context.store.search(&search).await?)
    }

    /// That nothing matches.
    pub(crate) fn no_match(&self, context: &Context<'_>) -> Precondition {
        Precondition::NoMatch(self.of, self.confined(context))
    }

    /// That this resource and no other matches.
    pub(crate) fn only_match(&self, context: &Context<'_>, key: &ResourceKey) -> Precondition {
        Precondition::OnlyMatch(key.clone(), self.confined(context))
    }

    fn confined(&self, context: &Context<'_>) -> Filter {
        context.visible.confine(self.of, self.filter.clone())
    }
}

/// What is to be found. Refuses what asks for an order, a page, a total or an include, what names another type,
/// and what would let every resource pass.
fn only_filter(of: ResourceType, compiled: Compiled) -> Result<Filter, Refusal> {
    let is_more = !compiled.sort.is_empty() || !compiled.include.is_empty();
    if is_more || compiled.count.is_some() || compiled.total.is_some() {
        return Err(Refusal::invalid("A condition takes only criteria: no order, number, total or include."));
    }
    match <[_; 1]>::try_from(compiled.types) {
        Ok([(found, Filter::Everything)]) if found == of => {
            Err(Refusal::invalid("A condition needs at least one criterion."))
        }
        Ok([(found, filter)]) if found == of => Ok(filter),
        _ => Err(Refusal::invalid("A condition is on the type of the address, without _type.")),
    }
}
