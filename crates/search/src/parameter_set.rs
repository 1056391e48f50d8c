//! The search parameters of one data store: R4's own, and those that it was given as SearchParameter resources.

use std::sync::{Arc, LazyLock, OnceLock};

use fhir::{Id, ResourceType, SearchParameterDefinition, definitions};

use crate::extract::plan::Plan;
use crate::registry::{CREATED_AT, created_at};
use crate::{NotIndexed, ParamId, extract, registry};

mod change;
mod offered;
mod record;

pub use change::ParameterError;
pub use offered::Restrictions;
pub use record::RecordError;

/// What extraction and search go by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ParameterSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    own: Vec<OwnParameter>,
    dropped: Vec<Dropped>,
    extraction: u64,
    revision: u64,
    /// By the number of the type, the plans of those that have parameters of the store's own, compiled on first
    /// use; the others share R4's.
    plans: Vec<Option<OnceLock<Plan>>>,
}

/// A search parameter that a data store was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnParameter {
    /// Its number, from [`ParamId::FIRST_CUSTOM`] on. A number stands for one meaning: a parameter that comes to
    /// index something else gets another.
    pub param: ParamId,
    /// The SearchParameter that defines it.
    pub resource: Id,
    /// What it means.
    pub definition: SearchParameterDefinition,
    /// What may be asked of it.
    pub restrictions: Restrictions,
    /// From which [`ParameterSet::extraction`] on writes are indexed by it.
    pub since: u64,
    /// Whether everything older is, too. Nothing can be asked of it before.
    pub is_ready: bool,
}

/// A number whose rows in the index are not what extraction finds, until its types are indexed again: of a parameter
/// that is gone, so that it is not given to another before, or of a fact that an older release did not extract.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dropped {
    param: ParamId,
    bases: Vec<ResourceType>,
    /// From which [`ParameterSet::extraction`] on what is written is right.
    since: u64,
}

impl Default for ParameterSet {
    fn default() -> Self {
        ParameterSet::r4()
    }
}

impl PartialEq for ParameterSet {
    fn eq(&self, other: &Self) -> bool {
        let facts = |set: &ParameterSet| (set.0.extraction, set.0.revision);
        facts(self) == facts(other) && self.0.own == other.0.own && self.0.dropped == other.0.dropped
    }
}

impl ParameterSet {
    /// R4's own parameters and no others.
    pub fn r4() -> ParameterSet {
        static R4: LazyLock<ParameterSet> = LazyLock::new(|| {
            let plans = ResourceType::all().map(|_| Some(OnceLock::new())).collect();
            let (own, dropped) = (Vec::new(), Vec::new());
            ParameterSet(Arc::new(Inner { own, dropped, extraction: 0, revision: 0, plans }))
        });
        R4.clone()
    }

    /// The same set of a data store whose resources an older release extracted, which said neither what they contain
    /// nor what a List lists.
    #[must_use]
    pub fn of_older_release(&self) -> ParameterSet {
        let since = self.0.extraction + 1;
        let mut dropped = self.0.dropped.clone();
        let lists = ResourceType::parse("List").into_iter().collect();
        dropped.push(Dropped { param: ParamId::CONTAINED, bases: ResourceType::all().collect(), since });
        dropped.push(Dropped { param: ParamId::LISTED, bases: lists, since });
        ParameterSet::with(self.0.own.clone(), dropped, since, self.0.revision + 1)
    }

    fn with(own: Vec<OwnParameter>, dropped: Vec<Dropped>, extraction: u64, revision: u64) -> ParameterSet {
        let has_own = |of| own.iter().any(|one| one.definition.bases.contains(&of));
        let plans = ResourceType::all().map(|of| has_own(of).then(OnceLock::new)).collect();
        ParameterSet(Arc::new(Inner { own, dropped, extraction, revision, plans }))
    }

    /// The parameters beyond R4's, those among them that cannot be asked yet.
    pub fn own(&self) -> &[OwnParameter] {
        &self.0.own
    }

    /// A number that rises whenever something else is extracted than before: entries say by which they were made
    /// ([`Entries::extraction`](crate::Entries::extraction)), and a store takes those of its present set only.
    pub fn extraction(&self) -> u64 {
        self.0.extraction
    }

    /// A number that rises with every change of the set.
    pub fn revision(&self) -> u64 {
        self.0.revision
    }

    /// What a code means on resources of type `of`, if it can be asked.
    pub fn named(&self, of: ResourceType, code: &str) -> Option<(ParamId, &SearchParameterDefinition)> {
        if let Some(found) = registry().named(of, code).filter(|(param, _)| self.is_made(of, *param)) {
            return Some(found);
        }
        let mut own = self.ready_of(of).filter(|one| one.definition.code == code);
        own.next().map(|one| (one.param, &one.definition))
    }

