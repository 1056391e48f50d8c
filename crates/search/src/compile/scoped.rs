//! Which types a search is about (`_type`, R4 search §3.1.1.1).

use fhir::ResourceType;

use crate::SearchScope;
use crate::clause::Clause;
use crate::error::{Reason, SearchError, shown};

/// Whether `_type` may narrow a search within this scope: where more than one type may be meant.
pub(super) fn takes_types(scope: &SearchScope) -> bool {
    scope.only_type().is_none()
}

/// The types that a search is about: those of its scope that every `_type` names.
pub(super) fn types(
    parameters: &[(&str, &str)],
    scope: &SearchScope,
) -> Result<Vec<ResourceType>, SearchError> {
    let mut types = scope.types();
    if !takes_types(scope) {
        return Ok(types);
    }
    for (name, value) in parameters.iter().filter(|(name, _)| is_type(name)) {
        let clause = Clause::parse(name, value)?;
        let fail = |reason| SearchError::new(name, reason);
        if let Some(modifier) = clause.last().modifier {
            return Err(fail(Reason::Modifier { modifier: shown(modifier), has: Vec::new() }));
        }
        let named: Option<Vec<ResourceType>> =
            clause.values.iter().map(|value| ResourceType::parse(value)).collect();
        let named = named.ok_or_else(|| fail(Reason::Value("names of resource types")))?;
        types.retain(|of| named.contains(of));
    }
    Ok(types)
}

fn is_type(name: &str) -> bool {
    name == "_type" || name.starts_with("_type:")
}
