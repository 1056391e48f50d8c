//! Criteria about other resources: chains, `_has` and `_list` (R4 search §3.1.1.4.16-18).

use std::cell::Cell;

use fhir::{Id, ParameterKind, ResourceType, SearchParameterDefinition};

use super::target::targets;
use super::{Context, criterion, nearest};
use crate::clause::{Clause, Step, unescape};
use crate::error::{Reason, SearchError, shown};
use crate::limits::{CHAIN_DEPTH_MAX, CHAIN_LINKS_MAX};
use crate::{Filter, ParamId};

/// How many links from resource to resource one search has made so far.
#[derive(Default)]
pub(super) struct Links(Cell<usize>);

impl Links {
    /// Counts one more link; whether there may be that many.
    pub(super) fn is_one_more(&self) -> bool {
        self.0.set(self.0.get() + 1);
        self.0.get() <= CHAIN_LINKS_MAX
    }
}

/// The condition that one clause makes, on whatever resource it is about in the end.
pub(super) fn condition(
    clause: &Clause<'_>,
    context: &Context<'_>,
    links: &Links,
) -> Result<Filter, SearchError> {
    Chain { clause, links }.from(clause.name, context, 0)
}

struct Chain<'c> {
    clause: &'c Clause<'c>,
    links: &'c Links,
}

/// A reference parameter of a type, and the types it may refer to; `None` for any.
struct Link<'d> {
    param: ParamId,
    definition: &'d SearchParameterDefinition,
    targets: Option<Vec<ResourceType>>,
}