    /// Whether a code will mean something on resources of type `of` once the older ones are indexed by it.
    pub fn is_awaited(&self, of: ResourceType, code: &str) -> bool {
        self.own_of(of).any(|one| !one.is_ready && one.definition.code == code)
            || (code == CREATED_AT && !self.is_made(of, ParamId::CREATED))
    }

    /// What a parameter means on resources of type `of`, if it can be asked.
    pub fn definition(&self, of: ResourceType, param: ParamId) -> Option<&SearchParameterDefinition> {
        if param.0 < ParamId::FIRST_CUSTOM {
            return registry().definition(of, param).filter(|_| self.is_made(of, param));
        }
        self.ready_of(of).find(|one| one.param == param).map(|one| &one.definition)
    }

    /// What may be asked of a parameter beyond what its kind says; `None` if it is not one of the store's own.
    pub fn restrictions(&self, param: ParamId) -> Option<&Restrictions> {
        self.own().iter().find(|one| one.param == param).map(|one| &one.restrictions)
    }

    /// The code of a parameter.
    pub fn code(&self, param: ParamId) -> Option<&str> {
        if param.0 < ParamId::FIRST_CUSTOM {
            return registry().code(param);
        }
        self.own().iter().find(|one| one.param == param).map(|one| &*one.definition.code)
    }

    /// The parameters of one type that can be asked, R4's first.
    pub fn of(&self, of: ResourceType) -> impl Iterator<Item = &SearchParameterDefinition> {
        let created = self.is_made(of, ParamId::CREATED).then(created_at);
        let own = self.ready_of(of).map(|one| &one.definition);
        definitions().search_parameters_of(of).chain(created).chain(own)
    }

    /// The parameter with this canonical URL, with or without a version.
    pub fn at(&self, url: &str) -> Option<&SearchParameterDefinition> {
        let url = url.split_once('|').map_or(url, |(url, _)| url);
        let own = || self.own().iter().map(|one| &one.definition).find(|one| one.url == url);
        definitions().search_parameters().iter().find(|one| one.url == url).or_else(own)
    }

    /// The search parameters of `of` that extraction cannot fill: those that the standard gives no expression
    /// (`_text`, `_content`). `_id` and `_lastUpdated` are not among them.
    pub fn not_indexed(&self, of: ResourceType) -> &[NotIndexed] {
        &self.plan(of).not_indexed
    }

    /// Whether the index rows of a number are what extraction finds in every current resource: they are of facts,
    /// of R4's parameters and of those that can be asked, and nobody's concern otherwise.
    pub fn is_settled(&self, param: ParamId) -> bool {
        if param.0 < ParamId::FIRST_CUSTOM {
            return self.0.dropped.iter().all(|one| one.param != param);
        }
        self.own().iter().any(|one| one.param == param && one.is_ready)
    }

    /// The set of a data store whose resources of these types were written before stores noted when they came to be:
    /// they wait to be indexed again, and nothing can be asked of `createdAt` before.
    pub fn awaiting_created(&self, types: Vec<ResourceType>) -> ParameterSet {
        let since = self.0.extraction + 1;
        let mut dropped = self.0.dropped.clone();
        dropped.push(Dropped { param: ParamId::CREATED, bases: types, since });
        ParameterSet::with(self.0.own.clone(), dropped, since, self.0.revision + 1)
    }

    /// Whether every resource of a type has the entries of a parameter that is not the store's own.
    fn is_made(&self, of: ResourceType, param: ParamId) -> bool {
        !self.0.dropped.iter().any(|one| one.param == param && one.bases.contains(&of))
    }

    /// The types whose older resources wait to be indexed again, because a parameter came or went.
    pub fn unsettled(&self) -> Vec<ResourceType> {
        let waiting = self.own().iter().filter(|one| !one.is_ready).map(|one| &one.definition.bases);
        let dropped = self.0.dropped.iter().map(|one| &one.bases);
        let mut types: Vec<ResourceType> = waiting.chain(dropped).flatten().copied().collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    pub(crate) fn own_of(&self, of: ResourceType) -> impl Iterator<Item = &OwnParameter> {
        self.0.own.iter().filter(move |one| one.definition.bases.contains(&of))
    }

    fn ready_of(&self, of: ResourceType) -> impl Iterator<Item = &OwnParameter> {
        self.own_of(of).filter(|one| one.is_ready)
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

#[cfg(test)]
mod tests;
