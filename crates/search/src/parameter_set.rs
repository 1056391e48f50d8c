//! The search parameters of one data store: R4's own, and those that it was given as SearchParameter resources.

use std::sync::{Arc, LazyLock, OnceLock};

use fhir::{ResourceType, SearchParameterDefinition, definitions};

use crate::extract::plan::Plan;
use crate::{NotIndexed, ParamId, extract, registry};

/// What extraction and search go by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ParameterSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    own: Vec<OwnParameter>,
    /// By the number of the type, the plans of those that have parameters of the store's own, compiled on first
    /// use; the others share R4's.
    plans: Vec<Option<OnceLock<Plan>>>,
}

/// A search parameter that a data store was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnParameter {
    /// Its number, from [`ParamId::FIRST_CUSTOM`] on. A number stands for one meaning: whoever changes what a
    /// parameter indexes gives it another.
    pub param: ParamId,
    /// What it means.
    pub definition: SearchParameterDefinition,
}

impl Default for ParameterSet {
    fn default() -> Self {
        ParameterSet::r4()
    }
}

impl ParameterSet {
    /// R4's own parameters and no others.
    pub fn r4() -> ParameterSet {
        static R4: LazyLock<ParameterSet> = LazyLock::new(|| {
            let plans = ResourceType::all().map(|_| Some(OnceLock::new())).collect();
            ParameterSet(Arc::new(Inner { own: Vec::new(), plans }))
        });
        R4.clone()
    }

    /// R4's own parameters and these.
    pub fn with(own: Vec<OwnParameter>) -> ParameterSet {
        if own.is_empty() {
            return ParameterSet::r4();
        }
        let has_own = |of| own.iter().any(|one| one.definition.bases.contains(&of));
        let plans = ResourceType::all().map(|of| has_own(of).then(OnceLock::new)).collect();
        ParameterSet(Arc::new(Inner { own, plans }))
    }

    /// The parameters beyond R4's.
    pub fn own(&self) -> &[OwnParameter] {
        &self.0.own
    }

    /// What a code means on resources of type `of`.
    pub fn named(&self, of: ResourceType, code: &str) -> Option<(ParamId, &SearchParameterDefinition)> {
        if let Some(found) = registry().named(of, code) {
            return Some(found);
        }
        let mut own = self.own_of(of).filter(|one| one.definition.code == code);
        own.next().map(|one| (one.param, &one.definition))
    }

    /// What a parameter means on resources of type `of`.
    pub fn definition(&self, of: ResourceType, param: ParamId) -> Option<&SearchParameterDefinition> {
        if param.0 < ParamId::FIRST_CUSTOM {
            return registry().definition(of, param);
        }
        self.own_of(of).find(|one| one.param == param).map(|one| &one.definition)
    }

    /// The code of a parameter.
    pub fn code(&self, param: ParamId) -> Option<&str> {
        if param.0 < ParamId::FIRST_CUSTOM {
            return registry().code(param);
        }
        self.0.own.iter().find(|one| one.param == param).map(|one| &*one.definition.code)
    }

    /// The parameters of one type, R4's first.
    pub fn of(&self, of: ResourceType) -> impl Iterator<Item = &SearchParameterDefinition> {
        definitions().search_parameters_of(of).chain(self.own_of(of).map(|one| &one.definition))
    }

    /// The parameter with this canonical URL.
    pub fn at(&self, url: &str) -> Option<&SearchParameterDefinition> {
        let own = || self.0.own.iter().map(|one| &one.definition).find(|one| one.url == url);
        definitions().search_parameters().iter().find(|one| one.url == url).or_else(own)
    }

    /// The search parameters of `of` that extraction cannot fill: those that the standard gives no expression
    /// (`_text`, `_content`). `_id` and `_lastUpdated` are not among them.
    pub fn not_indexed(&self, of: ResourceType) -> &[NotIndexed] {
        &self.plan(of).not_indexed
    }

    /// The store's own parameters of `of` that extraction cannot fill, with the reason.
    pub fn refused(&self, of: ResourceType) -> &[(ParamId, &'static str)] {
        &self.plan(of).refused
    }

    pub(crate) fn own_of(&self, of: ResourceType) -> impl Iterator<Item = &OwnParameter> {
        self.0.own.iter().filter(move |one| one.definition.bases.contains(&of))
    }

    /// How resources of a type are walked.
    pub(crate) fn plan(&self, of: ResourceType) -> &Plan {
        match &self.0.plans[usize::from(of.number())] {
            Some(plan) => plan.get_or_init(|| extract::compile::compile(of, self)),
            None => r4_plan(of),
        }
    }
}

fn r4_plan(of: ResourceType) -> &'static Plan {
    static R4: LazyLock<ParameterSet> = LazyLock::new(ParameterSet::r4);
    R4.plan(of)
}
