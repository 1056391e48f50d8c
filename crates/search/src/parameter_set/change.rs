//! How a data store's parameters change when a SearchParameter is written or deleted, and when the older
//! resources have been indexed again.

use std::borrow::Cow;
use std::fmt;

use fhir::{Id, ParameterKind, Resource, ResourceType, SearchParameterDefinition};

use super::offered::{self, Offered};
use super::{Dropped, OwnParameter, ParameterSet};
use crate::extract::compile;
use crate::limits::OWN_PARAMETERS_MAX;
use crate::{ParamId, registry};

/// Why a SearchParameter cannot be served: where in the resource, and what is wrong there. Search parameters are
/// no patient data, so it may repeat what they say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterError {
    /// The element, as a FHIRPath: `SearchParameter.expression`.
    pub at: String,
    /// What is wrong with it.
    pub reason: Cow<'static, str>,
}

impl ParameterError {
    pub(super) fn new(at: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        ParameterError { at: at.into(), reason: reason.into() }
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

impl std::error::Error for ParameterError {}

impl ParameterSet {
    /// The set after the SearchParameter of this id was written as `resource`, or deleted. One that is retired or
    /// only repeats a parameter of R4 adds nothing.
    ///
    /// # Errors
    /// [`ParameterError`] when the resource asks for a parameter that cannot be served, or takes away what another
    /// is made of.
    pub fn changed(&self, id: &Id, resource: Option<&Resource>) -> Result<ParameterSet, ParameterError> {
        let offered = resource.map(offered::read).transpose()?.flatten();
        let offered = offered.map(|offered| self.unless_of_r4(offered)).transpose()?.flatten();
        let before = self.own().iter().position(|one| one.resource == *id);
        match (before, offered) {
            (None, None) => Ok(self.clone()),
            (Some(at), Some(offered)) if self.own()[at].definition == offered.definition => {
                let mut own = self.own().to_vec();
                own[at].restrictions = offered.restrictions;
                Ok(self.next(own, self.0.dropped.clone(), self.0.extraction))
            }
            (before, offered) => self.replaced(before, id, offered),
        }
    }

    fn replaced(
        &self,
        before: Option<usize>,
        id: &Id,
        offered: Option<Offered>,
    ) -> Result<ParameterSet, ParameterError> {
        let (mut own, mut dropped) = (self.own().to_vec(), self.0.dropped.clone());
        let since = self.0.extraction + 1;
        let param = free(&own, &dropped);
        if let Some(at) = before {
            let OwnParameter { param, definition, .. } = own.remove(at);
            dropped.push(Dropped { param, bases: definition.bases, since });
        }
        let is_new = offered.is_some();
        if let Some(Offered { definition, restrictions }) = offered {
            let limit = || format!("the limit OWN_PARAMETERS_MAX of {OWN_PARAMETERS_MAX} is reached");
            let param = param.filter(|_| own.len() < OWN_PARAMETERS_MAX);
            let param = param.ok_or_else(|| ParameterError::new("SearchParameter", limit()))?;
            check_clash(&own, &definition)?;
            let (resource, is_ready) = (id.clone(), false);
            own.push(OwnParameter { param, resource, definition, restrictions, since, is_ready });
        }
        let next = self.next(own, dropped, since);
        next.check_parts()?;
        if is_new && let Some(last) = next.own().last() {
            next.check_expressions(&last.definition)?;
        }
        Ok(next)
    }

    fn next(&self, own: Vec<OwnParameter>, dropped: Vec<Dropped>, extraction: u64) -> ParameterSet {
        ParameterSet::with(own, dropped, extraction, self.0.revision + 1)
    }

    /// The set after all resources of `types` were indexed again, beginning when the set's extraction had the
    /// number `since`: what was waiting for that can be asked from now on, and what was dropped is forgotten.
    pub fn indexed(&self, since: u64, types: &[ResourceType]) -> ParameterSet {
        let covers = |bases: &[ResourceType]| bases.iter().all(|base| types.contains(base));
        let mut own = self.own().to_vec();
        for one in &mut own {
            one.is_ready |= one.since <= since && covers(&one.definition.bases);
        }
        let mut dropped = self.0.dropped.clone();
        dropped.retain(|one| one.since > since || !covers(&one.bases));
        if own == self.own() && dropped == self.0.dropped {
            return self.clone();
        }
        self.next(own, dropped, self.0.extraction)
    }

    /// Leaves out what R4 has already; refuses what would replace it.
    fn unless_of_r4(&self, offered: Offered) -> Result<Option<Offered>, ParameterError> {
        let definition = &offered.definition;
        let (mut same, mut other) = (0, None);
        for base in &definition.bases {
            match registry().named(*base, &definition.code) {
                Some((_, theirs)) if means_the_same(*base, theirs, definition) => same += 1,
                Some(_) => other = Some(*base),
                None => {}
            }
        }
        if let Some(base) = other {
            let reason = format!(
                "{base} has a search parameter '{}' in R4, which is not replaced; use another code",
                definition.code
            );
            return Err(ParameterError::new("SearchParameter.code", reason));
        }
        match same {
            0 => Ok(Some(offered)),
            _ if same == definition.bases.len() => Ok(None),
            _ => {
                Err(ParameterError::new("SearchParameter.base", "R4 has this parameter on some of the types"))
            }
        }
    }

    /// Every composite's parts must be there and be no composites.
    fn check_parts(&self) -> Result<(), ParameterError> {
        for one in self.own() {
            for (at, component) in one.definition.components.iter().enumerate() {
                let part = self.at(&component.definition);
                if part.is_none_or(|part| part.kind == ParameterKind::Composite) {
                    let at = format!("SearchParameter.component[{at}].definition");
                    let reason = format!(
                        "the composite '{}' is made of '{}', which is no search parameter here",
                        one.definition.code, component.definition
                    );
                    return Err(ParameterError::new(at, reason));
                }
            }
        }
        Ok(())
    }

    /// Every base must find something by the expression.
    fn check_expressions(&self, definition: &SearchParameterDefinition) -> Result<(), ParameterError> {
        for base in &definition.bases {
            compile::check(*base, definition, self).map_err(|fault| {
                let reason = format!("on {base}, '{}': {}", fault.part, fault.reason);
                ParameterError::new("SearchParameter.expression", reason)
            })?;
        }
        Ok(())
    }
}

/// The lowest number that no parameter has and no row of the index.
fn free(own: &[OwnParameter], dropped: &[Dropped]) -> Option<ParamId> {
    let is_taken =
        |param| own.iter().any(|one| one.param == param) || dropped.iter().any(|one| one.param == param);
    (ParamId::FIRST_CUSTOM..=u16::MAX).map(ParamId).find(|param| !is_taken(*param))
}

fn check_clash(own: &[OwnParameter], definition: &SearchParameterDefinition) -> Result<(), ParameterError> {
    for one in own {
        if one.definition.url == definition.url {
            let reason = format!("SearchParameter/{} has this address already", one.resource);
            return Err(ParameterError::new("SearchParameter.url", reason));
        }
        let meets = one.definition.bases.iter().find(|base| definition.bases.contains(base));
        if let Some(base) = meets.filter(|_| one.definition.code == definition.code) {
            let reason = format!("SearchParameter/{} defines this code on {base} already", one.resource);
            return Err(ParameterError::new("SearchParameter.code", reason));
        }
    }
    Ok(())
}

/// Whether two definitions index the same of resources of type `of`.
fn means_the_same(
    of: ResourceType,
    theirs: &SearchParameterDefinition,
    ours: &SearchParameterDefinition,
) -> bool {
    let head = format!("{of}.");
    let paths = |definition: &SearchParameterDefinition| {
        let mut paths: Vec<String> = definition
            .expression
            .split('|')
            .map(|path| path.trim().trim_start_matches('(').trim_end_matches(')').to_owned())
            .filter(|path| {
                path.starts_with(&head)
                    || path.starts_with("Resource.")
                    || path.starts_with("DomainResource.")
            })
            .collect();
        paths.sort_unstable();
        paths
    };
    theirs.kind == ours.kind
        && (theirs.expression == ours.expression || (!paths(ours).is_empty() && paths(theirs) == paths(ours)))
}
