//! The search parameters by number, and by resource type and code.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use fhir::{ParameterKind, ResourceType, SearchParameterDefinition, definitions};

use crate::ParamId;

/// Which number each search parameter code has, and what each code means on each resource type.
#[derive(Debug)]
pub struct Registry {
    /// In alphabetical order; the first has the number [`ParamId::FIRST_CODE`].
    codes: Vec<&'static str>,
    by_type: HashMap<(ResourceType, ParamId), &'static SearchParameterDefinition>,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::of_definitions);

/// The code of HealthLake's own search parameter on all types.
pub(crate) const CREATED_AT: &str = "createdAt";

/// HealthLake's own search parameter: when a resource came to be. It has no expression; see [`ParamId::CREATED`].
pub(crate) fn created_at() -> &'static SearchParameterDefinition {
    static CREATED: LazyLock<SearchParameterDefinition> = LazyLock::new(|| SearchParameterDefinition {
        url: "urn:tarn:search-parameter:createdAt".to_owned(),
        code: Cow::Borrowed(CREATED_AT),
        kind: ParameterKind::Date,
        bases: ResourceType::all().collect(),
        expression: Cow::Borrowed(""),
        targets: Vec::new(),
        components: Vec::new(),
    });
    &CREATED
}

/// The search parameters of FHIR R4, and `createdAt`. A data store may have more: see [`ParameterSet`](crate::ParameterSet).
pub fn registry() -> &'static Registry {
    &REGISTRY
}

impl Registry {
    fn of_definitions() -> Registry {
        let parameters = definitions().search_parameters();
        let codes: BTreeSet<&'static str> = parameters.iter().map(|parameter| &*parameter.code).collect();
        let mut registry = Registry { codes: codes.into_iter().collect(), by_type: HashMap::new() };
        for parameter in parameters {
            let param = registry.param(&parameter.code).expect("every code was just collected");
            for base in &parameter.bases {
                registry.by_type.insert((*base, param), parameter);
            }
        }
        registry
    }

    /// The number of a code, if some resource type has a search parameter of that code.
    pub fn param(&self, code: &str) -> Option<ParamId> {
        if code == CREATED_AT {
            return Some(ParamId::CREATED);
        }
        let place = u16::try_from(self.codes.binary_search(&code).ok()?).ok()?;
        Some(ParamId(ParamId::FIRST_CODE + place))
    }

    /// The code with this number.
    pub fn code(&self, param: ParamId) -> Option<&'static str> {
        if param == ParamId::CREATED {
            return Some(CREATED_AT);
        }
        let place = param.0.checked_sub(ParamId::FIRST_CODE)?;
        self.codes.get(usize::from(place)).copied()
    }

    /// What a parameter means on resources of type `of`.
    pub fn definition(&self, of: ResourceType, param: ParamId) -> Option<&'static SearchParameterDefinition> {
        if param == ParamId::CREATED {
            return Some(created_at());
        }
        self.by_type.get(&(of, param)).copied()
    }

    /// What a code means on resources of type `of`.
    pub fn named(
        &self,
        of: ResourceType,
        code: &str,
    ) -> Option<(ParamId, &'static SearchParameterDefinition)> {
        let param = self.param(code)?;
        Some((param, self.definition(of, param)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_frozen() {
        for (code, number) in NUMBERS {
            assert_eq!(registry().param(code), Some(ParamId(number)), "{code}");
            assert_eq!(registry().code(ParamId(number)), Some(code));
        }
        assert_eq!(registry().code(ParamId(ParamId::FIRST_CODE - 1)), None);
        assert_eq!(registry().param("no-such-code"), None);
    }

    #[test]
    fn a_code_has_a_meaning_for_each_type_that_has_it() {
        let [patient, observation] =
            ["Patient", "Observation"].map(|name| ResourceType::parse(name).unwrap());
        let (param, _) = registry().named(observation, "code").unwrap();
        assert!(registry().definition(patient, param).is_none());
        assert!(registry().named(patient, "_id").is_some());
    }

    const NUMBERS: [(&str, u16); 4] = [("_content", 16), ("code", 93), ("patient", 302), ("workflow", 477)];
}