impl Chain<'_> {
    /// The condition that the rest of a name makes on resources of the context's type, `depth` links away.
    fn from(&self, rest: &str, context: &Context<'_>, depth: usize) -> Result<Filter, SearchError> {
        if depth > CHAIN_DEPTH_MAX {
            return Err(self.fail(Reason::Limit("CHAIN_DEPTH_MAX", CHAIN_DEPTH_MAX)));
        }
        if let Some(rest) = rest.strip_prefix("_has:") {
            return self.back(rest, context, depth);
        }
        if let Some((head, rest)) = rest.split_once('.') {
            return self.on(Step::parse(head), rest, context, depth);
        }
        let step = Step::parse(rest);
        if step.code == "_list" {
            return self.listed(step, context);
        }
        let last = Clause { name: self.clause.name, steps: vec![step], values: self.clause.values.clone() };
        criterion(&last, context)
    }

    /// A chain: what `step` refers to passes the rest.
    fn on(
        &self,
        step: Step<'_>,
        rest: &str,
        context: &Context<'_>,
        depth: usize,
    ) -> Result<Filter, SearchError> {
        let link = self.link(step.code, context)?;
        let (mut found, mut refused) = (Vec::new(), None);
        for of in self.targets_of(&link, step, rest, context)? {
            self.count()?;
            match self.from(rest, &Context { of, ..*context }, depth + 1) {
                Ok(filter) => found.push(Filter::Refers { param: link.param, of, filter: Box::new(filter) }),
                Err(error) if step.modifier.is_some() || is_final(&error) => return Err(error),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let none = || Reason::NoTarget { reference: shown(step.code), name: shown(head(rest)) };
        match found.len() {
            0 => Err(refused.unwrap_or_else(|| self.fail(none()))),
            1 => Ok(found.remove(0)),
            _ => Ok(Filter::Or(found)),
        }
    }

    /// The types that a chain goes to: the one that is named, or all that have what is asked of them.
    fn targets_of(
        &self,
        link: &Link<'_>,
        step: Step<'_>,
        rest: &str,
        context: &Context<'_>,
    ) -> Result<Vec<ResourceType>, SearchError> {
        let may_be = |of: &ResourceType| link.targets.as_ref().is_none_or(|all| all.contains(of));
        let Some(name) = step.modifier else {
            let asked = head(rest);
            let has = |of: &ResourceType| {
                matches!(asked, "_has" | "_list") || context.parameters.named(*of, asked).is_some()
            };
            return Ok(ResourceType::all().filter(may_be).filter(has).collect());
        };
        match ResourceType::parse(name).filter(may_be) {
            Some(of) => Ok(vec![of]),
            None => {
                let targets = link.targets.iter().flatten().map(|of| of.name()).collect();
                Err(self.fail(Reason::Modifier { modifier: shown(name), has: targets }))
            }
        }
    }

    /// `_has`: some resource that passes the rest refers here.
    fn back(&self, rest: &str, context: &Context<'_>, depth: usize) -> Result<Filter, SearchError> {
        let form = || self.fail(Reason::Name("_has:[type]:[reference]:[parameter]"));
        let (by, rest) = rest.split_once(':').ok_or_else(form)?;
        let (code, rest) = rest.split_once(':').ok_or_else(form)?;
        let by = ResourceType::parse(by).ok_or_else(form)?;
        let theirs = Context { of: by, ..*context };
        let link = self.link(code, &theirs)?;
        if link.targets.as_ref().is_some_and(|all| !all.contains(&context.of)) {
            let reason = Reason::NeverRefers {
                by: by.name(),
                param: link.definition.code.to_string(),
                to: context.of.name(),
            };
            return Err(self.fail(reason));
        }
        self.count()?;
        let filter = Box::new(self.from(rest, &theirs, depth + 1)?);
        Ok(Filter::ReferredBy { by, param: link.param, filter })
    }

    /// `_list`: an entry of one of these lists.
    fn listed(&self, step: Step<'_>, context: &Context<'_>) -> Result<Filter, SearchError> {
        if let Some(modifier) = step.modifier {
            return Err(self.fail(Reason::Modifier { modifier: shown(modifier), has: Vec::new() }));
        }
        if self.clause.values.iter().any(|value| value.starts_with('$')) {
            return Err(self.fail(Reason::FunctionalList));
        }
        let id = |value: &&str| {
            let text = unescape(value);
            Id::parse(text.strip_prefix("List/").unwrap_or(&text))
        };
        let ids: Option<Vec<Id>> = self.clause.values.iter().map(id).collect();
        let ids = ids.ok_or_else(|| self.fail(Reason::Value("ids of List resources")))?;
        if !context.parameters.is_settled(ParamId::LISTED) {
            return Err(self.fail(Reason::Awaited(shown(step.code))));
        }
        let by = ResourceType::parse("List").expect("R4 has lists");
        self.count()?;
        Ok(Filter::ReferredBy { by, param: ParamId::LISTED, filter: Box::new(Filter::Ids(ids)) })
    }

    /// The reference parameter of a code.
    fn link<'d>(&self, code: &str, context: &Context<'d>) -> Result<Link<'d>, SearchError> {
        let (param, definition) = context
            .parameters
            .named(context.of, code)
            .ok_or_else(|| self.fail(nearest::unknown(context, code)))?;
        if definition.kind != ParameterKind::Reference {
            return Err(self.fail(Reason::NoReference { of: context.of.name(), name: shown(code) }));
        }
        Ok(Link { param, definition, targets: targets(definition, context.of) })
    }

    /// Counts one more link, up to the limit.
    fn count(&self) -> Result<(), SearchError> {
        if self.links.is_one_more() {
            return Ok(());
        }
        Err(self.fail(Reason::Limit("CHAIN_LINKS_MAX", CHAIN_LINKS_MAX)))
    }

    fn fail(&self, reason: Reason) -> SearchError {
        SearchError::new(self.clause.name, reason)
    }
}

/// The code that the rest of a name begins with.
fn head(rest: &str) -> &str {
    rest.split(['.', ':']).next().unwrap_or(rest)
}

/// Whether no other type could make an error good.
fn is_final(error: &SearchError) -> bool {
    matches!(error.reason, Reason::Limit(..))
}
