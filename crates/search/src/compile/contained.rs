//! `_contained` and `_containedType`: whether what is contained is searched, and which of both is shown (R4 search
//! §3.1.1.5.5).

use std::collections::BTreeMap;

use fhir::{ResourceType, definitions};

use super::Context;
use super::inside::{Stands, inside};
use crate::clause::Clause;
use crate::error::{Reason, SearchError, shown};
use crate::{Containment, Extractor, Filter, Include, ParamId, SearchScope, SelectedContents, Sort, SortKey};

const CONTAINED: &str = "_contained";
const CONTAINED_TYPE: &str = "_containedType";

/// What is asked of contained resources.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// Whether resources of their own are searched too.
    with_others: bool,
    /// Whether contained resources are shown instead of what contains them.
    shows_contained: bool,
}

/// What is to be found in the end.
pub(super) struct Found {
    pub(super) types: Vec<(ResourceType, Filter)>,
    pub(super) contents: Option<SelectedContents>,
}

/// Whether a parameter is one of the two.
pub(super) fn is_about_contained(name: &str) -> bool {
    matches!(name.split(':').next(), Some(CONTAINED | CONTAINED_TYPE))
}

/// What the parameters ask; `None` if contained resources are not searched.
pub(super) fn asked(
    parameters: &[(&str, &str)],
    context: &Context<'_>,
) -> Result<Option<Asked>, SearchError> {
    let searched = one_of(parameters, CONTAINED, &["false", "true", "both"], "false, true or both")?;
    let shown = one_of(parameters, CONTAINED_TYPE, &["container", "contained"], "container or contained")?;
    if searched == 0 {
        return Ok(None);
    }
    if !context.parameters.is_settled(ParamId::CONTAINED) {
        return Err(SearchError::new(CONTAINED, Reason::Awaited(CONTAINED.to_owned())));
    }
    Ok(Some(Asked { with_others: searched == 2, shows_contained: shown == 1 }))
}

/// Which of the values a parameter has; the first, if it is not there.
fn one_of(
    parameters: &[(&str, &str)],
    code: &str,
    values: &[&str],
    form: &'static str,
) -> Result<usize, SearchError> {
    let is_it = |name: &str| name.split(':').next() == Some(code);
    let mut given = parameters.iter().filter(|(name, _)| is_it(name));
    let Some((name, value)) = given.next() else { return Ok(0) };
    let fail = |reason| SearchError::new(name, reason);
    let clause = Clause::parse(name, value)?;
    if let Some(modifier) = clause.last().modifier {
        return Err(fail(Reason::Modifier { modifier: shown(modifier), has: Vec::new() }));
    }
    if given.next().is_some() {
        return Err(fail(Reason::Repeated));
    }
    let at = values.iter().position(|one| one == value);
    at.ok_or_else(|| fail(Reason::Value(form)))
}

impl Asked {
    /// The types whose resources may match: those that may contain others, and with them the ones asked for.
    pub(super) fn matching(&self, searched: &[ResourceType], scope: &SearchScope) -> Vec<ResourceType> {
        let mut all = containers(scope);
        if self.with_others {
            all.extend(searched);
            all.sort_unstable();
            all.dedup();
        }
        all
    }

    /// Refuses a criterion that no contained resource can be asked by.
    pub(super) fn check(&self, name: &str, criteria: &[Filter]) -> Result<(), SearchError> {
        if criteria.iter().any(Filter::asks_for_referrers) {
            let reason = Reason::WithContained("nothing but its container refers to a contained resource");
            return Err(SearchError::new(name, reason));
        }
        Ok(())
    }

    /// Refuses an order by what contained resources say, and includes with them.
    pub(super) fn check_page(&self, sort: &[Sort], include: &[Include]) -> Result<(), SearchError> {
        if sort.iter().any(|key| matches!(key.by, SortKey::Param(_))) {
            let reason =
                Reason::WithContained("the order is by _id, _lastUpdated or _type of the containers");
            return Err(SearchError::new("_sort", reason));
        }
        if self.shows_contained && !include.is_empty() {
            let reason = Reason::WithContained(
                "_include and _revinclude start from the containers, which _containedType=contained does not show",
            );
            return Err(SearchError::new("_include", reason));
        }
        Ok(())
    }

    /// What is to be found, where `wanted` is asked of resources wherever they stand.
    pub(super) fn found(
        &self,
        wanted: Vec<(ResourceType, Filter)>,
        scope: &SearchScope,
        context: &Context<'_>,
    ) -> Found {
        let extractor = Extractor::new(context.base, context.parameters);
        let of_scope = |filter: Filter| scope.filter().and(filter);
        let alone = |filter| inside(filter, Stands::Alone, context);
        let whole: Vec<(ResourceType, Filter)> = match self.with_others {
            true => wanted.iter().map(|(of, filter)| (*of, of_scope(alone(filter.clone())))).collect(),
            false => Vec::new(),
        };
        let types = wanted.into_iter().map(|(of, filter)| (of, inside(filter, Stands::Contained, context)));
        let contained = Containment { types: types.collect(), by: None, extractor };
        let holds = of_scope(contained.clone().filter());
        let mut types: BTreeMap<ResourceType, Filter> = whole.iter().cloned().collect();
        for of in containers(scope) {
            let either = match types.remove(&of) {
                Some(itself) => Filter::Or(vec![itself, holds.clone()]),
                None => holds.clone(),
            };
            types.insert(of, either);
        }
        let types = types.into_iter().collect();
        let contents = self.shows_contained.then_some(SelectedContents { contained, whole });
        Found { types, contents }
    }
}

/// The types within a scope whose resources may contain others.
fn containers(scope: &SearchScope) -> Vec<ResourceType> {
    let types = match scope {
        SearchScope::Type(_) | SearchScope::System => SearchScope::System.types(),
        SearchScope::Compartment { of, id, .. } => {
            SearchScope::Compartment { of: *of, id: id.clone(), inner: None }.types()
        }
    };
    let may_contain = |of: &ResourceType| definitions().resource(*of).element("contained").is_some();
    types.into_iter().filter(may_contain).collect()
}
